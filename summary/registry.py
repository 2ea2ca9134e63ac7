"""Every figure in one row: its name, its unit, and where it is used. Stdlib only.

Tables, CSV, gates, service levels, findings and live views are built from these rows. To add a figure, add a row here
and the line that computes it: for single calls a field of `providers.call.Call`, whose distribution follows by itself;
for a run a key of the summary, as in `summary.calls.rates`.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

Kind = Literal["time", "share", "rate", "count", "bytes", "tokens"]
Need = Literal["--stream", "--rate", "--slo", "--against"]
Use = Literal["gate", "slo", "table", "stage", "line", "tab", "difference", "compare"]
Over = Literal["successes", "calls", "gaps", "failures"]
Group = Literal["latency", "pace", "rate", "service", "failure", "with failures", "total", "size"]


@dataclass(frozen=True, slots=True)
class Unit:
    """How numbers of one kind are printed and parsed.

    heading   of a table of such numbers
    factor    in text for people, a number is multiplied by this, and followed by `sign`; times also have milliseconds
    powers    the suffixes that a limit can have, and the power of ten that each means
    expected  what a limit must be, for error messages
    """

    heading: str
    factor: int
    sign: str
    powers: Mapping[str, int]
    expected: str


_COUNTED = (1, "", {"": 0}, "a number of 0 or more, without a unit")
UNITS: dict[Kind, Unit] = {
    "time": Unit("time", 1, " s", {"": 0, "s": 0, "ms": -3}, "a time of 0 or more, such as 0.8, 0.8s or 800ms"),
    "share": Unit("share", 100, " %", {"": 0, "%": -2}, "a share from 0 to 1, such as 0.01 or 1%"),
    "rate": Unit("per second", 1, "/s", {"": 0}, "a rate per second of 0 or more, without a unit"),
    "count": Unit("count", *_COUNTED),
    "bytes": Unit("bytes", *_COUNTED),
    "tokens": Unit("tokens", *_COUNTED),
}


@dataclass(frozen=True, slots=True)
class Statistic:
    """One statistic of a distribution.

    percent         of a percentile
    samples_needed  with fewer, a percentile is just the largest one or two values
    ci_needs        with fewer, the percentile's 95 % confidence interval has no upper end
    is_extra        not missed by a run with too few samples for it: it is only shown where there are enough
    """

    name: str
    percent: float | None = None
    samples_needed: int = 0
    ci_needs: int = 0
    is_extra: bool = False

    @property
    def title(self) -> str:
        """Its name for people: p99_9 is p99.9."""
        return self.name.replace("_", ".")

    @property
    def written(self) -> tuple[str, ...]:
        """Its names in conditions: the median is also p50, p99_9 also p99.9."""
        return tuple(dict.fromkeys((self.name, f"p{self.percent}"))) if self.percent else (self.name,)


_STATISTICS = (
    Statistic("min"),
    Statistic("avg"),
    Statistic("median", 50),
    Statistic("p90", 90, samples_needed=10, ci_needs=36),
    Statistic("p95", 95, samples_needed=20, ci_needs=72),
    Statistic("p99", 99, samples_needed=100, ci_needs=368),
    Statistic("p99_9", 99.9, samples_needed=1000, ci_needs=3688, is_extra=True),
    Statistic("max"),
)
STATISTICS = tuple(each.name for each in _STATISTICS)
WRITTEN = {written: each.name for each in _STATISTICS for written in each.written}
TITLES = {each.name: each.title for each in _STATISTICS}
PERCENTILES = {each.name: each.percent for each in _STATISTICS if each.percent is not None}
MAIN = ("median", "p95", "p99")
"""The percentiles of views that have no room for all, of comparisons in words, and of differences within pairs."""

EXTRA = tuple(each.name for each in _STATISTICS if each.is_extra)
SAMPLES_NEEDED = {each.name: each.samples_needed for each in _STATISTICS if each.samples_needed}
CI_NEEDS = {each.name: each.ci_needs for each in _STATISTICS if each.ci_needs}

PAIRS_NEEDED = {"median": 6, "p95": CI_NEEDS["p95"], "p99": CI_NEEDS["p99"]}
"""With fewer pairs, a difference between target and baseline has no confidence interval."""

_SAMPLED = (*STATISTICS, *(f"{name}_ci95" for name in CI_NEEDS), "samples")
OF_DIFFERENCE = (
    *(f"{name}{ending}" for name in PAIRS_NEEDED for ending in ("", "_ci95")),
    "slower_share", "pairs", "told_apart", "would_show",
)  # fmt: skip
"""The keys of a difference between target and baseline, besides both sides' own percentiles."""

