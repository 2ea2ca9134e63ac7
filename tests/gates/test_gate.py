"""Gates: their syntax, what they need, and how they judge a run's summary."""

import math
from typing import Any

import pytest

from summary.gates.early_stop import Seal
from summary.gates.gate import SUBJECTS, Result, parse
from summary.gates.language import BadCondition
from summary.gates.verdict import judge
from summary.registry import Need

LATENCY_S = {"min": 0.5, "avg": 1.0, "median": 0.9, "p95": 2.4131, "p99": 3.5, "max": 4.0}


def a_summary(**changes: Any) -> dict[str, Any]:
    usual = {
        "total_requests": 501, "success_count": 400, "failure_count": 100, "aborted_count": 1, "error_rate": 0.2,
        "throughput_rps": 8.0, "output_tokens_per_s": 12345.678, "total_bytes": 5377960, "latency_s": LATENCY_S,
        "ttft_s": {**LATENCY_S, "p99": 0.00561, "samples": 390}, "itl_s": {**LATENCY_S, "gaps": 7000},
        "latency_error_adjusted_s": {"median": 1.2, "p95": None, "p99": None, "infinite": ["p95", "p99"]},
        "slo_attainment": 0.75, "goodput_rps": 7.5, "lost": {"calls": 2, "workers": 1}, "dropped_count": 0,
    }  # fmt: skip
    return {**usual, **changes}


def verdict(text: str, **changes: Any) -> Result:
    return judge(parse(text), a_summary(**changes))


def line(text: str, **changes: Any) -> str:
    found = verdict(text, **changes)
    return f"{'breach' if found.breached else 'ok'}: {parse(text).text}: {found.reason}"


@pytest.mark.parametrize(
    ("text", "value", "samples"),
    [
        ("min>9", 0.5, 400),
        ("avg>9", 1.0, 400),
        ("median>9", 0.9, 400),
        ("p50>9", 0.9, 400),
        ("latency_max>9", 4.0, 400),
        ("ttft_p99>9", 0.00561, 390),
        ("itl_p95>9", 2.4131, 7000),
        ("error_adjusted_median>9", 1.2, 500),
        ("error_adjusted_p99<9", math.inf, 500),
        ("error_rate>90%", 0.2, 500),
        ("slo_attainment<10%", 0.75, 500),
        ("goodput_rps<1", 7.5, 500),
        ("total_requests>999", 501, 500),
        ("lost_calls>2", 2, 500),
        ("total_bytes>1000000000", 5377960, 500),
    ],
)
def test_a_gate_is_about_its_figure_of_the_summary(text: str, value: float, samples: int) -> None:
    found = verdict(text)
    assert (found.value, found.samples, found.breached) == (value, samples, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p95 > 2", "breach: p95>2: p95 is 2.413 s (400 samples)"),
        ("p95>3", "ok: p95>3: p95 is 2.413 s (400 samples)"),
        ("p95>2413ms", "breach: p95>2413ms: p95 is 2.4131 s (400 samples)"),
        ("p95>2.4131", "ok: p95>2.4131: p95 is 2.413 s (400 samples)"),
        ("p95>=2.4131", "breach: p95>=2.4131: p95 is 2.4131 s (400 samples)"),
        ("ttft_p99>5ms", "breach: ttft_p99>5ms: ttft_p99 is 5.61 ms (390 samples)"),
        ("error_rate>1%", "breach: error_rate>1%: error_rate is 20 % (500 samples)"),
        ("slo_attainment<99%", "breach: slo_attainment<99%: slo_attainment is 75 % (500 samples)"),
        ("throughput_rps<10", "breach: throughput_rps<10: throughput_rps is 8/s (500 samples)"),
        ("output_tokens_per_s<1", "ok: output_tokens_per_s<1: output_tokens_per_s is 12,346/s (500 samples)"),
        ("failure_count>0", "breach: failure_count>0: failure_count is 100 (500 samples)"),
        ("dropped_count>0", "ok: dropped_count>0: dropped_count is 0 (500 samples)"),
        ("error_adjusted_p95>9", "breach: error_adjusted_p95>9: error_adjusted_p95 is infinite (500 samples)"),
    ],
)
def test_a_verdict_is_one_line_in_the_figures_unit(text: str, expected: str) -> None:
    assert line(text) == expected


@pytest.mark.parametrize(("text", "needed"), [("p95>9", 20), ("latency_p99>9", 100), ("p95<0.1", 20)])
def test_a_percentile_of_too_few_samples_is_a_breach_whatever_its_value(text: str, needed: int) -> None:
    assert not verdict(text, success_count=needed).breached
    found = verdict(text, success_count=needed - 1)
    assert found.breached
    assert found.reason == f"too few samples ({needed - 1}): {parse(text).statistic} needs {needed}"


