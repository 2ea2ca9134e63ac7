"""What the answers' pace was over the run, live and at its end: histograms of latency, TTFT, TPOT and every gap (ITL).

A second instance of Locust's `RequestStats` carries them: it serialises, merges on the master and gives percentiles.
"""

from typing import Any

from locust.stats import RequestStats, StatsEntry

from harness.locust_csv import bucket_finely
from providers.call import Call

TOKENS = "output_tokens"
LATENCY_PERCENTILES = {"median": 0.5, "p95": 0.95, "p99": 0.99}


class PaceStats:
    """Histograms by figure and by `<api> <model>`, in milliseconds, three significant digits. Successes only."""

    def __init__(self) -> None:
        self.stats = RequestStats(use_response_times_cache=False)

    def add(self, call: Call) -> None:
        """Count a measured call's figures."""
        if call.outcome != "ok" or call.phase != "measured":
            return
        name = f"{call.api} {call.model}"
        for figure, value_s in (("latency_s", call.latency_s), ("ttft_s", call.ttft_s), ("tpot_s", call.tpot_s)):
            if value_s is not None:
                _count(self.stats.get(name, figure), [value_s])
        if call.gaps_s:
            _count(self.stats.get(name, "itl_s"), call.gaps_s)
        if call.ttft_s is not None and call.output_tokens:
            self._count_tokens(name, call)

    def entry(self, name: str, figure: str) -> StatsEntry:
        """Return a figure's histogram, an empty one if there is none."""
        return self.stats.entries.get((name, figure)) or StatsEntry(self.stats, name, figure)

    def output_tokens_per_s(self, name: str) -> float:
        """Return all output tokens over the time from the first call's start to the last one's end, so far."""
        tokens = self.entry(name, TOKENS)
        span_s = tokens.max_response_time - (tokens.min_response_time or 0)
        return tokens.total_content_length / span_s if span_s else 0.0

    def _count_tokens(self, name: str, call: Call) -> None:
        """An entry whose content is tokens, and whose times are where calls stand in the run, in seconds."""
        entry: Any = self.stats.get(name, TOKENS)
        entry.num_requests += 1
        entry.total_content_length += call.output_tokens
        ended_s = call.start_s + (call.latency_s or 0.0)
        starts_s = [call.start_s] if entry.min_response_time is None else [call.start_s, entry.min_response_time]
        entry.min_response_time, entry.max_response_time = min(starts_s), max(entry.max_response_time, ended_s)

    def merge(self, serialized: list[Any]) -> None:
        """Add what a worker counted."""
        for data in serialized:
            self.stats.get(data["name"], data["method"]).extend(StatsEntry.unserialize(data, self.stats))

    def itl_s(self) -> dict[str, Any] | None:
        """Return the run's inter-token latency over every gap of every call, its histogram included."""
        total = StatsEntry(self.stats, "Aggregated", "itl_s")
        for (_, figure), entry in self.stats.entries.items():
            if figure == "itl_s":
                total.extend(entry)
        if not total.num_requests:
            return None
        percentiles = {name: _percentile_s(total, share) for name, share in LATENCY_PERCENTILES.items()}
        return {
            "min": (total.min_response_time or 0) / 1000,
            "avg": total.avg_response_time / 1000,
            **percentiles,
            "max": total.max_response_time / 1000,
            "gaps": total.num_requests,
            "histogram_ms": {f"{key:g}": count for key, count in sorted(total.response_times.items())},
        }


def _count(entry: StatsEntry, values_s: list[float]) -> None:
    """Add values as `StatsEntry.log` would, without its bookkeeping by the second, which costs more than the rest."""
    times: Any = entry.response_times
    for value_s in values_s:
        times[bucket_finely(value_s * 1000)] += 1
    smallest_ms, largest_ms = min(values_s) * 1000, max(values_s) * 1000
    entry.num_requests += len(values_s)
    entry.total_response_time += sum(values_s) * 1000  # type: ignore[assignment]
    entry.min_response_time = min(entry.min_response_time or smallest_ms, smallest_ms)  # type: ignore[assignment]
    entry.max_response_time = max(entry.max_response_time, largest_ms)  # type: ignore[assignment]


def _percentile_s(entry: StatsEntry, share: float) -> float:
    return entry.get_response_time_percentile(share) / 1000
