"""Confidence intervals by resampling blocks of calls (block bootstrap). Seeded: equal rows give equal intervals."""

import math
from collections.abc import Callable

import numpy as np

from summary.comparison import blocks as of_blocks

SEED = 11
DRAWS = 2000
AT_ONCE = 100
"""How many draws are computed together, to save memory."""

MARGIN = 0.04
"""The share of the values, to either side, that is looked at first for a draw's percentile."""

T_975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}

Ends = tuple[float, float]
Statistic = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(values, their blocks as from `blocks.split`, how often each draw has each block) -> the statistic of each draw."""


def paired(new: np.ndarray, old: np.ndarray, blocks: np.ndarray, statistic: Statistic) -> Ends | None:
    """Return the 95 % confidence interval of `statistic(new) - statistic(old)`, where the values at one place belong to
    one pair and are drawn together. `None` if there are too few blocks."""
    if not of_blocks.are_enough(blocks):
        return None
    drawn = draw(blocks, _generator())
    return interval(statistic(new, blocks, drawn) - statistic(old, blocks, drawn), int(blocks[-1]) + 1)


def independent(
    new: np.ndarray, new_blocks: np.ndarray, old: np.ndarray, old_blocks: np.ndarray, statistic: Statistic
) -> Ends | None:
    """Return the 95 % confidence interval of `statistic(new) - statistic(old)` of two runs, each drawn on its own.
    `None` if either has too few blocks."""
    if not (of_blocks.are_enough(new_blocks) and of_blocks.are_enough(old_blocks)):
        return None
    generator = _generator()
    of_new = statistic(new, new_blocks, draw(new_blocks, generator))
    of_old = statistic(old, old_blocks, draw(old_blocks, generator))
    return interval(of_new - of_old, int(min(new_blocks[-1], old_blocks[-1])) + 1)


def draw(blocks: np.ndarray, generator: np.random.Generator, draws: int = DRAWS) -> np.ndarray:
    """Return how often each draw has each block: as many blocks as there are, with replacement. Draws × blocks."""
    count = int(blocks[-1]) + 1
    drawn: np.ndarray = generator.multinomial(count, np.full(count, 1 / count), size=draws).astype(np.int32)
    return drawn


def mean(values: np.ndarray, blocks: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return each draw's mean: for values 0 and 1 a share, such as an error rate."""
    count = drawn.shape[1]
    sums, sizes = np.bincount(blocks, values, count), np.bincount(blocks, minlength=count)
    means: np.ndarray = (drawn @ sums) / (drawn @ sizes)
    return means


def percentile(share: float) -> Statistic:
    """Return the percentile, by linear interpolation as in `summary.calls`, as a statistic; 0.95 is p95."""
    return lambda values, blocks, drawn: _percentile(share, values, blocks, drawn)


def interval(draws: np.ndarray, blocks: int) -> Ends:
    """Return the 95 % interval of a statistic's draws: their percentiles, somewhat further out with few blocks.

    Expanded percentile interval: Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician
    69 (2015), 5.3.
    """
    tail = _normal_cdf(-math.sqrt(blocks / (blocks - 1)) * t_975(blocks - 1))
    lower, upper = np.percentile(draws, [100 * tail, 100 * (1 - tail)])
    return float(lower), float(upper)


def _percentile(share: float, values: np.ndarray, blocks: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return each draw's percentile, looking only at the values around that of all values, or at more if a draw's is
    further away."""
    order = np.argsort(values, kind="stable")
    ascending, places = values[order], blocks[order]
    ranks = (drawn @ np.bincount(blocks, minlength=drawn.shape[1]) - 1) * share
    margin = int(MARGIN * len(values)) + 50
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
        counted = below[some, None] + np.cumsum(drawn[some, places[first:end]], axis=1)
        at_lower[some] = first + (counted <= lower[some, None]).sum(axis=1)
        at_upper[some] = first + (counted <= lower[some, None] + 1).sum(axis=1)
    if (first and (below > lower).any()) or (end <= last and (at_upper >= end).any()):
        return None
    low, high = ascending[np.minimum(at_lower, last)], ascending[np.minimum(at_upper, last)]
    found: np.ndarray = low + (ranks - lower) * (high - low)
    return found


def _generator() -> np.random.Generator:
    return np.random.default_rng(SEED)


def _normal_cdf(deviations: float) -> float:
    return (1 + math.erf(deviations / math.sqrt(2))) / 2


def t_975(freedom: float) -> float:
    """Return Student's t that 2.5 % exceed (Abramowitz & Stegun 26.7.5), exact to three digits; below 5 degrees of
    freedom, which must be integers, from the table."""
    if freedom < 5:
        return T_975[int(freedom)]
    z = 1.959963985
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + terms[0] / freedom + terms[1] / freedom**2 + terms[2] / freedom**3
