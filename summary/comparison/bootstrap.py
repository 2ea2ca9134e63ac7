"""Confidence intervals by resampling blocks of calls (block bootstrap). Seeded: equal rows give equal intervals."""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from summary.comparison.blocks import Blocks
from summary.comparison.intervals import Ends

SEED = 11
Z_975 = 1.959963985
DRAWS = 1000
AT_ONCE = 100
"""How many draws are computed together, to save memory."""

MARGIN = 3
"""How many times the square root of the values' number is looked at first, to either side, for a draw's percentile."""

T_975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}

Statistic = Callable[[np.ndarray, Blocks, np.ndarray], np.ndarray]
"""(values, their blocks, how often each draw has each block) -> the statistic of each draw."""


def alone(values: np.ndarray, blocks: Blocks, statistic: Statistic) -> Ends | None:
    """Return the 95 % confidence interval of a statistic of one series; `None` if there are too few blocks."""
    if not blocks.are_enough:
        return None
    whole, drawn = _whole(blocks), draw(blocks.count)
    return interval(statistic(values, blocks, whole)[0], statistic(values, blocks, drawn), blocks)


def paired(new: np.ndarray, old: np.ndarray, blocks: Blocks, statistic: Statistic) -> Ends | None:
    """Return the 95 % confidence interval of `statistic(new) - statistic(old)`, where the values at one place belong to
    one pair and are drawn together. `None` if there are too few blocks."""
    if not blocks.are_enough:
        return None
    whole, drawn = _whole(blocks), draw(blocks.count)
    found = statistic(new, blocks, whole) - statistic(old, blocks, whole)
    return interval(found[0], statistic(new, blocks, drawn) - statistic(old, blocks, drawn), blocks)


@lru_cache(maxsize=4)
def draw(blocks: int) -> np.ndarray:
    """Return how often each draw has each of so many blocks: as many as there are, with replacement. Draws × blocks."""
    drawn = np.random.default_rng(SEED).integers(blocks, size=(DRAWS, blocks))
    drawn += blocks * np.arange(DRAWS)[:, None]
    return np.bincount(drawn.ravel(), minlength=DRAWS * blocks).reshape(DRAWS, blocks).astype(np.int32)


def mean(values: np.ndarray, blocks: Blocks, drawn: np.ndarray) -> np.ndarray:
    """Return each draw's mean: for values 0 and 1 a share, such as an error rate."""
    means: np.ndarray = (drawn @ np.bincount(blocks.of, values, blocks.count)) / (drawn @ _sizes(blocks))
    return means


def percentile(share: float) -> Statistic:
    """Return the percentile, by linear interpolation as in `summary.calls`, as a statistic; 0.95 is p95."""
    return lambda values, blocks, drawn: _percentile(share, values, blocks, drawn)


def interval(found: float, draws: np.ndarray, blocks: Blocks) -> Ends:
    """Return the 95 % interval of a statistic: percentiles of its draws, further out if there are few blocks, and
    widened around what was found if the blocks depend on each other.

    Expanded percentile interval: Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician
    69 (2015), 5.3.
    """
    tail = _normal_cdf(-math.sqrt(blocks.count / (blocks.count - 1)) * t_975(blocks.count - 1))
    lower, upper = np.percentile(draws, [100 * tail, 100 * (1 - tail)])
    lower, upper = (end + (blocks.widening - 1) * (end - found) for end in (lower, upper))
    return float(min(lower, found)), float(max(upper, found))


def t_975(freedom: float) -> float:
    """Return Student's t that 2.5 % exceed (Abramowitz & Stegun 26.7.5), exact to three digits; below 5 degrees of
    freedom, which must be integers, from the table."""
    if freedom < 5:
        return T_975[int(freedom)]
    z = Z_975
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + terms[0] / freedom + terms[1] / freedom**2 + terms[2] / freedom**3


def _whole(blocks: Blocks) -> np.ndarray:
    """Return the one draw that has every block once."""
    return np.ones((1, blocks.count), dtype=np.int32)


def _sizes(blocks: Blocks) -> np.ndarray:
    return np.bincount(blocks.of, minlength=blocks.count)


def _percentile(share: float, values: np.ndarray, blocks: Blocks, drawn: np.ndarray) -> np.ndarray:
    """Return each draw's percentile, looking only at the values around that of all values, or at more if a draw's is
    further away."""
    order = np.argsort(values, kind="stable")
    ascending, places = values[order], blocks.of[order]
    ranks = (drawn @ _sizes(blocks) - 1) * share
    margin = 20 + int(MARGIN * math.sqrt(len(values)))
    while (found := _within(margin, share, ascending, places, drawn, ranks)) is None:
        margin *= 2
    return found


def _within(
    margin: int, share: float, ascending: np.ndarray, places: np.ndarray, drawn: np.ndarray, ranks: np.ndarray
) -> np.ndarray | None:
    """Return each draw's value at its rank, counted from 0 and interpolated; `None` if one is not within the margin."""
    middle, last = int(share * len(ascending)), len(ascending) - 1
    first, end = max(0, middle - margin), min(len(ascending), middle + margin)
    below = drawn @ np.bincount(places[:first], minlength=drawn.shape[1])
    lower = np.floor(ranks).astype(int)
    at_lower, at_upper = np.empty(len(drawn), int), np.empty(len(drawn), int)
    for begin in range(0, len(drawn), AT_ONCE):
        some = slice(begin, begin + AT_ONCE)
        counted = below[some, None] + np.cumsum(drawn[some, places[first:end]], axis=1, dtype=np.int32)
        at_lower[some] = first + (counted <= lower[some, None]).sum(axis=1)
        at_upper[some] = first + (counted <= lower[some, None] + 1).sum(axis=1)
    if (first and (below > lower).any()) or (end <= last and (at_upper >= end).any()):
        return None
    low, high = ascending[np.minimum(at_lower, last)], ascending[np.minimum(at_upper, last)]
    found: np.ndarray = low + (ranks - lower) * (high - low)
    return found


def _normal_cdf(deviations: float) -> float:
    return (1 + math.erf(deviations / math.sqrt(2))) / 2
