"""The difference between target and baseline, on pairs whose truth is known. The seeds are fixed; the limits leave
three standard errors of the trials' number."""

from typing import Any

import numpy as np
import pytest

from summary.comparison.difference import difference
from summary.confidence import interval
from tests.summary.series import ar1

TRIALS = 120
SPREAD = 3 * np.sqrt(0.05 * 0.95 / TRIALS)
BUSY_S, NOISE_S = 0.5, 0.004

Differences = list[dict[str, Any]]


def differences(count: int, correlation: float, added_s: float, seed: int) -> Differences:
    """Trials of pairs that share a server's state, AR(1) in the logarithm, beside noise of each call's own."""
    state = BUSY_S * np.exp(0.3 * ar1(TRIALS, count, correlation, seed))
    noise = np.random.default_rng(seed + 1).gamma(2, NOISE_S, size=(2, TRIALS, count))
    return list(map(difference, state + noise[0] + added_s, state + noise[1]))


def misses(name: str, trials: Differences, truth: float) -> float:
    """Return the share of intervals that don't hold the truth."""
    intervals = [each[f"{name}_ci95"] for each in trials]
    return float(np.mean([not lower <= truth <= upper for lower, upper in intervals]))


@pytest.mark.parametrize(("added_s", "correlation"), [(0.001, 0.0), (0.002, 0.5), (0.005, 0.9), (0.020, 0.5)])
def test_95_of_100_intervals_hold_what_was_added(added_s: float, correlation: float) -> None:
    trials = differences(200, correlation, added_s, seed=round(added_s * 1000))
    assert 0 < misses("median", trials, added_s) < 0.05 + SPREAD
    assert misses("p95", trials, added_s) < 0.05 + SPREAD


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_a_target_like_its_baseline_is_told_apart_in_5_of_100_runs_at_most(correlation: float) -> None:
    trials = differences(100, correlation, 0, seed=40)
    assert np.mean([each["told_apart"] for each in trials]) < 0.05 + SPREAD
    assert misses("p95", trials, 0) < 0.05 + SPREAD


def test_95_of_100_intervals_of_p95_hold_the_truth_where_pairs_share_nothing() -> None:
    """They are then as wide as they must be, and not wider."""
    target, baseline = np.random.default_rng(3).exponential(size=(2, TRIALS, 300))
    assert 0.05 - SPREAD < misses("p95", list(map(difference, target, baseline)), 0) < 0.05 + SPREAD


def test_differences_that_depend_on_each_other_have_wider_intervals() -> None:
    """A target that is slow for a while: order statistics alone miss its median in two of five trials."""
    added = 0.005 + 0.004 * ar1(TRIALS, 300, 0.8, seed=8)
    alone = [interval(each, 0.5) or (0, 0) for each in added]
    assert np.mean([not lower <= 0.005 <= upper for lower, upper in alone]) > 0.3
    assert misses("median", [difference(each, np.zeros(300)) for each in added], 0.005) < 0.05 + SPREAD


def test_a_difference_of_the_size_that_would_show_shows() -> None:
    shown_s = float(np.mean([each["would_show"] for each in differences(70, 0.5, 0, seed=50)]))
    told_apart = [each["told_apart"] for each in differences(70, 0.5, shown_s, seed=60)]
    assert np.mean(told_apart) > 0.97 - SPREAD
