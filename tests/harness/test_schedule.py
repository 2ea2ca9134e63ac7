"""When an open loop's calls are due: exactly at the rate, or at random around it; and how to ask for it."""

import math
from fractions import Fraction
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.load.schedule import Arrival, Due, Schedule, Stage
from harness.plan.rate_options import schedule_of, users_for

CRITICAL = 1.63
"""Divided by the root of n: the Kolmogorov-Smirnov distance that n values exceed once in a hundred times."""

tenths = st.integers(0, 300)
stages = st.lists(st.tuples(tenths, tenths, st.integers(1, 100)), min_size=1, max_size=4)


def asked(rate: str = "", rate_stages: str = "", arrival: str = "constant") -> Schedule | None:
    return schedule_of({"rate": rate, "rate_stages": rate_stages, "arrival": arrival})


def scheduled(*spans: tuple[float, float, float], arrival: Arrival = "constant") -> Schedule:
    return Schedule(tuple(Stage(*span) for span in spans), arrival)


def in_tenths(spans: list[tuple[int, int, int]], arrival: Arrival = "constant") -> Schedule:
    return scheduled(*((first / 10, last / 10, span / 10) for first, last, span in spans), arrival=arrival)


def times_s(schedule: Schedule, seed: int = 1) -> list[float]:
    return [due.at_s for due in schedule.times(seed)]


def distance(values: np.ndarray) -> float:
    """The Kolmogorov-Smirnov distance between values and the exponential distribution with mean 1."""
    expected, steps = 1 - np.exp(-np.sort(values)), np.arange(len(values) + 1) / len(values)
    return float(max(np.max(steps[1:] - expected), np.max(expected - steps[:-1])))


def test_a_constant_rates_calls_are_at_whole_parts_of_a_second() -> None:
    assert list(islice(scheduled((4, 4, math.inf)).times(1), 4)) == [(0.0, 1), (0.25, 1), (0.5, 1), (0.75, 1)]


@pytest.mark.parametrize("rate_rps", [3.0, 7.0, 0.1, 1000.0])
def test_a_constant_rate_has_not_drifted_after_three_million_calls(rate_rps: float) -> None:
    assert Stage(rate_rps, rate_rps, math.inf).time_s(3_000_000) == pytest.approx(3_000_000 / rate_rps, rel=1e-15)


def test_the_three_hundred_thousandth_call_of_a_schedule_is_where_it_belongs() -> None:
    last = next(islice(scheduled((3, 3, math.inf)).times(1), 300_000, None))
    assert last == Due(100_000.0, 1)


def test_a_ramp_from_5_to_20_over_a_minute_is_750_calls() -> None:
    schedule = scheduled((5, 20, 60))
    times = times_s(schedule)
    assert (len(times), schedule.most_calls(None)) == (750, 750)
    assert all(before < after for before, after in pairwise(times))
    # 5 t + 0.125 t²: 0 after 0 s, 262.5 after 30 s, 750 after 60 s.
    assert times[0] == 0
    assert times[262] < 30 < times[263]
    assert [5 * t + 0.125 * t**2 for t in times] == pytest.approx(range(750))


def test_a_ramp_may_begin_and_end_at_0() -> None:
    # Up: 5 t², so call n is due at √(n / 5). Down: the same in reverse.
    times = times_s(scheduled((0, 10, 1), (10, 0, 1)))
    assert times[:5] == pytest.approx([math.sqrt(n / 5) for n in range(5)])
    assert times[5:] == pytest.approx([2 - math.sqrt(n / 5) for n in (5, 4, 3, 2, 1)])


def test_a_stage_begins_exactly_where_the_one_before_it_ends() -> None:
    found = list(scheduled((2, 2, 1.5), (4, 4, 1)).times(1))
    assert found == [(0.0, 1), (0.5, 1), (1.0, 1), (1.5, 2), (1.75, 2), (2.0, 2), (2.25, 2)]


def test_a_fraction_of_a_call_is_carried_over_into_the_next_stage() -> None:
    # 1.5 calls, then the rest of the second one: half a call at 1 per second.
    assert list(scheduled((1, 1, 1.5), (1, 1, 1)).times(1)) == [(0.0, 1), (1.0, 1), (2.0, 2)]


def test_a_stage_of_rate_0_is_a_pause() -> None:
    assert list(scheduled((2, 2, 1), (0, 0, 10), (1, 1, 2)).times(1)) == [(0.0, 1), (0.5, 1), (11.0, 3), (12.0, 3)]


