"""The confidence interval of a percentile: its ranks, checked by hand, and how often it contains the true value."""

from math import comb

import numpy as np
import pytest

from summary.confidence import interval, ranks


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [
        # P(X <= 39) = 0.0176, P(X <= 40) = 0.0284; P(X <= 59) = 0.9716, P(X <= 60) = 0.9824.
        (100, 0.5, (40, 61)),
        # P(X <= 1) = 11 / 1024 = 0.0107, P(X <= 2) = 56 / 1024 = 0.0547; the other side is the same.
        (10, 0.5, (2, 9)),
        # 0.5 ** 6 = 0.0156: the smallest and the largest of six; of five, 0.0313 is too much.
        (6, 0.5, (1, 6)),
        (5, 0.5, None),
        (1, 0.5, None),
        (0, 0.5, None),
    ],
)
def test_the_ranks_are_those_of_the_binomial_distribution(
    count: int, share: float, expected: tuple[int, int] | None
) -> None:
    assert ranks(count, share) == expected


@pytest.mark.parametrize(("share", "needed"), [(0.95, 72), (0.99, 368)])
def test_a_percentile_needs_this_many_values_for_an_upper_end(share: float, needed: int) -> None:
    """The largest of n values lies below the true percentile with probability share ** n, which must be 0.025."""
    assert share**needed <= 0.025 < share ** (needed - 1)
    assert ranks(needed - 1, share) is None
    assert (ranks(needed, share) or (0, 0))[1] == needed


@pytest.mark.parametrize(("count", "hundredths"), [(72, 95), (100, 95), (368, 99), (500, 95), (1000, 99), (500, 50)])
def test_the_ranks_are_right_in_exact_arithmetic(count: int, hundredths: int) -> None:
    weights = [comb(count, k) * hundredths**k * (100 - hundredths) ** (count - k) for k in range(count + 1)]
    whole = 100**count
    lower = max(rank for rank in range(1, count) if 1000 * sum(weights[:rank]) <= 25 * whole)
    upper = min(rank for rank in range(1, count + 1) if 1000 * sum(weights[:rank]) >= 975 * whole)
    assert ranks(count, hundredths / 100) == (lower, upper)


def test_a_million_values_have_the_ranks_of_the_normal_distribution() -> None:
    """1.959964 standard deviations, sqrt(1e6 * 0.95 * 0.05) = 217.945 ranks each, around the 950,000th."""
    assert ranks(1_000_000, 0.95) == pytest.approx((950_000 - 427.2, 950_000 + 427.2), abs=2)


def test_the_interval_s_ends_are_observed_values_in_any_order() -> None:
    values = np.random.default_rng(1).permutation(np.arange(1, 101)).astype(float)
    assert interval(values, 0.5) == (40.0, 61.0)
    assert list(values[:3]) != [1.0, 2.0, 3.0]


def test_too_few_values_have_no_interval() -> None:
    assert interval(np.arange(71.0), 0.95) is None
    assert interval(np.array([]), 0.95) is None


@pytest.mark.parametrize("count", [100, 250, 500])
def test_95_of_100_intervals_hold_the_true_percentile(count: int) -> None:
    """4000 samples of an exponential distribution, whose p95 is ln 20; the tolerance is three standard errors."""
    lower, upper = ranks(count, 0.95) or (0, 0)
    samples = np.sort(np.random.default_rng(7).exponential(size=(4000, count)), axis=1)
    held = (samples[:, lower - 1] <= np.log(20)) & (np.log(20) <= samples[:, upper - 1])
    assert interval(samples[0], 0.95) == (samples[0, lower - 1], samples[0, upper - 1])
    assert 0.95 - 3 * np.sqrt(0.95 * 0.05 / 4000) <= held.mean() < 0.99
