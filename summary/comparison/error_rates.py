"""Whether one side fails more often than the other, over the same pairs."""

import math

import numpy as np

from summary.comparison import bootstrap
from summary.comparison.blocks import blocks_of, size_of
from summary.comparison.bootstrap import Z_975
from summary.comparison.intervals import Ends, excludes_0, listed, outermost
from summary.comparison.pairs import Pairs, failures
from summary.vocabulary import Summary


def error_rates(pairs: Pairs) -> Summary:
    """Return both sides' share of failed calls, and the difference with its 95 % confidence interval."""
    if not len(pairs):
        nothing = dict.fromkeys(("target", "baseline", "difference", "difference_ci95"))
        return {**nothing, "told_apart": False, "pairs": 0}
    of_target, of_baseline = failures(pairs.target), failures(pairs.baseline)
    ends = _interval(of_target, of_baseline)
    return {
        "target": float(of_target.mean()),
        "baseline": float(of_baseline.mean()),
        "difference": float(of_target.mean() - of_baseline.mean()),
        "difference_ci95": listed(ends),
        "told_apart": excludes_0(ends),
        "pairs": len(pairs),
    }


def _interval(target: np.ndarray, baseline: np.ndarray) -> Ends:
    """Return the score interval, which is right for rare failures; where failures come in rows, as in an outage, the
    bootstrap's over blocks, whichever end is further out."""
    ends = _score_interval(target, baseline)
    added = target.astype(float) - baseline
    if size_of(added) == 1:
        return ends
    return outermost(ends, bootstrap.alone(added, blocks_of(added), bootstrap.mean))


def _score_interval(target: np.ndarray, baseline: np.ndarray) -> Ends:
    """Newcombe, Improved confidence intervals for the difference between binomial proportions based on paired data,
    Statistics in Medicine 17 (1998), method 10."""
    share, other = target.mean(), baseline.mean()
    (low, high), (other_low, other_high) = _wilson(share, len(target)), _wilson(other, len(target))
    phi = _correlation(target, baseline)
    below, above = share - low, high - share
    other_below, other_above = other - other_low, other_high - other
    lower = math.sqrt(max(0.0, below**2 - 2 * phi * below * other_above + other_above**2))
    upper = math.sqrt(max(0.0, other_below**2 - 2 * phi * other_below * above + above**2))
    return float(share - other - lower), float(share - other + upper)


def _wilson(share: float, count: int) -> Ends:
    """Return the 95 % score interval of one share (Wilson 1927)."""
    middle = share + Z_975**2 / (2 * count)
    half = Z_975 * math.sqrt(share * (1 - share) / count + Z_975**2 / (4 * count**2))
    scale = 1 + Z_975**2 / count
    return (middle - half) / scale, (middle + half) / scale


def _correlation(target: np.ndarray, baseline: np.ndarray) -> float:
    """Return how alike both sides' failures are, with Newcombe's continuity correction."""
    both, neither = int((target & baseline).sum()), int((~target & ~baseline).sum())
    one, other = int((target & ~baseline).sum()), int((~target & baseline).sum())
    scale = (both + one) * (other + neither) * (both + other) * (one + neither)
    excess = float(both * neither - one * other)
    if excess > 0:
        excess = max(0.0, excess - len(target) / 2)
    return excess / math.sqrt(scale) if scale else 0.0
