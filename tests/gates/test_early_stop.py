"""A gate is sealed as soon as nothing can undo its breach, and never before."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from summary.gates import slo
from summary.gates.early_stop import Seal
from summary.gates.gate import parse

Values = dict[str, Any]
LEVEL = slo.parse("latency<=2")


def a_call(outcome: str = "ok", **values: Any) -> Values:
    return {"outcome": outcome, "latency_s": 1.0, **values}


def calls_until_sealed(text: str, calls: int | None, call: Values) -> int | None:
    """Return the number of such calls after which the gate is sealed; `None` if it isn't after 1000, or the whole
    run."""
    seal = Seal(parse(text), calls, LEVEL)
    for number in range(1, (calls or 1000) + 1):
        seal.add(call)
        if seal.is_sealed:
            return number
    return None


FAILED, DROPPED, SLOW = a_call("failed"), a_call("dropped", latency_s=None), a_call(latency_s=3.0, ttft_s=3.0)


@pytest.mark.parametrize(
    ("text", "calls", "call", "expected"),
    [
        ("failure_count>2", None, FAILED, 3),
        ("failure_count>=2", None, DROPPED, 2),
        ("dropped_count>0", None, DROPPED, 1),
        ("dropped_count>0", None, FAILED, None),
        ("late_count>1", None, a_call(start_lag_s=0.011), 2),
        ("late_count>1", None, a_call(start_lag_s=0.010), None),
        # 1 % of 300 calls are 3, which is not yet above 1 %.
        ("error_rate>1%", 300, FAILED, 4),
        ("error_rate>=1%", 300, DROPPED, 3),
        ("error_rate>1%", None, FAILED, None),
        ("max>2", None, SLOW, 1),
        ("ttft_max>2", None, SLOW, 1),
        ("tpot_max>2", None, SLOW, None),
        ("itl_max>2", None, a_call(itl_max_s=2.1), 1),
        ("max>2", None, a_call("failed", latency_s=30.0), None),
        # Rank 0.95 * 99 = 94.05 lies between the 95th and 96th of 100: six slow ones, the 95th being the sixth last.
        ("p95>2", 100, SLOW, 6),
        # Rank 0.99 * 99 = 98.01: the 99th is second to last. Rank 0.5 * 99 = 49.5: the 50th is the 51st from the end.
        ("p99>2", 100, SLOW, 2),
        ("median>2", 100, SLOW, 51),
        ("ttft_p50>2", 100, SLOW, 51),
        # Rank 0.95 * 20 = 19 is exactly the 20th of 21.
        ("p95>2", 21, SLOW, 2),
        ("p95>2", None, SLOW, None),
        ("p95>2", 100, FAILED, None),
        ("error_adjusted_p95>2", 100, FAILED, 6),
        ("error_adjusted_p95>2", 100, SLOW, 6),
        ("itl_p95>2", 100, a_call(itl_max_s=9.0), None),
        # 68 times 3 s are above 101 times 2 s, 67 times 3 s are not.
        ("avg>2", 101, SLOW, 68),
        ("avg>2", 100, FAILED, None),
        ("avg>2", None, SLOW, None),
        # 99 % of 100 calls allows one miss: the first leaves 99 %, the second 98 %.
        ("slo_attainment<99%", 100, SLOW, 2),
        ("slo_attainment<=99%", 100, FAILED, 1),
        ("slo_attainment<99%", 100, a_call(), None),
        ("slo_attainment<99%", None, SLOW, None),
    ],
)
def test_a_gate_is_sealed_by_this_many_bad_calls(
    text: str, calls: int | None, call: Values, expected: int | None
) -> None:
    assert calls_until_sealed(text, calls, call) == expected


@pytest.mark.parametrize(
    "text", ["p95<9", "min>0", "avg<9", "error_rate<=1", "goodput_rps<9", "throughput_rps>0", "slo_attainment>0"]
)
@pytest.mark.parametrize("call", [SLOW, FAILED])
def test_what_can_be_undone_is_never_sealed(text: str, call: Values) -> None:
    assert calls_until_sealed(text, 50, call) is None


def test_attainment_is_not_sealed_without_a_level() -> None:
    seal = Seal(parse("slo_attainment<99%"), 1, None)
    seal.add(FAILED)
    assert not seal.is_sealed


@pytest.mark.parametrize("ignored", [{"phase": "warmup"}, {"outcome": "aborted"}])
@pytest.mark.parametrize("text", ["max>2", "failure_count>=1", "late_count>0", "error_rate>0", "slo_attainment<1"])
def test_aborted_and_warm_up_calls_count_for_nothing(text: str, ignored: Values) -> None:
    for call in (SLOW, FAILED):
        assert calls_until_sealed(text, 1, {**call, "start_lag_s": 1.0, **ignored}) is None


def figure(name: str, calls: list[Values]) -> float | None:
    """Compute a figure with plain numpy; `None` if there is nothing to compute it from."""
    ended = [call for call in calls if call["outcome"] != "aborted"]
    bad = [call for call in ended if call["outcome"] != "ok"]
    values = [call["latency_s"] for call in ended if call["outcome"] == "ok" and call["latency_s"] is not None]
    if name == "failure_count":
        return len(bad)
    if name == "late_count":
        return len([call for call in ended if (call["start_lag_s"] or 0) > 0.01])
    if name == "error_rate":
        return float(np.mean([call["outcome"] != "ok" for call in ended])) if ended else None
    if name == "slo_attainment":
        return float(np.mean([LEVEL.met_by(call, call["outcome"]) for call in ended])) if ended else None
    if name.startswith("error_adjusted_"):
        name, values = name.removeprefix("error_adjusted_"), values + [1e300] * len(bad)
    return STATISTICS[name](np.array(values)) if values else None


STATISTICS: dict[str, Callable[[Any], float]] = {
    "avg": lambda values: float(values.mean()),
    "max": lambda values: float(values.max()),
    "median": lambda values: float(np.percentile(values, 50)),
    "p95": lambda values: float(np.percentile(values, 95)),
    "p99": lambda values: float(np.percentile(values, 99)),
}
LIMITS = {"failure_count": "3", "late_count": "2", "error_rate": "30%", "slo_attainment": "70%"}
GATES = [
    f"{name}{sign}{LIMITS.get(name, '2.1')}"
    for name in (*LIMITS, *STATISTICS, "error_adjusted_median", "error_adjusted_p95", "error_adjusted_p99")
    for sign in (("<", "<=") if name == "slo_attainment" else (">", ">="))
]
COUNTS_AND_SHARES = [text for text in GATES if text.startswith(tuple(LIMITS))]
AROUND_S = [0.0, 0.7, 2.0, np.nextafter(2.1, 0), 2.1, np.nextafter(2.1, 3), 4.2, 100.0]
A_SUCCESS = st.fixed_dictionaries(
    {
        "outcome": st.just("ok"),
        "latency_s": st.sampled_from(AROUND_S) | st.floats(0, 5),
        "start_lag_s": st.sampled_from([None, 0.01, 0.02]),
    }
)
A_CALL = A_SUCCESS | st.sampled_from(
    [
        {"outcome": "ok", "latency_s": None, "start_lag_s": None},
        {"outcome": "failed", "latency_s": 1.0, "start_lag_s": 0.0},
        {"outcome": "dropped", "latency_s": None, "start_lag_s": None},
        {"outcome": "aborted", "latency_s": None, "start_lag_s": 0.5},
    ]
)


def after_the_seal(seal: Seal, run: list[Values]) -> int | None:
    """Return how many calls of the run it takes to seal the gate; `None` if it is never sealed."""
    for number, call in enumerate(run, start=1):
        seal.add(call)
        if seal.is_sealed:
            return number
    return None


@given(st.sampled_from(GATES), st.lists(A_CALL | A_SUCCESS, min_size=1, max_size=45), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_a_sealed_gate_stays_breached_however_the_run_continues(text: str, run: list[Values], unsent: int) -> None:
    gate, calls = parse(text), len(run) + unsent
    sealed_after = after_the_seal(Seal(gate, calls, LEVEL), run)
    if sealed_after is not None:
        begun = run[:sealed_after]
        in_no_time = [a_call(latency_s=0.0, start_lag_s=0.0)] * (calls - sealed_after)
        for whole in (run, begun, begun + in_no_time):
            assert gate.condition.holds(figure(gate.condition.name, whole))


@given(st.sampled_from(COUNTS_AND_SHARES), st.lists(A_CALL | A_SUCCESS, min_size=1, max_size=45))
@settings(max_examples=80, deadline=None)
def test_after_a_whole_run_all_breached_counts_and_shares_are_sealed(text: str, run: list[Values]) -> None:
    gate, ended = parse(text), [call for call in run if call["outcome"] != "aborted"]
    sealed_after = after_the_seal(Seal(gate, len(ended), LEVEL), ended)
    assert (sealed_after is not None) == gate.condition.holds(figure(gate.condition.name, ended))
