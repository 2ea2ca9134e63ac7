"""Percentiles that count failures as infinitely slow, compared with values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from summary.calls import distribution
from summary.error_adjusted import error_adjusted
from summary.registry import PERCENTILES


def adjusted(successes: list[float], failures: int) -> dict[str, object]:
    return error_adjusted(np.array(successes, dtype=float), failures)


def test_a_percentile_that_depends_on_a_failure_is_infinite() -> None:
    """1 to 96 and 4 failures: rank 0.95 * 99 = 94.05 lies between the 95th and the 96th, 0.99 * 99 = 98.01 beyond."""
    assert adjusted(list(range(1, 97)), 4) == {
        "median": 50.5, "p90": pytest.approx(90.1), "p95": pytest.approx(95.05), "p99": None, "p99_9": None,
        "infinite": ["p99", "p99_9"],
    }  # fmt: skip


def test_one_failure_more_makes_the_next_percentile_infinite() -> None:
    assert adjusted(list(range(1, 96)), 5)["infinite"] == ["p95", "p99", "p99_9"]


def test_a_rank_on_the_last_success_needs_no_failure() -> None:
    """21 values: rank 0.95 * 20 = 19 is the 20th value, and the 21st, which is infinite, has no weight."""
    found = adjusted(list(range(1, 21)), 1)
    assert (found["p95"], found["infinite"]) == (20.0, ["p99", "p99_9"])


def test_a_thousandth_of_failures_is_counted_in_whole_numbers() -> None:
    """1,001 values: rank 0.999 * 1,000 = 999 is the 1,000th value."""
    assert adjusted(list(range(1, 1001)), 1)["p99_9"] == 1000.0
    assert adjusted(list(range(1, 1000)), 2)["infinite"] == ["p99_9"]


def test_half_failed_makes_the_median_infinite() -> None:
    assert adjusted([1.0, 2.0], 2)["infinite"] == list(PERCENTILES)
    assert adjusted([1.0, 2.0], 1)["median"] == 2.0


def test_nothing_but_failures_is_infinite_throughout() -> None:
    assert adjusted([], 3) == {**dict.fromkeys(PERCENTILES), "infinite": list(PERCENTILES)}


def test_without_a_call_nothing_is_known() -> None:
    assert adjusted([], 0) == {**dict.fromkeys(PERCENTILES), "infinite": []}


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_without_failures_they_are_those_of_latency(values: list[float]) -> None:
    own = distribution(np.array(values))
    assert adjusted(values, 0) == {**{name: own[name] for name in PERCENTILES}, "infinite": []}


@given(st.lists(st.floats(0, 100), max_size=60), st.integers(0, 60))
def test_they_are_the_percentiles_of_values_and_infinities(values: list[float], failures: int) -> None:
    found, ordered = adjusted(values, failures), sorted([*values, *[float("inf")] * failures])
    for name, per_mille in {"median": 500, "p90": 900, "p95": 950, "p99": 990, "p99_9": 999}.items():
        whole, thousandths = divmod(per_mille * (len(ordered) - 1), 1000)
        touched = ordered[whole : whole + 1 + bool(thousandths)]
        assert (name in found["infinite"]) == (float("inf") in touched)  # type: ignore[operator]
        if ordered and name not in found["infinite"]:  # type: ignore[operator]
            expected = touched[0] + thousandths / 1000 * (touched[-1] - touched[0])
            assert found[name] == pytest.approx(expected)
