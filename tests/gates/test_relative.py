"""Gates relative to a baseline: their syntax, and how they judge a comparison."""

from typing import Any

import pytest

from summary.gates.language import BadCondition
from summary.gates.relative import RelativeGate, is_relative, parse, parse_all, with_verdicts

P95 = {
    "old": 1.0, "new": 1.12, "change": 0.12, "change_ci95": [0.08, 0.16], "difference": 0.12,
    "difference_ci95": [0.08, 0.16], "says": "worse", "old_samples": 400, "new_samples": 300,
}  # fmt: skip
ERRORS = {**P95, "old": 0.01, "new": 0.03, "change": 0.02, "difference": 0.02, "difference_ci95": [0.005, 0.035]}
FEW = {**P95, "change_ci95": None, "difference_ci95": None, "says": None}
ABSENT = {**FEW, "old": None, "change": None, "difference": None, "old_samples": 0}
COMPARISON = {"latency_p95": P95, "error_rate": ERRORS, "ttft_p95": FEW, "tpot_p95": ABSENT}


def verdict(text: str, **summary: Any) -> dict[str, Any]:
    judged = with_verdicts({"gates": [], "comparison": COMPARISON, **summary}, [parse(text)])
    return dict(judged["gates"][0])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("p95>+10%", RelativeGate("p95>+10%", "p95", ">", 0.1, of_baseline=True, is_strict=False)),
        ("p95 > + 150 %".replace(" %", "%"), RelativeGate("p95>+150%", "p95", ">", 1.5, True, False)),
        ("ttft_p50>=+20ms", RelativeGate("ttft_p50>=+20ms", "ttft_p50", ">=", 0.02, False, False)),
        ("avg>+0.1", RelativeGate("avg>+0.1", "avg", ">", 0.1, False, False)),
        ("throughput_rps<-5%?", RelativeGate("throughput_rps<-5%?", "throughput_rps", "<", -0.05, True, True)),
        ("goodput_rps<-2", RelativeGate("goodput_rps<-2", "goodput_rps", "<", -2.0, False, False)),
        ("error_rate>+1%", RelativeGate("error_rate>+1%", "error_rate", ">", 0.01, False, False)),
        ("slo_attainment<-0.05", RelativeGate("slo_attainment<-0.05", "slo_attainment", "<", -0.05, False, False)),
    ],
)
def test_a_limit_with_a_sign_is_relative(text: str, meant: RelativeGate) -> None:
    assert is_relative(text)
    assert parse(text) == meant


def test_gates_of_both_kinds_can_be_mixed() -> None:
    plain, relative = parse_all(["p95>2", "p95>+10%", "error_rate>1%"])
    assert [gate.text for gate in plain] == ["p95>2", "error_rate>1%"]
    assert [gate.text for gate in relative] == ["p95>+10%"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("max>+10%", "max is not compared"),
        ("error_adjusted_p95>+10%", "error_adjusted_p95 is not compared"),
        ("lost_calls>+1", "lost_calls is not compared"),
        ("speed>+10%", "unknown figure speed"),
        ("p95>+10x", "expected a time"),
        ("added_latency_p95>+10%", "is not compared"),
        ("p95>+%", "or a percentage of the baseline's"),
        ("error_rate>+101%", "a share from 0 to 1"),
        ("p95>+-10%", "expected a time"),
        ("error_rate>+1", "expected a condition that can be true"),
        ("slo_attainment<-1", "expected a condition that can be true"),
        ("p95<-100%", "expected a condition that can be true"),
        ("throughput_rps<-150%?", "expected a condition that can be true"),
        (f"p95>+{'9' * 400}%", "expected a condition that can be true"),
    ],
)
def test_a_bad_condition_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(BadCondition, match=f"^--fail-if .*{reason}[^\n]*$"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "breached"),
    [
        ("p95>+7%", True),
        ("p95>+10%", False),
        ("p95>+10%?", True),
        ("p95>+20%?", False),
        ("p95>+70ms", True),
        ("p95>+100ms", False),
        ("p95<-5%", False),
        ("p95<+20%", True),
        ("error_rate>+1%", False),
        ("error_rate>+0.4%", True),
        ("error_rate>+1%?", True),
    ],
)
def test_a_breach_needs_the_whole_interval_unless_it_is_strict(text: str, breached: bool) -> None:
    assert verdict(text)["breached"] is breached


def test_the_reason_has_the_change_and_its_interval() -> None:
    assert verdict("p95>+7%") == {
        "gate": "p95>+7%", "breached": True, "value": 0.12, "samples": 300,
        "reason": "p95 changed by +12.0 %, 95 % CI +8.0 % to +16.0 % (400 and 300 samples)",
    }  # fmt: skip
    assert "+120 ms, 95 % CI +80.0 to +160 ms: perhaps by chance (" in verdict("p95>+100ms")["reason"]
    assert "+2.00 points, 95 % CI +0.50 to +3.50 points" in verdict("error_rate>+0.4%")["reason"]
    assert ": perhaps beyond it (" in verdict("p95>+13%?")["reason"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ttft_p95>+10%", "no interval: too few samples (400 and 300): it needs 200 on each side"),
        ("tpot_p95>+10%", "not observed, or from too few samples, on the old side"),
        ("goodput_rps<-1", "not observed, or from too few samples, on the old and the new side"),
    ],
)
def test_a_change_that_cannot_be_judged_is_a_breach(text: str, reason: str) -> None:
    assert (verdict(text)["breached"], verdict(text)["reason"]) == (True, reason)


def test_without_a_comparison_every_relative_gate_is_breached() -> None:
    judged = with_verdicts({"gates": []}, [parse("p95>+10%")])["gates"]
    assert [(each["breached"], each["reason"]) for each in judged] == [(True, "there is no comparison with a baseline")]


@pytest.mark.parametrize("text", ["p95>+800", "ttft_median>=+30s", "p95>+30?"])
def test_a_change_by_more_than_the_timeout_is_told(text: str) -> None:
    (told,) = parse(text).beyond_timeout(30.0)
    assert told.startswith(f"--fail-if {text}: no success takes so long, as --timeout is 30 s")


@pytest.mark.parametrize("text", ["p95>+29s", "p95>+800%", "p95<-800", "error_rate>+1%", "throughput_rps>+800"])
def test_other_changes_can_be_of_any_size(text: str) -> None:
    assert list(parse(text).beyond_timeout(30.0)) == []
