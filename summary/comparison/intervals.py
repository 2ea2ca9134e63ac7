"""The two ends of a 95 % confidence interval."""

from collections.abc import Iterable

Ends = tuple[float, float]


def excludes_0(ends: Iterable[float] | None) -> bool:
    """Return whether a difference with this interval can be told apart from none; never without an interval."""
    lower, upper = ends or (0.0, 0.0)
    return lower > 0 or upper < 0


def outermost(ends: Ends, others: Ends | None) -> Ends:
    """Return of two intervals whichever end is further out."""
    lower, upper = others or ends
    return min(ends[0], lower), max(ends[1], upper)


def listed(ends: Ends | None) -> list[float] | None:
    """Return an interval as JSON has it."""
    return ends and list(ends)
