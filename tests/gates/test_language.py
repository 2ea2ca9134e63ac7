"""Conditions as people write them, and the errors for texts that are not conditions."""

import math

import pytest

from summary.gates import gate, slo
from summary.gates.language import BadCondition, Condition, Language, Subject, check, parse
from summary.registry import NAMED

LANGUAGE = Language(
    "--fail-if",
    {
        "p95": Subject(NAMED["latency_s"], "p95"),
        "ttft_p95": Subject(NAMED["ttft_s"], "p95"),
        **{name: Subject(NAMED[name]) for name in ("error_rate", "goodput_rps", "failure_count")},
    },
    ("<", "<=", ">", ">="),
    "p95, error_rate and others",
    "p95>2",
)


@pytest.mark.parametrize(
    ("text", "name", "sign", "limit"),
    [
        ("p95<0.5", "p95", "<", 0.5),
        ("p95>800ms", "p95", ">", 0.8),
        ("p95>=2s", "p95", ">=", 2.0),
        (" p95  <= .25 ", "p95", "<=", 0.25),
        ("p95>5.", "p95", ">", 5.0),
        ("error_rate>1%", "error_rate", ">", 0.01),
        ("error_rate>0.01", "error_rate", ">", 0.01),
        ("error_rate>0.7%", "error_rate", ">", 0.007),  # 0.7 / 100 is 0.006999999999999999
        ("error_rate>=100%", "error_rate", ">=", 1.0),
        ("goodput_rps<5", "goodput_rps", "<", 5.0),
        ("failure_count > 0", "failure_count", ">", 0.0),
    ],
)
def test_a_limit_is_in_the_figures_unit(text: str, name: str, sign: str, limit: float) -> None:
    condition = parse(text, LANGUAGE)
    assert (condition.name, condition.operator, condition.limit) == (name, sign, limit)
    assert condition.text == "".join(text.split())


@pytest.mark.parametrize("text", ["", "p95", "p95>", ">2", "p95=2", "p95==2", "p95=>2", "p95<>2", "p95>1 2", "p95>2>3"])
def test_an_invalid_condition_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadCondition, match=r"^--fail-if .*expected a figure, an operator and a number, such as p95>2$"):
        parse(text, LANGUAGE)


@pytest.mark.parametrize("number", ["nan", "inf", "-1", "+1", "1e3", "1_0", "two", "1,5", "9" * 310, "٣", "1%", "2m"])
def test_an_invalid_time_is_refused(number: str) -> None:
    with pytest.raises(BadCondition) as refusal:
        parse(f"p95>{number}", LANGUAGE)
    expected = f"--fail-if p95>{number}: expected a time of 0 or more, such as 0.8, 0.8s or 800ms, not {number}"
    assert str(refusal.value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("failure_count>2s", "a number of 0 or more, without a unit, not 2s"),
        ("failure_count>2%", "a number of 0 or more, without a unit, not 2%"),
        ("goodput_rps<5ms", "a rate per second of 0 or more, without a unit, not 5ms"),
        ("error_rate>2s", "a share from 0 to 1, such as 0.01 or 1%, not 2s"),
        ("error_rate>5", "a share from 0 to 1, such as 0.01 or 1%, not 5"),
        ("error_rate>101%", "a share from 0 to 1, such as 0.01 or 1%, not 101%"),
    ],
)
def test_a_unit_must_be_the_figures(text: str, expected: str) -> None:
    with pytest.raises(BadCondition) as refusal:
        parse(text, LANGUAGE)
    assert str(refusal.value) == f"--fail-if {text}: expected {expected}"


@pytest.mark.parametrize("text", ["error_rate>1", "error_rate>100%", "error_rate<0", "p95<0ms"])
def test_a_condition_that_can_never_be_true_is_refused(text: str) -> None:
    with pytest.raises(BadCondition, match="expected a condition that can be true"):
        parse(text, LANGUAGE)


def test_an_unknown_figure_is_refused_with_similar_ones() -> None:
    with pytest.raises(BadCondition) as refusal:
        parse("eror_rate > 1%", LANGUAGE)
    assert str(refusal.value) == "--fail-if eror_rate>1%: unknown figure eror_rate; did you mean error_rate?"


def test_an_unknown_figure_without_similar_ones_is_refused_with_all() -> None:
    with pytest.raises(BadCondition, match=r"unknown figure speed; known figures are p95, error_rate and others$"):
        parse("speed>1", LANGUAGE)


def test_an_operator_that_an_option_does_not_accept_is_refused() -> None:
    upper_limits = Language("--slo", LANGUAGE.subjects, ("<", "<="), "p95", "p95<2")
    with pytest.raises(BadCondition) as refusal:
        parse("p95 >= 2", upper_limits)
    assert str(refusal.value) == "--slo p95>=2: expected < or <=, not >="


@pytest.mark.parametrize(
    ("sign", "below", "at", "above"),
    [("<", True, False, False), ("<=", True, True, False), (">", False, False, True), (">=", False, True, True)],
)
def test_a_condition_holds_as_its_operator_says(sign: str, below: bool, at: bool, above: bool) -> None:
    condition = Condition(f"p95{sign}2", "p95", sign, 2.0)
    assert [condition.holds(value) for value in (1.9, 2, 2.1)] == [below, at, above]
    assert not condition.holds(None)
    assert not condition.holds(math.nan)
    assert condition.holds(math.inf) == above


def test_a_figure_is_refused_if_the_run_lacks_its_option() -> None:
    condition = parse("ttft_p95>0.8", LANGUAGE)
    check(condition, LANGUAGE, {"--stream"})
    check(parse("p95>1", LANGUAGE), LANGUAGE, ())
    with pytest.raises(BadCondition) as refusal:
        check(condition, LANGUAGE, {"--slo", "--rate"})
    assert str(refusal.value) == "--fail-if ttft_p95>0.8: ttft needs --stream"


@pytest.mark.parametrize(
    ("option", "text", "says"),
    [
        ("--fail-if", "latency<2", "latency is a figure of --slo, not of --fail-if"),
        ("--slo", "p95<2", "p95 is a figure of --fail-if, not of --slo"),
        ("--slo", "ttft_p99.9<2", "ttft_p99.9 is a figure of --fail-if, not of --slo"),
        ("--slo", "error_rate<1%", "error_rate is a figure of --fail-if, not of --slo"),
    ],
)
def test_a_figure_of_the_other_option_is_told_so(option: str, text: str, says: str) -> None:
    with pytest.raises(BadCondition, match=says):
        parse(text, {"--slo": slo.LANGUAGE, "--fail-if": gate.LANGUAGE}[option])