@pytest.mark.parametrize(("text", "needed"), [("p90>9", 10), ("p99.9>9", 1000), ("p99_9>9", 1000)])
def test_the_new_percentiles_need_their_own_samples(text: str, needed: int) -> None:
    latency_s = {**LATENCY_S, "p90": 2.0, "p99_9": 3.9}
    assert not verdict(text, success_count=needed, latency_s=latency_s).breached
    reason = verdict(text, success_count=needed - 1, latency_s=latency_s).reason
    assert reason == f"too few samples ({needed - 1}): {text[:-2].replace('_', '.')} needs {needed:,}"


STAGES = [
    {"stage": 1, "success_count": 40, "failure_count": 0, "latency_s": LATENCY_S, "error_rate": 0.0},
    {"stage": 2, "success_count": 19, "failure_count": 1, "latency_s": {**LATENCY_S, "max": 9.0}, "error_rate": 0.05},
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stage 1 p95>2s", "breach: stage 1 p95>2s: p95 is 2.413 s (40 samples)"),
        (" stage  2   max > 5", "breach: stage 2 max>5: max is 9.000 s (19 samples)"),
        ("stage 1 max>5", "ok: stage 1 max>5: max is 4.000 s (40 samples)"),
        ("stage 2 p95>9", "breach: stage 2 p95>9: too few samples (19): p95 needs 20"),
        ("stage 2 error_rate>1%", "breach: stage 2 error_rate>1%: error_rate is 5 % (20 samples)"),
        ("stage 2 ttft_p95>9", "breach: stage 2 ttft_p95>9: ttft_p95 was not observed"),
        ("stage 3 max>9", "breach: stage 3 max>9: the run has no such stage"),
    ],
)
def test_a_gate_can_be_about_a_stage(text: str, expected: str) -> None:
    assert line(text, stages=STAGES) == expected


@pytest.mark.parametrize(
    ("text", "stages", "reason"),
    [
        ("stage 3 p95>1", 2, "--fail-if stage 3 p95>1: the schedule has 2 stages"),
        ("stage 1 p95>1", 1, "--fail-if stage 1 p95>1: needs several stages (--rate-stages)"),
        ("stage 1 p95>1", 0, "--fail-if stage 1 p95>1: needs several stages (--rate-stages)"),
        ("stage 1 ttft_p95>1", 2, "--fail-if stage 1 ttft_p95>1: ttft needs --stream"),
        ("stage x p95>1", 2, "--fail-if stage x p95>1: expected the number of a stage, from 1, not x"),
        ("stage 0 p95>1", 2, "--fail-if stage 0 p95>1: expected the number of a stage, from 1, not 0"),
        ("stage 1 itl_p95>1", 2, "--fail-if stage 1 itl_p95>1: a stage has no itl_p95 of its own"),
        ("stage 1 added_ttft_p95>1", 2, "--fail-if stage 1 added_ttft_p95>1: a stage has no added_ttft_p95 of its own"),
        ("stage 1 p97>1", 2, "--fail-if stage 1 p97>1: unknown figure p97; did you mean p99 or p95 or p90?"),
        ("stage 1 p95>+10%", 2, "--fail-if stage 1 p95>+10%: expected a time of 0 or more"),
        ("stage 2", 2, "--fail-if stage 2: expected a figure, an operator and a number"),
    ],
)
def test_a_gate_on_a_stage_that_cant_be_is_refused_in_one_line(text: str, stages: int, reason: str) -> None:
    with pytest.raises(BadCondition) as refusal:
        parse(text).check({"--rate"}, stages)
    assert str(refusal.value).startswith(reason)
    assert "\n" not in str(refusal.value)


def test_no_call_makes_a_breach_within_a_stage_certain() -> None:
    seal = Seal(parse("stage 1 max>1"), calls=10, slo=None)
    seal.add({"outcome": "ok", "latency_s": 99.0, "phase": "measured"})
    assert not seal.is_sealed


def test_each_figure_counts_its_own_samples() -> None:
    assert verdict("ttft_p95>9", ttft_s={**LATENCY_S, "samples": 19}).reason == "too few samples (19): p95 needs 20"
    assert verdict("itl_p95>9", itl_s={**LATENCY_S, "gaps": 12}).reason == "too few samples (12): p95 needs 20"
    adjusted = {"median": 1.0, "p95": 2.0, "p99": 3.0, "infinite": []}
    found = verdict("error_adjusted_p95>9", success_count=10, failure_count=10, latency_error_adjusted_s=adjusted)
    assert (found.breached, found.samples) == (False, 20)


def test_few_samples_are_enough_for_all_other_figures() -> None:
    assert line("max>3", success_count=1) == "breach: max>3: max is 4.000 s (1 sample)"
    assert not verdict("error_rate>50%", success_count=1, failure_count=0).breached


