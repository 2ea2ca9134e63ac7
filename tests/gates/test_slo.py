"""The service level of single calls, attainment and goodput, compared with values worked out by hand."""

from typing import Any

import pytest

from summary import goodput
from summary.gates import slo
from summary.gates.language import BadCondition
from summary.registry import used
from summary.rows.rows import frame

COLUMNS = ("outcome", "start_s", "latency_s", "ttft_s", "tpot_s")
ROWS = frame(
    COLUMNS,
    [
        ("ok", "0", "1", "0.2", "0.01"),
        ("ok", "0", "1", "0.5", "0.01"),
        ("ok", "0", "4", "0.2", "0.01"),
        ("ok", "0", "1", "", "0.01"),
        ("failed", "0", "1", "0.2", "0.01"),
        ("dropped", "0", "", "", ""),
        ("aborted", "0", "", "0.2", ""),
    ],
)


@pytest.mark.parametrize(
    "text", ["ttft<0.5 latency<3", "ttft<0.5,latency<3", " ttft < 500ms ,  latency <3s ", "latency< 3 ttft <0.5"]
)
def test_conditions_are_separated_by_spaces_or_commas(text: str) -> None:
    limits = {condition.name: condition.limit for condition in slo.parse(text).conditions}
    assert limits == {"ttft": 0.5, "latency": 3.0}


def test_a_level_is_shown_as_written_without_needless_spaces() -> None:
    assert slo.parse("ttft < 500ms,  latency <= 3").text == "ttft<500ms latency<=3"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "--slo : expected a figure, an operator and a number, such as ttft<0.5"),
        ("ttft", "--slo ttft: expected a figure, an operator and a number, such as ttft<0.5"),
        ("ttft>0.5", "--slo ttft>0.5: expected < or <=, not >"),
        ("latency<3 ttft<1%", "--slo ttft<1%: expected a time of 0 or more, such as 0.8, 0.8s or 800ms, not 1%"),
        ("ttft_p95<1", "--slo ttft_p95<1: ttft_p95 is a figure of --fail-if, not of --slo"),
        ("tftf<1", "--slo tftf<1: unknown figure tftf; did you mean ttft?"),
        (
            "xyz<1",
            "--slo xyz<1: unknown figure xyz; known figures are " + ", ".join(figure.noun for figure in used("slo")),
        ),
    ],
)
def test_an_invalid_level_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(BadCondition) as refusal:
        slo.parse(text)
    assert str(refusal.value) == reason


def test_a_call_meets_the_level_if_every_condition_holds_of_what_was_observed() -> None:
    assert list(goodput.met(slo.parse("ttft<0.5 latency<3"), ROWS)) == [True, False, False, False, False, False, False]
    assert list(goodput.met(slo.parse("ttft<=0.5"), ROWS)) == [True, True, True, False, False, False, False]
    assert list(goodput.met(slo.parse("latency<3 latency<=1"), ROWS)) == [True, True, False, True, False, False, False]


def test_a_live_call_is_judged_as_its_row_will_be() -> None:
    level = slo.parse("ttft<0.5 latency<3")
    records: list[dict[str, Any]] = ROWS.to_dict("records")  # type: ignore[assignment]
    assert [level.met_by(record, record["outcome"]) for record in records] == list(goodput.met(level, ROWS))
    assert not level.met_by({"latency_s": 1.0, "ttft_s": None}, "ok")
    assert level.met_by({"latency_s": 1.0, "ttft_s": 0.1}, "ok")


def test_attainment_is_over_the_calls_that_ended_dropped_ones_too() -> None:
    assert goodput.attainment(slo.parse("ttft<=0.5 latency<3"), ROWS) == pytest.approx(2 / 6)


def test_no_attainment_is_known_when_no_call_ended() -> None:
    assert goodput.attainment(slo.parse("latency<3"), frame(COLUMNS, [])) is None
    assert goodput.attainment(slo.parse("latency<3"), frame(COLUMNS, [("aborted", "0", "", "", "")])) is None


def test_goodput_is_the_calls_per_second_that_met_the_level() -> None:
    level = slo.parse("ttft<=0.5 latency<3")
    assert goodput.goodput_rps(level, ROWS, 4.0) == pytest.approx(0.5)
    assert goodput.goodput_rps(level, ROWS, None) is None
    assert goodput.goodput_rps(level, ROWS, 0.0) is None


def test_a_column_that_the_rows_lack_is_met_by_none() -> None:
    assert not goodput.met(slo.parse("ttfb<9"), ROWS).any()


def test_a_level_is_refused_if_the_run_lacks_its_option() -> None:
    slo.parse("latency_from_schedule<3").check({"--rate"})
    with pytest.raises(BadCondition) as refusal:
        slo.parse("latency<1 latency_from_schedule<3").check({"--stream"})
    reason = "--slo latency_from_schedule<3: latency_from_schedule needs --rate"
    assert str(refusal.value) == reason


@pytest.mark.parametrize("text", ["latency<500", "ttft<0.5 latency<=31s", "latency_from_schedule<91"])
def test_a_limit_beyond_the_timeout_is_told(text: str) -> None:
    """Every success would meet it."""
    (told,) = slo.parse(text).beyond_timeout(30.0)
    assert ": no success takes so long, as --timeout is 30 s" in told


@pytest.mark.parametrize("text", ["latency<30", "ttft<0.5 latency<=29s", "latency_from_schedule<60"])
def test_of_a_limit_up_to_the_timeout_nothing_is_told(text: str) -> None:
    assert list(slo.parse(text).beyond_timeout(30.0)) == []
