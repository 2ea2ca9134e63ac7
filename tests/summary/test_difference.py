"""The difference between target and baseline, worked out by hand; tests/simulations has pairs whose truth is known."""

import numpy as np
import pytest

from summary.comparison.difference import difference


def test_the_figures_are_those_worked_out_by_hand() -> None:
    target, baseline = np.array([2.0, 5, 3, 9, 4, 8, np.nan]), np.array([1.0, 3, 3, 5, 5, 2, 7])
    found = difference(target, baseline)
    # The differences are 1, 2, 0, 4, -1 and 6; of six values, the interval is from the least to the greatest.
    assert (found["median"], found["median_ci95"], found["would_show"]) == (1.5, [-1, 6], 7)
    assert (found["slower_share"], found["pairs"], found["told_apart"]) == (pytest.approx(4 / 6), 6, False)
    assert (found["target"]["median"], found["baseline"]["median"]) == (4.5, 3)
    assert found["p95"] == pytest.approx(8.75 - 5)
    assert found["p95_ci95"] is found["p99_ci95"] is None


@pytest.mark.parametrize(("count", "missing"), [(5, {"median", "p95", "p99"}), (6, {"p95", "p99"}), (72, {"p99"})])
def test_too_few_pairs_have_no_interval(count: int, missing: set[str]) -> None:
    target = np.random.default_rng(1).exponential(size=count)
    found = difference(target + 100, target)
    assert {name for name in ("median", "p95", "p99") if found[f"{name}_ci95"] is None} == missing
    assert found["told_apart"] == ("median" not in missing)


def test_no_pairs_have_no_figures() -> None:
    found = difference(np.array([]), np.array([]))
    assert found["pairs"] == 0
    assert not found["told_apart"]
    assert all(found[name] is None for name in ("median", "median_ci95", "p95", "p99_ci95", "slower_share"))
