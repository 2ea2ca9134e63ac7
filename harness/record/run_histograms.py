"""A run's histograms, live and at its end: latency, TTFT, TPOT and every gap (ITL)."""

from collections import defaultdict
from dataclasses import dataclass

from harness.record.histograms import Histogram, Packed
from providers.call import Call, Json
from summary.registry import NAMED, PERCENTILES, over

COUNTED = [name for name in over("successes") if {"line", "tab"} & set(NAMED[name].uses)]
"""The figures of a call that live views show, ITL aside."""


@dataclass(slots=True)
class Tokens:
    """Output tokens, and the span they took: from the first call's start to the last call's end, in seconds since the
    run's start."""

    count: int = 0
    began_s: float | None = None
    ended_s: float = 0.0

    def add(self, count: int, began_s: float, ended_s: float) -> None:
        self.count += count
        self.began_s = began_s if self.began_s is None else min(self.began_s, began_s)
        self.ended_s = max(self.ended_s, ended_s)


class RunHistograms:
    """Histograms in seconds, by the calls' title and figure; measured successes only."""

    def __init__(self) -> None:
        self._histograms: defaultdict[tuple[str, str], Histogram] = defaultdict(Histogram)
        self._tokens: defaultdict[str, Tokens] = defaultdict(Tokens)

    def add(self, call: Call) -> None:
        """Count a call's figures, if it is a measured success. Those of a baseline are compared, not shown here."""
        if call.outcome != "ok" or call.phase != "measured" or call.side == "baseline":
            return
        name = call.title
        for figure in COUNTED:
            if (value := getattr(call, figure)) is not None:
                self._histograms[name, figure].add([value])
        if call.gaps_s:
            self._histograms[name, "itl_s"].add(call.gaps_s)
        if call.ttft_s is not None and call.output_tokens:
            ended_s = call.start_s + (call.latency_s or 0.0)
            self._tokens[name].add(call.output_tokens, call.start_s, ended_s)

    @property
    def has_calls(self) -> bool:
        return bool(self._histograms)

    def names(self) -> list[str]:
        """Return the title of the calls that have streamed."""
        return sorted({name for name, figure in list(self._histograms) if figure == "ttft_s"})

    def of(self, name: str, figure: str) -> Histogram:
        """Return a figure's histogram, which can be empty."""
        return self._histograms.get((name, figure)) or Histogram()

    def output_tokens_per_s(self, name: str) -> float:
        """Return all output tokens so far, divided by the span they took."""
        tokens = self._tokens.get(name) or Tokens()
        span_s = tokens.ended_s - (tokens.began_s or 0.0)
        return tokens.count / span_s if span_s else 0.0

    def packed(self) -> Packed:
        """Return everything as lists, strings and numbers, for `merge` in another process."""
        histograms = [[name, figure, seen.packed()] for (name, figure), seen in self._histograms.items()]
        return [histograms, [[name, seen.count, seen.began_s, seen.ended_s] for name, seen in self._tokens.items()]]

    def merge(self, packed: Packed) -> None:
        """Add a worker's packed histograms."""
        histograms, tokens = packed or ([], [])
        for name, figure, seen in histograms:
            self._histograms[name, figure].merge(seen)
        for name, count, began_s, ended_s in tokens:
            self._tokens[name].add(count, began_s, ended_s)

    def itl_s(self) -> Json | None:
        """Return the run's inter-token latency over every gap of every call, with its histogram."""
        total = Histogram()
        for (_, figure), seen in self._histograms.items():
            if figure == "itl_s":
                total.merge(seen.packed())
        if not len(total):
            return None
        return {
            "min": total.smallest,
            "avg": total.total / len(total),
            **{name: total.percentile(percent / 100) for name, percent in PERCENTILES.items()},
            "max": total.largest,
            "gaps": len(total),
            "histogram_ms": {f"{1000 * value:g}": count for value, count in sorted(total.counts.items())},
        }
