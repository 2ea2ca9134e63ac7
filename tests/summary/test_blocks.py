"""Blocks of calls that depend on each other, and intervals by resampling them."""

import numpy as np
import pytest

from summary.comparison import bootstrap
from summary.comparison.blocks import FEWEST, MOST, Blocks, blocks_of, size_of
from tests.summary.series import ar1


def test_independent_values_are_blocks_of_their_own() -> None:
    values = np.random.default_rng(1).exponential(size=400)
    assert size_of(values) == 1
    blocks = blocks_of(values)
    assert (blocks.of == np.arange(400)).all()
    assert (blocks.count, blocks.widening) == (400, 1)


def test_dependent_values_share_blocks_the_more_the_longer_their_dependence() -> None:
    """Politis & White's size for an AR(1) series is (1.5 (2 r / (1 - r²))² n)^(1/3): 14 and 51 of 1000 values."""
    sizes = [np.median([size_of(series) for series in ar1(20, 1000, correlation)]) for correlation in (0.5, 0.9)]
    assert 9 <= sizes[0] <= 19
    assert 35 <= sizes[1] <= 50  # a twentieth is the most


def test_a_logarithm_or_an_outlier_changes_no_block() -> None:
    (series,) = ar1(1, 1000, 0.7)
    outlying = np.exp(series)
    outlying[500] = 1e6
    assert size_of(np.exp(series)) == size_of(series)
    assert abs(size_of(outlying) - size_of(series)) <= 1


def test_there_are_at_least_twenty_blocks_and_at_most_five_hundred() -> None:
    trend = np.arange(1000.0)
    blocks = blocks_of(trend)
    assert blocks.count == FEWEST
    assert (np.bincount(blocks.of) == 50).all()
    assert 1.2 < blocks.widening <= 2
    many = blocks_of(np.random.default_rng(1).normal(size=20_000))
    assert many.count == MOST
    assert set(np.bincount(many.of)) == {40}


def test_the_most_dependent_series_decides() -> None:
    independent, dependent = ar1(1, 1000, 0.0)[0], ar1(1, 1000, 0.9)[0]
    assert size_of(independent, dependent) == size_of(dependent) > size_of(independent)


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 19, [3.0] * 500])
def test_values_too_few_or_all_alike_show_no_dependence(values: list[float]) -> None:
    assert size_of(np.array(values)) == 1


def test_fewer_than_twenty_blocks_have_no_interval() -> None:
    for count, is_one in ((19, False), (20, True)):
        values = np.arange(float(count))
        blocks = Blocks(np.arange(count), count, 1)
        assert (bootstrap.alone(values, blocks, bootstrap.mean) is not None) == is_one
        assert (bootstrap.paired(values, values, blocks, bootstrap.mean) is not None) == is_one


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95, 0.99])
@pytest.mark.parametrize("distinct", [7, 10**6])
def test_a_drawn_percentile_is_that_of_the_blocks_drawn(share: float, distinct: int) -> None:
    values = np.random.default_rng(1).integers(distinct, size=703).astype(float)
    blocks = Blocks(np.arange(703) * 100 // 703, 100, 1)
    drawn = bootstrap.draw(100)[:40]
    expected = [np.percentile(np.repeat(values, times[blocks.of]), 100 * share) for times in drawn]
    assert bootstrap.percentile(share)(values, blocks, drawn) == pytest.approx(expected)


def test_a_drawn_mean_is_that_of_the_blocks_drawn() -> None:
    values = np.random.default_rng(1).normal(size=703)
    blocks = Blocks(np.arange(703) * 100 // 703, 100, 1)
    drawn = bootstrap.draw(100)[:40]
    expected = [np.repeat(values, times[blocks.of]).mean() for times in drawn]
    assert bootstrap.mean(values, blocks, drawn) == pytest.approx(expected)


def test_equal_rows_have_equal_intervals() -> None:
    values = np.random.default_rng(1).normal(size=200)
    found = [bootstrap.alone(values, blocks_of(values), bootstrap.percentile(0.95)) for _ in range(2)]
    bootstrap.draw.cache_clear()
    again = bootstrap.alone(values, blocks_of(values), bootstrap.percentile(0.95))
    assert found == [again, again]


def test_few_blocks_or_dependent_ones_make_an_interval_wider() -> None:
    draws = np.random.default_rng(1).normal(size=100_000)
    widths = []
    for blocks in (Blocks(np.arange(400), 400, 1), Blocks(np.arange(20), 20, 1), Blocks(np.arange(20), 20, 2)):
        lower, upper = bootstrap.interval(0, draws, blocks)
        widths.append(upper - lower)
    # Student's t of 19 degrees of freedom is 2.093, times sqrt(20 / 19).
    assert widths == pytest.approx([2 * 1.966, 2 * 2.147, 4 * 2.147], rel=0.02)


@pytest.mark.parametrize(("freedom", "expected"), [(1, 12.706), (5, 2.571), (19, 2.093), (400, 1.966)])
def test_students_t_is_that_of_the_tables(freedom: int, expected: float) -> None:
    assert bootstrap.t_975(freedom) == pytest.approx(expected, abs=0.004)
