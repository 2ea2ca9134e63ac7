"""Gates of a difference between target and baseline: their grammar, and how a confidence interval is judged."""

from typing import Any

import pytest

from summary.gates import slo
from summary.gates.early_stop import Seal
from summary.gates.gate import DIFFERENCES, Result, parse
from summary.gates.junit import as_junit
from summary.gates.language import BadCondition
from summary.gates.verdict import facts, judge
from summary.registry import used

ENTRY = {
    "median": 0.0104, "median_ci95": [0.009, 0.012], "p95": 0.02, "p95_ci95": [-0.004, 0.05], "p99": 0.03,
    "p99_ci95": None, "pairs": 200, "target": {"median": 0.21, "p95": 0.5, "p99": 0.6},
    "baseline": {"median": 0.2, "p95": 0.4, "p99": 0.6},
}  # fmt: skip
TOKENS = {**ENTRY, "median": 30.0, "median_ci95": [20.0, 40.0], "baseline": {"median": 200.0}}
ERRORS = {"target": 0.03, "baseline": 0.01, "difference": 0.02, "difference_ci95": [0.005, 0.04], "pairs": 400}
SUMMARY = {
    "total_requests": 200, "success_count": 200, "failure_count": 0,
    "against": {
        "difference": {"latency_s": ENTRY, "ttft_s": {**ENTRY, "median_ci95": None, "pairs": 5},
                       "output_tokens": TOKENS},
        "error_rate": ERRORS,
    },
}  # fmt: skip


def verdict(text: str, summary: dict[str, Any] = SUMMARY) -> Result:
    return judge(parse(text), summary)


@pytest.mark.parametrize(
    ("text", "breached"),
    [
        # The interval is 9 to 12 ms.
        ("added_latency_median>8ms", True),
        ("added_latency_p50>8ms", True),
        ("added_latency_median>10ms", False),
        ("added_latency_median>13ms", False),
        ("added_latency_median<8ms", False),
        ("added_latency_median<10ms", False),
        ("added_latency_median<13ms", True),
        ("added_latency_median>0", True),
        ("added_latency_median>=9ms", True),
        ("added_latency_median>9ms", False),
        # The strict reading: a breach unless the whole interval is within.
        ("added_latency_median>8ms?", True),
        ("added_latency_median>10ms?", True),
        ("added_latency_median>12ms?", False),
        ("added_latency_median<10ms?", True),
        ("added_latency_median<9ms?", False),
        # Of the baseline's 200 ms: 4 % is 8 ms, 5 % is 10 ms.
        ("added_latency_median>4%", True),
        ("added_latency_median>5%", False),
        ("added_latency_median>5%?", True),
        ("added_latency_median>150%", False),
        # From -4 to 50 ms.
        ("added_latency_p95>0", False),
        ("added_latency_p95<0", False),
        ("added_latency_p95>0?", True),
        ("added_output_tokens_median>19", True),
        ("added_output_tokens_median>15%", False),
        ("added_output_tokens_median>9%", True),
        # Of a share, a percentage is points.
        ("added_error_rate>0.4%", True),
        ("added_error_rate>1%", False),
        ("added_error_rate>1%?", True),
    ],
)
def test_a_gate_is_judged_by_the_whole_interval(text: str, breached: bool) -> None:
    assert verdict(text).breached == breached


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("added_latency_median>8ms", "added_latency_median is +10.4 ms, 95 % CI +9.00 to +12.0 ms (200 pairs)"),
        (
            "added_latency_p95>5%",
            "added_latency_p95 is +20.0 ms, 95 % CI -4.00 to +50.0 ms (200 pairs); the limit is +20.0 ms",
        ),
        ("added_output_tokens_median>19", "added_output_tokens_median is +30, 95 % CI +20 to +40 (200 pairs)"),
        ("added_error_rate>1%", "added_error_rate is +2.00 points, 95 % CI +0.50 to +4.00 points (400 pairs)"),
    ],
)
def test_the_reason_gives_the_difference_and_its_interval(text: str, reason: str) -> None:
    assert verdict(text).reason == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("added_ttft_median>1s", "too few pairs (5): median needs 6"),
        ("added_latency_p99>60", "too few pairs (200): p99 needs 368"),
        ("added_tpot_median>1s", "added_tpot_median was not observed"),
    ],
)
def test_a_difference_that_cant_be_judged_is_a_breach(text: str, reason: str) -> None:
    assert (verdict(text).breached, verdict(text).reason) == (True, reason)