FIELDS: dict[Over, tuple[str, ...]] = {
    "successes": _SAMPLED,
    "calls": _SAMPLED,
    "gaps": (*STATISTICS, "gaps"),
    "failures": (*PERCENTILES, "infinite"),
}
"""The keys of a distribution in the summary, besides its histogram."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    name        its key in the summary, dotted if nested; for a figure of single calls, also its column in the rows
    kind        what its numbers measure. In rows, counts, bytes and tokens must be whole numbers: a row with a
                fraction of one can't be read back
    title       its name for people
    definition  in short; in full in docs/metrics.md, and in `providers.call` for single calls
    better      the better direction; `None` if neither is
    needs       the option without which a run doesn't have it
    uses        gate, slo: conditions can name it (slo: figures of single calls only). table: it has a line in the
                summary's tables. stage: it has a column in the table of stages. line: its median is in the live line.
                tab: its percentiles are in the web UI's tab. difference: with --against, how much the target adds to
                it. compare: `summary.baseline.measures` compares it between runs, as it does every distribution over
                successes or gaps
    over        for a distribution, its values: those of successes, those of all calls, the gaps between reads, or those
                of successes with each failure as an infinite one
    groups      figures that a finding casts doubt on together; a figure in no group is never doubted. size: a section
                of the table of facts
    word        its name in conditions, if that is not `name` (without `_s` for a time)
    text        in the table of facts, with its number in place of {}, if that is not just the number with its unit
    quiet       whether to leave it out of the table of facts while it is 0
    """

    name: str
    kind: Kind
    title: str
    definition: str
    _: KW_ONLY
    better: Literal["less", "more"] | None = None
    needs: Need | None = None
    uses: tuple[Use, ...] = ()
    over: Over | None = None
    groups: tuple[Group, ...] = ()
    word: str = ""
    text: str = ""
    quiet: bool = False

    @property
    def noun(self) -> str:
        return self.word or (self.name.removesuffix("_s") if self.kind == "time" else self.name)

    @property
    def statistics(self) -> tuple[str, ...]:
        return tuple(name for name in self.fields if name in STATISTICS)

    @property
    def compared(self) -> tuple[str | None, ...]:
        """What of it is compared between runs: `None` is the figure itself. A minimum or maximum is one call's."""
        if self.over in ("successes", "gaps"):
            return tuple(name for name in STATISTICS if name not in ("min", "max"))
        return (None,) if "compare" in self.uses else ()

    @property
    def fields(self) -> tuple[str, ...]:
        return FIELDS[self.over] if self.over else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns in the CSV form of a summary; none for a figure that only single calls have."""
        if self.over:
            return tuple(f"{self.name}.{field}" for field in self.fields)
        return () if "slo" in self.uses or self.uses == ("difference",) else (self.name,)


FIGURES = (
    Figure("latency_s", "time", "latency", "just before the SDK call -> last byte of the answer's body",
           better="less", uses=("gate", "slo", "table", "line", "difference"), over="successes", groups=("latency",)),
    Figure("latency_from_schedule_s", "time", "latency from schedule", "when the call should have started -> last byte",
           better="less", needs="--rate", uses=("gate", "slo", "table"), over="successes", groups=("latency",)),
    Figure("latency_error_adjusted_s", "time", "failures as ∞", "latency, with each failure as an infinitely slow call",
           better="less", uses=("gate",), over="failures", groups=("latency", "with failures"), word="error_adjusted"),
    Figure("ttft_s", "time", "TTFT", "start -> the read that completed the first content", better="less",
           needs="--stream", uses=("gate", "slo", "table", "stage", "line", "tab", "difference"), over="successes",
           groups=("pace",)),
    Figure("ttfv_s", "time", "TTFV",
           "start -> the read that completed the first visible content, reasoning excluded", better="less",
           needs="--stream", uses=("gate", "slo", "table", "difference"), over="successes", groups=("pace",)),
    Figure("tpot_s", "time", "TPOT", "(last content - first content) / (output tokens - 1)", better="less",
           needs="--stream", uses=("gate", "slo", "table", "tab", "difference"), over="successes", groups=("pace",)),
    Figure("itl_s", "time", "ITL", "each gap between two reads that carried content", better="less", needs="--stream",
           uses=("gate", "table", "tab"), over="gaps", groups=("pace",)),
    Figure("itl_mean_s", "time", "mean ITL", "the mean of a call's gaps", better="less", needs="--stream",
           uses=("slo",)),
    Figure("itl_max_s", "time", "longest ITL", "the longest of a call's gaps", better="less", needs="--stream",
           uses=("slo", "difference")),
    Figure("ttfb_s", "time", "TTFB", "start -> first byte of the answer's body", better="less",
           uses=("slo", "difference")),
    Figure("start_lag_s", "time", "start lag", "how long after its due time a call started", better="less",
           needs="--rate", over="calls"),
    Figure("lag_s", "time", "lag", "how long arrived packets waited to be read, at worst per call", better="less",
           over="calls"),
    Figure("error_rate", "share", "error rate",
           "failed and dropped calls over all but aborted ones, which never ended", better="less",
           uses=("gate", "compare"),
           groups=("failure",)),
    Figure("total_requests", "count", "calls", "all calls but the warm-up", uses=("gate", "table"), groups=("total",)),
    Figure("success_count", "count", "succeeded", "calls whose answer the provider finished", better="more",
           uses=("gate", "table"), groups=("total",)),
    Figure("failure_count", "count", "failed", "failed and dropped calls", better="less", uses=("gate", "table"),
           groups=("failure",)),
    Figure("dropped_count", "count", "dropped", "calls that never started because no user was free", better="less",
           needs="--rate", uses=("gate", "table"), text="{} of the failed: no user was free for them", quiet=True),
    Figure("aborted_count", "count", "aborted", "calls that the end of the run cut off", better="less",
           uses=("gate", "table"), text="{} (cut off by the end of the run)", quiet=True),
    Figure("lost.calls", "count", "lost", "calls that a worker was assigned and never reported, sent or not",
           better="less", uses=("gate", "table"), word="lost_calls",
           text="{} (assigned to workers that never reported them: perhaps sent)", quiet=True),
    Figure("warmup_count", "count", "warm-up calls", "calls that are not in any other figure", uses=("table",),
           text="{} (not in any figure)", quiet=True),
    Figure("total_execution_time_s", "time", "time", "first send -> last end", uses=("table",),
           text="{}, first send to last end"),
    Figure("throughput_rps", "rate", "throughput", "successes over the run's time", better="more",
           uses=("gate", "table", "compare"), groups=("rate",), text="{} successes/s", quiet=True),
    Figure("slo_attainment", "share", "met SLO", "the share of ended calls that met the --slo", better="more",
           needs="--slo", uses=("gate", "stage", "compare"), groups=("service", "with failures")),
    Figure("goodput_rps", "rate", "goodput", "calls that met the --slo, over the run's time", better="more",
           needs="--slo", uses=("gate", "table", "stage", "compare"), groups=("service", "with failures"),
           text="{} calls/s"),
    Figure("output_tokens_per_s", "rate", "output", "all output tokens of successes over the run's time", better="more",
           uses=("gate", "table", "compare"), groups=("rate",), text="{} tokens/s", quiet=True),
    Figure("asked_rps", "rate", "asked", "the rate that the options ask for", needs="--rate"),
    Figure("drawn_rps", "rate", "drawn", "the rate of the calls that were scheduled", needs="--rate"),
    Figure("delivered_rps", "rate", "delivered", "the part of the drawn rate that had started by the schedule's end",
           better="more", needs="--rate", uses=("gate",)),
    Figure("late_count", "count", "late", "calls that started over 10 ms after their due time", better="less",
           needs="--rate", uses=("gate",)),
    Figure("no_content_count", "count", "without content", "successes without text, reasoning, tool call or refusal",
           better="less"),
    Figure("peak_in_flight", "count", "peak in flight", "the most calls that were in flight at once"),
    Figure("total_bytes", "bytes", "bytes received", "the answers' bodies as received, of all calls",
           uses=("gate", "table"), groups=("total", "size")),
    Figure("response_bytes", "bytes", "response bytes", "an answer's body as received", uses=("difference",)),
    Figure("input_tokens", "tokens", "input tokens", "as the providers report them, cached ones included",
           uses=("table", "difference"), groups=("size",)),
    Figure("output_tokens", "tokens", "output tokens", "as the providers report them, reasoning included",
           uses=("table", "difference"), groups=("size",)),
    Figure("cached_tokens", "tokens", "cached tokens", "input tokens that the provider took from its cache"),
    Figure("reasoning_tokens", "tokens", "reasoning tokens", "output tokens that the end user doesn't see"),
    Figure("repeated_payloads", "count", "repeated prompts", "different prompts that were sent more than once",
           better="less", uses=("table",), groups=("size",)),
)  # fmt: skip
NAMED = {figure.name: figure for figure in FIGURES}
OF_CALLS = tuple(figure.name for figure in FIGURES if figure.over in ("successes", "calls") or not figure.columns)
"""The columns of rows that are figures of single calls."""

TOKENS = tuple(figure.name for figure in FIGURES if figure.kind == "tokens" and not figure.over)
"""Each is the sum of the rows' column of the same name."""


def used(use: Use, *first: str) -> tuple[Figure, ...]:
    """Return the figures of one use: those named in `first`, in that order, then the others in the registry's order."""
    names = [figure.name for figure in FIGURES if use in figure.uses]
    return tuple(NAMED[name] for name in dict.fromkeys((*first, *names)))


def group(name: Group) -> tuple[str, ...]:
    """Return the names of a group's figures."""
    return tuple(figure.name for figure in FIGURES if name in figure.groups)


def over(values: Over) -> tuple[str, ...]:
    """Return the names of the distributions over such values."""
    return tuple(figure.name for figure in FIGURES if figure.over == values)


def found(summary: Mapping[str, Any], name: str) -> Any:
    """Return the value at a dotted name, or `None`."""
    value: Any = summary
    for key in name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