@pytest.mark.parametrize(("rate", "span", "calls"), [(1.1, 50, 55), (1.1, 90, 99), (2.2, 50, 110), (0.3, 10, 3)])
def test_rounding_errors_add_no_call_to_a_stage(rate: float, span: float, calls: int) -> None:
    assert len(times_s(scheduled((rate, rate, span)))) == calls
    assert [due.stage for due in scheduled((rate, rate, span), (0, 5, 1)).times(1)].count(1) == calls


@given(stages)
def test_a_schedule_has_as_many_calls_as_the_area_under_its_rate(spans: list[tuple[int, int, int]]) -> None:
    area = sum(Fraction((first + last) * span, 2000) * 10 for first, last, span in spans)
    assert len(times_s(in_tenths(spans))) == math.ceil(area)


@given(stages, st.sampled_from(["constant", "poisson"]), st.integers(0, 9))
def test_times_never_go_back_and_stay_within_their_stage(
    spans: list[tuple[int, int, int]], arrival: Arrival, seed: int
) -> None:
    found = list(in_tenths(spans, arrival).times(seed))
    ends_s = [sum(span for *_, span in spans[:number]) / 10 for number in range(len(spans) + 1)]
    assert all(before.at_s <= after.at_s for before, after in pairwise(found))
    assert all(ends_s[due.stage - 1] - 1e-9 <= due.at_s <= ends_s[due.stage] + 1e-9 for due in found)


