"""How much more the target takes than the baseline: the figures of the difference over pairs."""

from collections.abc import Iterable

import numpy as np

from summary.comparison import bootstrap
from summary.comparison.blocks import blocks_of, size_of
from summary.comparison.intervals import Ends, excludes_0, listed, outermost
from summary.comparison.pairs import Pairs
from summary.confidence import interval
from summary.registry import MAIN, PAIRS_NEEDED, PERCENTILES, Figure
from summary.vocabulary import Summary


def differences(pairs: Pairs, figures: Iterable[Figure]) -> Summary:
    """Return, by name, the difference of each figure that both sides of at least one pair have."""
    found = {figure.name: difference(*pairs.both(figure.name)) for figure in figures}
    return {name: each for name, each in found.items() if each["pairs"]}


def difference(target: np.ndarray, baseline: np.ndarray) -> Summary:
    """Return the figures of target − baseline, in the values' unit. Values at one place belong to one pair; pairs are
    in order of their start, and those with a NaN are left out.

    median        of the pairs' differences
    p95, p99      the target's percentile − the baseline's
    …_ci95        their 95 % confidence intervals; `None` with too few pairs
    slower_share  the share of pairs in which the target's value was greater
    pairs         how many had both values
    told_apart    whether the median's interval excludes 0
    would_show    a difference of this size would have been told apart in 97 of 100 such runs: the interval's width
    target, baseline  both sides' own percentiles, over the same pairs
    """
    is_observed = ~(np.isnan(target) | np.isnan(baseline))
    target, baseline = target[is_observed], baseline[is_observed]
    added = target - baseline
    median_ci95 = _interval_of_median(added)
    return {
        "median": _percentiles(added)["median"],
        "median_ci95": listed(median_ci95),
        **_of_tails(target, baseline),
        "slower_share": float((added > 0).mean()) if len(added) else None,
        "pairs": len(added),
        "told_apart": excludes_0(median_ci95),
        "would_show": median_ci95 and median_ci95[1] - median_ci95[0],
        "target": _percentiles(target),
        "baseline": _percentiles(baseline),
    }


def _of_tails(target: np.ndarray, baseline: np.ndarray) -> Summary:
    of_target, of_baseline = _percentiles(target), _percentiles(baseline)
    found: Summary = {}
    for name in MAIN[1:]:
        found[name] = of_target[name] - of_baseline[name] if len(target) else None
        is_enough = len(target) >= PAIRS_NEEDED[name]
        found[f"{name}_ci95"] = listed(_interval_of_tail(name, target, baseline)) if is_enough else None
    return found


def _interval_of_tail(name: str, target: np.ndarray, baseline: np.ndarray) -> Ends | None:
    """Return the bootstrap's interval over blocks. What both sides have in common is in no difference, so the blocks
    follow what is not: the pairs' differences, and in which of them one side alone is beyond its percentile."""
    share = PERCENTILES[name] / 100
    is_beyond = target > np.quantile(target, share), baseline > np.quantile(baseline, share)
    alone = is_beyond[0].astype(float) - is_beyond[1]
    return bootstrap.paired(target, baseline, blocks_of(target - baseline, alone), bootstrap.percentile(share))


def _interval_of_median(added: np.ndarray) -> Ends | None:
    """Return the order statistics' interval; a bootstrap's over blocks too, whichever end is further out, if the
    differences depend on each other, as those of a target that is slow for minutes."""
    ends = interval(added, 0.5)
    if ends is None or size_of(added) == 1:
        return ends
    return outermost(ends, bootstrap.alone(added, blocks_of(added), bootstrap.percentile(0.5)))


def _percentiles(values: np.ndarray) -> Summary:
    if not len(values):
        return dict.fromkeys(MAIN)
    found = np.percentile(values, [PERCENTILES[name] for name in MAIN])
    return dict(zip(MAIN, map(float, found), strict=True))
