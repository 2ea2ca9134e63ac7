"""Whether two runs differ: as sure as it says, though the calls of a run depend on each other."""

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from summary.comparison import sectioning
from summary.comparison.sectioning import Sectioned

TRIALS, SIGMA = 200, 0.4
AT_MOST = 17
"""False alarms in 200 trials: 10 are 5 %, and of 100 such series of trials 98 have at most 17. The seed is fixed."""

DEPENDENCE = [(400, 0.0), (2000, 0.5), (2000, 0.9)]
STATISTICS = {"median": 50, "p95": 95}


def log_latencies(calls: int, correlation: float, seed: int) -> np.ndarray:
    """Return the runs of `TRIALS` trials, each an AR(1) series."""
    noise = np.random.default_rng(seed).standard_normal((calls, TRIALS))
    noise[1:] *= np.sqrt(1 - correlation**2)
    for before, now in pairwise(noise):
        now += correlation * before
    return SIGMA * noise.T


@cache
def runs(calls: int, correlation: float) -> tuple[np.ndarray, np.ndarray]:
    return np.exp(log_latencies(calls, correlation, 1)), np.exp(log_latencies(calls, correlation, 2))


def of(values: np.ndarray, percent: int) -> Sectioned:
    found = sectioning.percentile(values, percent / 100, 1)
    assert found is not None
    return found


def finds(new: np.ndarray, old: np.ndarray, percent: int) -> int:
    """Return in how many trials the interval excludes 0."""
    intervals = [sectioning.change([of(a, percent)], [of(b, percent)])[1] for a, b in zip(new, old, strict=True)]
    return sum(ends is not None and not ends[0] <= 0 <= ends[1] for ends in intervals)


@pytest.mark.parametrize(("calls", "correlation"), DEPENDENCE)
@pytest.mark.parametrize("statistic", STATISTICS)
def test_it_finds_nothing_between_equal_runs(calls: int, correlation: float, statistic: str) -> None:
    new, old = runs(calls, correlation)
    assert finds(new, old, STATISTICS[statistic]) <= AT_MOST


@pytest.mark.parametrize(
    ("calls", "correlation", "statistic", "at_least"),
    [(400, 0.0, "median", 0.6), (2000, 0.5, "median", 0.9), (2000, 0.5, "p95", 0.65), (2000, 0.9, "median", 0.25)],
)
def test_it_finds_a_shift_of_ten_percent(calls: int, correlation: float, statistic: str, at_least: float) -> None:
    new, old = runs(calls, correlation)
    assert finds(1.1 * new, old, STATISTICS[statistic]) >= at_least * TRIALS


@pytest.mark.parametrize(("percent", "calls"), [(50, 50), (50, 400), (95, 200), (95, 2000), (99, 400)])
@pytest.mark.parametrize("persistence", [0.0, 0.5])
def test_a_percentile_between_two_groups_of_calls_is_no_difference(
    percent: int, calls: int, persistence: float
) -> None:
    """As many calls are slow, such as misses of a cache, as are above the percentile; with persistence in rows."""
    generator = np.random.default_rng(7)
    is_slow, drawn = np.random.default_rng(8).random((2, 2 * TRIALS, calls))
    slow = is_slow > percent / 100
    for call in range(1, calls):
        stays = drawn[:, call] < persistence
        slow[stays, call] = slow[stays, call - 1]
    latencies = np.where(slow, 5.0, 1.0) * np.exp(0.1 * generator.standard_normal(slow.shape))
    assert finds(latencies[:TRIALS], latencies[TRIALS:], percent) <= AT_MOST


def mann_whitney(new: np.ndarray, old: np.ndarray) -> int:
    """Return in how many trials the test of ranks, at 5 %, takes equal runs for different ones."""
    calls = new.shape[1]
    ranks = np.argsort(np.argsort(np.concatenate([new, old], axis=1), axis=1), axis=1)[:, :calls].sum(axis=1)
    expected, variance = calls * (2 * calls - 1) / 2, calls * calls * (2 * calls + 1) / 12
    return int((np.abs(ranks - expected) > 1.96 * np.sqrt(variance)).sum())


