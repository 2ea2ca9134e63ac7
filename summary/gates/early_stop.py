"""Decides when a gate's breach is sealed, so that no later call can undo it (--fail-fast)."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from summary.gates.gate import Gate
from summary.gates.slo import Slo
from summary.registry import PERCENTILES
from summary.vocabulary import LATE_S

SURE = 1 - 1e-9
"""Factor that allows for rounding in sums of floats, and in times that were converted to milliseconds and back."""

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """How much each call weighs against a gate, and which total weight seals it."""

    weigh: Callable[[Values], float]
    seals: Callable[[float], bool]


class Seal:
    """Watches one gate while calls end. Once it is sealed, the gate will be breached however the run continues."""

    def __init__(self, gate: Gate, calls: int | None, slo: Slo | None) -> None:
        """`calls` is the most that the run can measure; `None` (unknown) leaves most gates unsealed."""
        self._rule = _rule(gate, calls, slo)
        self._weight = 0.0

    def add(self, values: Values) -> None:
        """Count a call, given as its row's columns, with numbers as numbers. Aborted and warm-up calls are ignored, and
        those to the baseline of a run with --against."""
        if self._rule is not None and _counts(values):
            self._weight += self._rule.weigh(values)

    @property
    def is_sealed(self) -> bool:
        return self._rule is not None and self._rule.seals(self._weight)


def _counts(values: Values) -> bool:
    return values["outcome"] != "aborted" and values.get("phase") != "warmup" and values.get("side") != "baseline"


def _rule(gate: Gate, calls: int | None, slo: Slo | None) -> Rule | None:
    """Return how the gate is sealed; `None` if later calls could always undo its breach, as that of a difference, or
    if it is about a stage."""
    if gate.is_of_difference or gate.stage is not None:
        return None
    if gate.condition.operator in ("<", "<="):
        return _of_attainment(gate, calls, slo) if calls and slo else None
    return _of_any_run(gate) or (_of_at_most(gate, calls) if calls else None)


def _of_any_run(gate: Gate) -> Rule | None:
    """Return a rule that needs no number of calls: counts and maxima never fall."""
    if gate.condition.name in _COUNTED:
        return Rule(_COUNTED[gate.condition.name], gate.condition.holds)
    if gate.statistic == "max":
        return Rule(_slow(gate), bool)
    return None


def _of_at_most(gate: Gate, calls: int) -> Rule | None:
    if gate.condition.name == "error_rate":
        return Rule(_failed, lambda failures: gate.condition.holds(failures / calls))
    if gate.figure.over in ("successes", "failures"):
        return _of_distribution(gate, calls)
    return None


def _of_distribution(gate: Gate, calls: int) -> Rule | None:
    """Assume that all other calls succeed in no time: with fewer successes the slow ones would weigh more."""
    if gate.statistic == "avg":
        return Rule(
            lambda values: _observed_s(values, gate.figure.name) or 0.0,
            lambda total_s: gate.condition.holds(SURE * total_s / calls),
        )
    if gate.statistic not in PERCENTILES:
        return None
    # Enough to make the lower of the two values between which the percentile lies a slow one.
    needed = calls - (calls - 1) * round(10 * PERCENTILES[gate.statistic]) // 1000
    return Rule(_slow(gate), lambda slow: slow >= needed)


def _of_attainment(gate: Gate, calls: int, slo: Slo) -> Rule | None:
    """Assume that all other calls meet the level."""
    if gate.condition.name != "slo_attainment":
        return None
    return Rule(
        lambda values: not slo.met_by(values, values["outcome"]),
        lambda missed: gate.condition.holds((calls - missed) / calls),
    )


def _slow(gate: Gate) -> Callable[[Values], bool]:
    """Return a predicate that is true of calls beyond a distribution's limit."""
    holds, figure = gate.condition.holds, gate.figure
    if figure.over == "failures":
        return lambda values: _failed(values) or holds(_observed_s(values, "latency_s"))
    if figure.over == "gaps":
        return lambda values: holds(SURE * (_observed_s(values, "itl_max_s") or 0.0))
    return lambda values: holds(_observed_s(values, figure.name))


def _observed_s(values: Values, column: str) -> float | None:
    """Return a success's value in a column; `None` if it has none, or the call is not a success."""
    value: float | None = values.get(column) if values["outcome"] == "ok" else None
    return None if value is None or math.isnan(value) else value


def _failed(values: Values) -> bool:
    return values["outcome"] in ("failed", "dropped")


def _dropped(values: Values) -> bool:
    return bool(values["outcome"] == "dropped")


def _late(values: Values) -> bool:
    return (values.get("start_lag_s") or 0.0) > LATE_S


_COUNTED: dict[str, Callable[[Values], bool]] = {
    "failure_count": _failed,
    "dropped_count": _dropped,
    "late_count": _late,
}