def test_a_seed_draws_the_same_arrivals_in_every_version() -> None:
    """If this test fails, `--seed` means something else than before: mend the draw, not the test."""
    times = islice(scheduled((10, 10, math.inf), arrival="poisson").times(7), 4)
    assert [due.at_s for due in times] == pytest.approx([0.069705939, 0.318596223, 0.343579894, 0.395383665], abs=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_the_gaps_of_poisson_arrivals_are_exponential(seed: int) -> None:
    times = np.array([due.at_s for due in islice(scheduled((20, 20, math.inf), arrival="poisson").times(seed), 5000)])
    assert distance(20 * np.diff(times, prepend=0.0)) < CRITICAL / math.sqrt(5000)


@pytest.mark.parametrize("seed", range(5))
def test_the_gaps_of_a_poisson_ramp_are_exponential_in_rescaled_time(seed: int) -> None:
    """By time rescaling: on average 20 t + 3 t² calls are due until t."""
    times = np.array(times_s(scheduled((20, 320, 50), arrival="poisson"), seed))
    assert distance(np.diff(20 * times + 3 * times**2, prepend=0.0)) < CRITICAL / math.sqrt(len(times))
    # 8500 on average; a Poisson count is more than 5 standard deviations off once in two million times.
    assert abs(len(times) - 8500) < 5 * math.sqrt(8500)


def test_the_distance_tells_even_gaps_from_exponential_ones() -> None:
    assert distance(np.ones(5000)) > CRITICAL / math.sqrt(5000)
    assert distance(np.random.default_rng(1).exponential(1.2, 5000)) > CRITICAL / math.sqrt(5000)


def test_a_seed_draws_the_same_times_again_and_another_seed_others() -> None:
    schedule = scheduled((20, 20, 10), arrival="poisson")
    assert times_s(schedule, 7) == times_s(schedule, 7)
    assert times_s(schedule, 7) != times_s(schedule, 8)


def test_constant_arrivals_are_the_same_for_every_seed() -> None:
    assert times_s(scheduled((5, 20, 3)), 1) == times_s(scheduled((5, 20, 3)), 2)


@pytest.mark.parametrize(
    ("spans", "run_time_s", "most"),
    [
        ([(5, 5, math.inf)], None, None),
        ([(5, 5, math.inf)], 10, 51),
        ([(5, 5, 10)], None, 50),
        ([(5, 5, 10)], 3, 16),
        ([(0, 1, 1)], None, 1),
    ],
)
def test_the_most_calls_are_those_of_the_stages_or_of_the_run_time(
    spans: list[tuple[float, float, float]], run_time_s: float | None, most: int | None
) -> None:
    assert scheduled(*spans).most_calls(run_time_s) == most
    assert scheduled(*spans, arrival="poisson").most_calls(run_time_s) is None


def test_a_rate_alone_has_no_end() -> None:
    schedule = asked(rate="2.5")
    assert schedule is not None
    assert (schedule.stages, schedule.has_end) == ((Stage(2.5, 2.5, math.inf),), False)
    assert schedule.facts() == [{"from_rps": 2.5, "to_rps": 2.5, "duration_s": None}]


def test_stages_are_rates_or_ramps_and_spans() -> None:
    schedule = asked(rate_stages="5:30s, 10:1m30s,5-20:500ms,0-2.5:2,0:1h")
    assert schedule is not None
    assert schedule.stages == (
        Stage(5, 5, 30), Stage(10, 10, 90), Stage(5, 20, 0.5), Stage(0, 2.5, 2), Stage(0, 0, 3600),
    )  # fmt: skip
    assert schedule.has_end


def test_without_a_rate_the_loop_is_closed() -> None:
    assert asked() is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rate": "fast"}, "--rate must be a non-negative number, not 'fast'"),
        ({"rate": "-1"}, "--rate must be a non-negative number, not '-1'"),
        ({"rate": "nan"}, "--rate must be a non-negative number, not 'nan'"),
        ({"rate": "inf"}, "--rate must be a non-negative number, not 'inf'"),
        ({"rate": "1e308"}, "--rate must be at most 100,000, not '1e308'"),
        ({"rate": "100001"}, "--rate must be at most 100,000, not '100001'"),
        ({"rate_stages": "5-1e9:1s"}, "--rate-stages must be at most 100,000, not '1e9'"),
        ({"rate": "0"}, "--rate must be a positive number of calls per second, not '0'"),
        ({"rate_stages": ",".join(1001 * ["5:1s"])}, "--rate-stages has more than 1,000 stages"),
        ({"rate": "5", "rate_stages": "5:1s"}, "--rate and --rate-stages are mutually exclusive"),
        ({"arrival": "poisson"}, "--arrival needs --rate or --rate-stages"),
        ({"rate": "5", "arrival": "bursty"}, "--arrival must be one of constant, poisson, not 'bursty'"),
        ({"rate_stages": "5"}, "--rate-stages must look like 5:30s,10:30s,5-20:1m, not '5'"),
        ({"rate_stages": "5:1s,"}, "--rate-stages must look like 5:30s,10:30s,5-20:1m, not ''"),
        ({"rate_stages": ":1s"}, "--rate-stages must look like 5:30s,10:30s,5-20:1m, not ':1s'"),
        ({"rate_stages": "-5:1s"}, "--rate-stages must look like 5:30s,10:30s,5-20:1m, not '-5:1s'"),
        ({"rate_stages": "5-:1s"}, "--rate-stages must look like 5:30s,10:30s,5-20:1m, not '5-:1s'"),
        ({"rate_stages": "5--2:1s"}, "--rate-stages must be a non-negative number, not '-2'"),
        ({"rate_stages": "5-x:1s"}, "--rate-stages must be a non-negative number, not 'x'"),
        ({"rate_stages": "5:"}, "--rate-stages: a span must look like 30s, 1m30s or 500ms, not ''"),
        ({"rate_stages": "5:-3s"}, "--rate-stages: a span must look like 30s, 1m30s or 500ms, not '-3s'"),
        ({"rate_stages": "5:3 s"}, "--rate-stages: a span must look like 30s, 1m30s or 500ms, not '3 s'"),
        ({"rate_stages": "5:1m30"}, "--rate-stages: a span must look like 30s, 1m30s or 500ms, not '1m30'"),
        ({"rate_stages": "5:1d"}, "--rate-stages: a span must look like 30s, 1m30s or 500ms, not '1d'"),
        ({"rate_stages": "5:0s"}, "--rate-stages: a span must be above 0 and at most 1,000,000,000 s, not '0s'"),
        (
            {"rate_stages": "5:999999999h"},
            "--rate-stages: a span must be above 0 and at most 1,000,000,000 s, not '999999999h'",
        ),
        ({"rate_stages": "0:1s,0-0:1m"}, "--rate-stages '0:1s,0-0:1m' schedules no calls"),
    ],
    ids=str,
)
def test_an_invalid_schedule_is_refused_in_one_line(options: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError) as refusal:
        asked(**options)
    assert str(refusal.value) == says


@pytest.mark.parametrize(
    ("rate", "timeout_s", "users"), [("2", 30, 60), ("0.01", 3, 1), ("2.5", 1, 3), ("99", 30, 1000)]
)
def test_users_are_enough_for_calls_that_all_take_their_whole_timeout(rate: str, timeout_s: float, users: int) -> None:
    schedule = asked(rate=rate)
    assert schedule is not None
    assert users_for(schedule, timeout_s) == users


def test_a_ramp_needs_users_for_its_peak() -> None:
    schedule = asked(rate_stages="1-9:10s,2:1s")
    assert schedule is not None
    assert users_for(schedule, 2) == 18