def bootstrap_of_rows(new: np.ndarray, old: np.ndarray, draws: int = 30) -> int:
    """Return the same for medians whose standard errors come from resampled rows, extrapolated from half the trials."""
    generator = np.random.default_rng(3)

    def variances(values: np.ndarray) -> np.ndarray:
        drawn = (values[:, generator.integers(0, values.shape[1], values.shape[1])] for _ in range(draws))
        found: np.ndarray = np.array([np.median(each, axis=1) for each in drawn]).var(axis=0)
        return found

    new, old = new[: TRIALS // 2], old[: TRIALS // 2]
    away = np.abs(np.median(new, axis=1) - np.median(old, axis=1))
    return int((away > 2 * np.sqrt(variances(new) + variances(old))).sum()) * 2


@pytest.mark.parametrize("test", [mann_whitney, bootstrap_of_rows])
def test_tests_over_rows_cry_wolf(test: Callable[[np.ndarray, np.ndarray], int]) -> None:
    """Over half of all pairs of equal runs differ, if each row counts as independent of the one before."""
    new, old = runs(2000, 0.9)
    assert test(new, old) > 4 * AT_MOST
    independent = runs(400, 0.0)
    assert test(*independent) <= AT_MOST


@pytest.mark.parametrize(("of_new", "of_old"), [(3, 3), (2, 2), (1, 3)])
def test_of_several_runs_the_runs_are_the_unit(of_new: int, of_old: int) -> None:
    """Runs of one server that differ by 5 % from hour to hour, ten times as much as their calls' spread explains."""
    generator = np.random.default_rng(4)
    shape = (TRIALS, of_new + of_old)
    figures = np.exp(0.05 * generator.standard_normal(shape))
    parts = figures[..., None] * np.exp(0.005 * generator.standard_normal((*shape, sectioning.SECTIONS)))
    wrong = 0
    for trial in range(TRIALS):
        sides = [Sectioned(figures[trial, run], 500, tuple(parts[trial, run])) for run in range(of_new + of_old)]
        ends = sectioning.change(sides[:of_new], sides[of_new:])[1]
        wrong += ends is not None and not ends[0] <= 0 <= ends[1]
    assert 0 < wrong <= AT_MOST


def test_runs_that_agree_by_luck_prove_no_more_than_their_calls() -> None:
    parts = tuple(np.exp(0.3 * np.random.default_rng(5).standard_normal(sectioning.SECTIONS)))
    new, old = Sectioned(1.02, 500, parts), Sectioned(1.0, 500, parts)
    ends = sectioning.change([new, new, new], [old, old, old])[1]
    assert ends is not None
    assert ends[0] < 0 < ends[1]


@pytest.mark.parametrize("rate", [0.005, 0.02, 0.1])
def test_shares_of_failures_find_nothing_between_equal_runs(rate: float) -> None:
    generator = np.random.default_rng(6)
    wrong = 0
    for _ in range(TRIALS):
        new, old = (sectioning.share(generator.random(400) < rate, 1) for _ in range(2))
        assert new is not None
        assert old is not None
        _, ends = sectioning.difference([new], [old])
        assert ends is not None
        wrong += not ends[0] <= 0 <= ends[1]
    assert wrong <= AT_MOST


def test_failures_in_sections_of_their_own_prove_little() -> None:
    """Four failures of 200 against none: by Fisher's exact test, one in eight such pairs of equal servers."""
    failed = np.zeros(200, dtype=bool)
    failed[[10, 50, 90, 130]] = True
    new, old = sectioning.share(failed, 5), sectioning.share(np.zeros(200, dtype=bool), 5)
    assert new is not None
    assert old is not None
    found, ends = sectioning.difference([new], [old])
    assert ends is not None
    assert found == pytest.approx(0.02)
    assert ends[0] < 0 < ends[1]


def test_a_rate_counts_what_ends_in_equal_parts_of_the_time() -> None:
    found = sectioning.rate(np.ones(100), np.linspace(0.05, 9.95, 100), (0.0, 10.0), 5)
    assert found is not None
    assert found.whole == 10
    assert found.parts == pytest.approx((10.0,) * 10)


@pytest.mark.parametrize("calls", [0, 1, 49])
def test_too_few_values_have_no_interval(calls: int) -> None:
    found = sectioning.of_values(np.ones(calls), np.mean, 5)
    assert found == (Sectioned(1.0, calls) if calls else None)
    if found is not None:
        assert sectioning.change([found], [found]) == (0.0, None)


def test_a_figure_of_zero_has_a_difference_but_no_change() -> None:
    values = np.zeros(100)
    zero, one = of(values, 50), of(values + 1, 50)
    assert sectioning.change([one], [zero]) == (None, None)
    assert sectioning.difference([one], [zero]) == (1.0, (1.0, 1.0))


def test_a_percentile_near_zero_has_an_interval_without_infinity() -> None:
    values = np.concatenate([np.zeros(5), np.ones(195)])
    np.random.default_rng(9).shuffle(values)
    change, ends = sectioning.change([of(values, 3)], [of(values, 3)])
    assert ends is None or np.isfinite(ends).all()
    assert change is None or np.isfinite(change)


def test_shares_differ_by_1_at_most() -> None:
    none, all_of_them = sectioning.share(np.zeros(100), 1), sectioning.share(np.ones(100), 1)
    assert none is not None
    assert all_of_them is not None
    found, ends = sectioning.difference_of_shares([all_of_them], [none])
    assert found == 1
    assert ends is not None
    assert 0.9 < ends[0] < ends[1] == 1