NONE_S = dict.fromkeys(LATENCY_S)


@pytest.mark.parametrize(
    ("text", "changes", "reason"),
    [
        ("p95>9", {"success_count": 0, "latency_s": NONE_S}, "no call succeeded"),
        ("max<9", {"success_count": 0, "latency_s": NONE_S}, "no call succeeded"),
        ("p95>9", {"success_count": 0, "failure_count": 0, "latency_s": NONE_S}, "no call ended"),
        ("error_rate>1%", {"success_count": 0, "failure_count": 0, "error_rate": None}, "no call ended"),
        ("slo_attainment<1%", {"slo_attainment": None}, "slo_attainment was not observed"),
        ("output_tokens_per_s<1", {"output_tokens_per_s": None}, "output_tokens_per_s was not observed"),
        ("tpot_p95>9", {}, "tpot_p95 was not observed"),
        ("itl_max>9", {"itl_s": None}, "itl_max was not observed"),
        ("lost_calls>9", {"lost": None}, "lost_calls was not observed"),
        ("late_count>9", {}, "late_count was not observed"),
    ],
)
def test_a_figure_that_cant_be_judged_is_a_breach(text: str, changes: dict[str, Any], reason: str) -> None:
    found = verdict(text, **changes)
    assert (found.breached, found.value, found.reason) == (True, None, reason)


def test_an_infinite_percentile_is_above_any_limit() -> None:
    assert verdict("error_adjusted_p95>=99999").breached
    assert not verdict("error_adjusted_p95<99999").breached


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("ttft_p99>0.8", "ttft needs --stream"),
        ("ttfv_min>1", "ttfv needs --stream"),
        ("tpot_avg>1", "tpot needs --stream"),
        ("itl_max>1", "itl needs --stream"),
        ("latency_from_schedule_p99>1", "latency_from_schedule needs --rate"),
        ("delivered_rps<9", "delivered_rps needs --rate"),
        ("dropped_count>0", "dropped_count needs --rate"),
        ("late_count>0", "late_count needs --rate"),
        ("goodput_rps<5", "goodput_rps needs --slo"),
        ("slo_attainment<99%", "slo_attainment needs --slo"),
    ],
)
def test_a_gate_is_refused_before_any_call_if_the_run_lacks_its_option(text: str, without: str) -> None:
    gate, every = parse(text), {"--stream", "--rate", "--slo"}
    gate.check(every)  # type: ignore[arg-type]
    with pytest.raises(BadCondition) as refusal:
        gate.check(every - {str(gate.figure.needs)})  # type: ignore[arg-type]
    assert str(refusal.value) == f"--fail-if {text}: {without}"


@pytest.mark.parametrize("text", ["p95>1", "error_adjusted_p99>1", "error_rate>1%", "lost_calls>0", "total_bytes>1"])
def test_most_gates_need_no_option(text: str) -> None:
    none: set[Need] = set()
    parse(text).check(none)


def test_an_unknown_figure_is_refused_with_a_hint() -> None:
    with pytest.raises(BadCondition, match=r"unknown figure ttft_p98; did you mean ttft_p9[059] or "):
        parse("ttft_p98>1")
    with pytest.raises(BadCondition) as refusal:
        parse("x>1")
    assert "known figures are min, avg, median, p50, p90, p95, p99, p99_9, p99.9, max (of la" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_plain_statistics_are_those_of_latency() -> None:
    for name in ("min", "avg", "median", "p50", "p90", "p95", "p99", "p99_9", "p99.9", "max"):
        assert SUBJECTS[name] == SUBJECTS[f"latency_{name}"]


@pytest.mark.parametrize(
    "text",
    [
        "p95>800", "max>=30s", "p50<31", "ttft_p99>30", "itl_max>30000ms", "stage 2 p95>30", "added_ttft_p95>30?",
        "latency_from_schedule_max>90",
    ],
)  # fmt: skip
def test_a_time_that_no_success_can_take_is_told(text: str) -> None:
    assert list(parse(text).beyond_timeout(30.0)) == [
        f"--fail-if {text}: no success takes so long, as --timeout is 30 s (a time without a unit is in seconds)"
    ]
    assert list(parse(text).beyond_timeout(1000.0)) == []


@pytest.mark.parametrize(
    "text",
    [
        "p95>29.9", "p50<30", "error_adjusted_p95>800", "failure_count>800", "throughput_rps<800",
        "added_latency_p95>800%", "latency_from_schedule_max>89",
    ],
)  # fmt: skip
def test_other_limits_can_be_of_any_size(text: str) -> None:
    assert list(parse(text).beyond_timeout(30.0)) == []
