"""Distribution-free confidence intervals of percentiles."""

from functools import lru_cache

import numpy as np

TAIL = 0.025
"""The share of intervals that can miss on each side: 95 % confidence."""

LIKELY = 12
"""Standard deviations; what is further from the mean has a probability below 1e-30."""


def interval(values: np.ndarray, share: float) -> tuple[float, float] | None:
    """Return the 95 % confidence interval of a percentile, in the values' unit.

    values  in any order, observed independently; calls that slow each other down make the true interval wider
    share   0.95 for p95

    `None` if there are too few values for an upper end: p95 needs 72, p99 368. The ends are order statistics, with
    ranks from the binomial distribution (Conover, Practical Nonparametric Statistics, 3rd ed., 3.2; Hahn & Meeker,
    Statistical Intervals, 5.2).
    """
    return of_ordered(np.sort(values), share)


def of_ordered(ordered: np.ndarray, share: float) -> tuple[float, float] | None:
    """Return the same of values in ascending order: several percentiles of a million values need one sort."""
    if (found := ranks(len(ordered), share)) is None:
        return None
    lower, upper = found
    return float(ordered[lower - 1]), float(ordered[upper - 1])


@lru_cache(maxsize=64)
def ranks(count: int, share: float) -> tuple[int, int] | None:
    """Return the ranks of both ends, counted from 1: the innermost ones that leave at most `TAIL` on each side. They
    are kept, as a run's times mostly have equally many samples."""
    first, cumulated = _binomial_cdf(count, share)
    lower = first + int(np.searchsorted(cumulated, TAIL, side="right"))
    upper = first + int(np.searchsorted(cumulated, 1 - TAIL, side="left")) + 1
    return (lower, upper) if 1 <= lower < upper <= count else None


def _binomial_cdf(count: int, share: float) -> tuple[int, np.ndarray]:
    """Return P(X <= k), where X is the number of values below the true percentile, for each k that is likely enough to
    matter, and the first such k.

    Each probability is the one before it times (n - k) / (k + 1) * p / (1 - p); logarithms keep it in range.
    """
    mean, reach = count * share, LIKELY * (1 + np.sqrt(count * share * (1 - share)))
    first = max(0, int(mean - reach))
    k = np.arange(first, min(count, int(mean + reach)))
    steps = np.log((count - k) / (k + 1)) + np.log(share / (1 - share))
    logarithms = np.concatenate(([0.0], np.cumsum(steps)))
    cumulated = np.cumsum(np.exp(logarithms - logarithms.max()))
    return first, cumulated / cumulated[-1]
