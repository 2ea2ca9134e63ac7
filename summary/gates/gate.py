"""Gates (--fail-if): conditions on a run's figures that make it a failed run where they are true."""

from collections.abc import Collection
from dataclasses import dataclass

from summary.gates import language as conditions
from summary.gates.language import COMPARE, Condition, Figure, Kind, Language, Need

STATISTICS = {
    "min": "min",
    "avg": "avg",
    "median": "median",
    "p50": "median",
    "p95": "p95",
    "p99": "p99",
    "max": "max",
}
DISTRIBUTIONS: dict[str, Need | None] = {
    "latency": None,
    "ttft": "--stream",
    "ttfv": "--stream",
    "tpot": "--stream",
    "itl": "--stream",
    "latency_from_schedule": "--rate",
}
ADJUSTED = "latency_error_adjusted_s"
ADJUSTED_STATISTICS = ("median", "p95", "p99")
SCALARS: dict[str, tuple[Kind, Need | None]] = {
    "error_rate": ("share", None),
    "slo_attainment": ("share", "--slo"),
    "goodput_rps": ("rate", "--slo"),
    "throughput_rps": ("rate", None),
    "output_tokens_per_s": ("rate", None),
    "delivered_rps": ("rate", "--rate"),
    "total_requests": ("count", None),
    "success_count": ("count", None),
    "failure_count": ("count", None),
    "aborted_count": ("count", None),
    "dropped_count": ("count", "--rate"),
    "late_count": ("count", "--rate"),
    "total_bytes": ("count", None),
}
FIGURES: dict[str, Figure] = {
    **{name: Figure(("latency_s", key), "time") for name, key in STATISTICS.items()},
    **{
        f"{figure}_{name}": Figure((f"{figure}_s", key), "time", needs)
        for figure, needs in DISTRIBUTIONS.items()
        for name, key in STATISTICS.items()
    },
    **{f"error_adjusted_{name}": Figure((ADJUSTED, name), "time") for name in ADJUSTED_STATISTICS},
    **{name: Figure((name,), kind, needs) for name, (kind, needs) in SCALARS.items()},
    "lost_calls": Figure(("lost", "calls"), "count"),
}
KNOWN = (
    f"{', '.join(STATISTICS)} (of latency); the same after {', '.join(f'{name}_' for name in DISTRIBUTIONS)}; "
    f"{', '.join(f'error_adjusted_{name}' for name in ADJUSTED_STATISTICS)}; {', '.join(SCALARS)}, lost_calls"
)
LANGUAGE = Language("--fail-if", FIGURES, tuple(COMPARE), KNOWN, "p95>2")


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition that no run should meet."""

    condition: Condition

    @property
    def text(self) -> str:
        return self.condition.text

    @property
    def figure(self) -> Figure:
        return FIGURES[self.condition.name]

    def check(self, given: Collection[Need]) -> None:
        """Refuse a figure that a run with these options can't have. Raises `BadCondition`."""
        conditions.check(self.condition, LANGUAGE, given)


def parse(text: str) -> Gate:
    """Return the gate that one condition is. Raises `BadCondition`."""
    return Gate(conditions.parse(text, LANGUAGE))