@pytest.mark.parametrize("text", ["added_latency_median>1s", "added_latency_p95>5%?", "added_error_rate>1%"])
@pytest.mark.parametrize("against", [{}, {"against": {"difference": {}, "error_rate": {"pairs": 0}}}])
def test_a_run_without_pairs_breaches_every_gate_of_a_difference(text: str, against: dict[str, Any]) -> None:
    found = verdict(text, {**SUMMARY, "against": None, **against})
    assert found.breached
    assert found.reason.endswith("was not observed")


def test_the_junit_report_has_it() -> None:
    gates = [facts(parse("added_latency_median>8ms?"), SUMMARY)]
    assert 'name="added_latency_median&gt;8ms?"' in as_junit({"gates": gates})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("added_latency_median>20m", "expected a time of 0 or more, such as 0.8, 0.8s or 800ms, not 20m"),
        ("added_latency_median>-5ms", "expected a time of 0 or more, such as 0.8, 0.8s or 800ms, not -5ms"),
        ("added_latency_median>x%", "expected a time of 0 or more, such as 0.8, 0.8s or 800ms, or a percentage of the "
                                    "baseline's, not x%"),
        ("added_latency_median>20ms??", "expected a time of 0 or more, such as 0.8, 0.8s or 800ms, not 20ms?"),
        ("added_error_rate>200%", "expected a share from 0 to 1, such as 0.01 or 1%, not 200%"),
        ("p95>2?", "expected a time of 0 or more, such as 0.8, 0.8s or 800ms, not 2?"),
        ("added_error_rate>1", "expected a condition that can be true (a share from 0 to 1, such as 0.01 or 1%)"),
        ("added_error_rate>100%?", "expected a condition that can be true (a share from 0 to 1, such as 0.01 or 1%)"),
    ],
)  # fmt: skip
def test_a_limit_that_means_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadCondition) as refusal:
        parse(text)
    assert str(refusal.value) == f"--fail-if {text}: {message}"


@pytest.mark.parametrize("name", ["added_latency", "added_latency_max", "added_itl_median", "added_latency_p90"])
def test_an_unknown_difference_is_refused_with_a_hint(name: str) -> None:
    with pytest.raises(BadCondition, match=f"unknown figure {name}; did you mean added_"):
        parse(f"{name}>1")


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        ("added_latency_median>1", [], "added_latency needs --against"),
        ("added_ttft_p95>5%?", ["--against"], "added_ttft needs --stream"),
        ("added_ttft_p95>5%?", ["--stream"], "added_ttft needs --against"),
        ("added_error_rate>1%", ["--stream"], "added_error_rate needs --against"),
    ],
)
def test_a_gate_of_a_difference_is_refused_without_a_baseline(text: str, given: list[Any], message: str) -> None:
    with pytest.raises(BadCondition) as refusal:
        parse(text).check(given)
    assert str(refusal.value) == f"--fail-if {text}: {message}"
    parse(text).check(["--against", "--stream"])


def test_every_difference_can_be_judged() -> None:
    names = {f"added_{figure.noun}_{name}" for figure in used("difference") for name in ("median", "p50", "p95", "p99")}
    assert set(DIFFERENCES) == {*names, "added_error_rate"}


SLOW = {"outcome": "ok", "latency_s": 99.0, "phase": "measured"}


@pytest.mark.parametrize("text", ["added_latency_median>1ms", "added_latency_p99>1%", "added_error_rate>1%?"])
def test_no_call_makes_a_difference_certain(text: str) -> None:
    seal = Seal(parse(text), calls=10, slo=None)
    for _ in range(10):
        seal.add({**SLOW, "side": "target"})
        seal.add({**SLOW, "side": "target", "outcome": "failed"})
    assert not seal.is_sealed


@pytest.mark.parametrize("text", ["max>1", "median>1", "failure_count>0", "error_rate>10%", "slo_attainment<50%"])
def test_calls_to_the_baseline_end_no_run(text: str) -> None:
    for side in ("baseline", "target", None):
        seal = Seal(parse(text), calls=10, slo=slo.parse("latency<1"))
        for outcome in ("ok", "failed"):
            for _ in range(6):
                seal.add({**SLOW, "outcome": outcome, "side": side})
        assert seal.is_sealed == (side != "baseline")
