"""The verdict on each gate: kept, breached by its figure, or breached because the figure can't be judged."""

import math
from typing import Any

from summary.gates import difference
from summary.gates.gate import Gate, Result
from summary.numbers.written import precise
from summary.registry import SAMPLES_NEEDED, TITLES, found
from summary.validity.verdict import notes_on
from summary.vocabulary import Summary


def facts(gate: Gate, summary: Summary) -> Summary:
    """Return a gate's verdict as it is written to the summary; an infinite value, which JSON lacks, is `None`."""
    found = judge(gate, summary)
    value = None if found.value is None or math.isinf(found.value) else found.value
    return {"gate": gate.text, **found._asdict(), "value": value}


def judge(gate: Gate, summary: Summary) -> Result:
    """Return the verdict: breached if the condition is true of the run's figure, or the figure can't be judged."""
    judged = difference.judged if gate.is_of_difference else _judged
    part = summary if gate.stage is None else _stage(gate.stage, summary)
    found = judged(gate, part) if part else Result(True, None, 0, "the run has no such stage")
    return found._replace(reason=found.reason + _reservation(gate, summary))


def _judged(gate: Gate, summary: Summary) -> Result:
    value, samples = _value(gate, summary), _samples(gate, summary)
    doubt = _absence(gate, summary) if value is None else _scarcity(gate, samples)
    breached = doubt is not None or gate.condition.holds(value)
    reason = doubt or _finding(gate, value or 0, samples)
    return Result(breached, value, samples, reason)


def _stage(number: int, summary: Summary) -> Summary | None:
    return next((stage for stage in summary.get("stages") or () if stage["stage"] == number), None)


def breaches(summary: Summary) -> list[str]:
    """Return a line for each gate of a judged run that was breached."""
    return [f"breach: {gate['gate']}: {gate['reason']}" for gate in summary["gates"] if gate["breached"]]


def _value(gate: Gate, summary: Summary) -> float | None:
    if gate.statistic is None:
        value: float | None = found(summary, gate.figure.name)
        return value
    distribution = _distribution(gate, summary)
    return math.inf if gate.statistic in distribution.get("infinite", ()) else distribution.get(gate.statistic)


def _samples(gate: Gate, summary: Summary) -> int:
    if not _is_of_successes(gate):
        return _ended(summary)
    distribution = _distribution(gate, summary)
    for name in ("gaps", "samples"):
        if name in distribution:
            return int(distribution[name])
    return int(summary["success_count"]) if distribution else 0


def _absence(gate: Gate, summary: Summary) -> str:
    if not _ended(summary):
        return "no call ended"
    if _is_of_successes(gate) and not summary["success_count"]:
        return "no call succeeded"
    return f"{gate.condition.name} was not observed"


def _scarcity(gate: Gate, samples: int) -> str | None:
    statistic = gate.statistic or ""
    needed = SAMPLES_NEEDED.get(statistic, 0)
    return f"too few samples ({samples}): {TITLES[statistic]} needs {needed:,}" if samples < needed else None


def _finding(gate: Gate, value: float, samples: int) -> str:
    counted = "1 sample" if samples == 1 else f"{samples:,} samples"
    return f"{gate.condition.name} is {_printed(gate, value)} ({counted})"


def _reservation(gate: Gate, summary: Summary) -> str:
    """Return, in parentheses, how the client itself affected the figure; "" if it did not."""
    notes = notes_on(gate.figure.name, summary.get("verdict"))
    return f" (the client itself {'; '.join(notes)})" if notes else ""


def _printed(gate: Gate, value: float) -> str:
    """Return the value with its unit, with as many digits as show which side of the limit it is on."""
    if math.isinf(value):
        return "infinite"
    holds = gate.condition.holds
    texts = precise(gate.figure.kind, value)
    return next((text for text, shown in texts if holds(shown) == holds(value)), repr(value))


def _distribution(gate: Gate, summary: Summary) -> dict[str, Any]:
    return found(summary, gate.figure.name) or {}


def _is_of_successes(gate: Gate) -> bool:
    return gate.figure.over in ("successes", "gaps")


def _ended(summary: Summary) -> int:
    """Return the number of calls that ended; dropped calls are included in the failures."""
    return int(summary["success_count"]) + int(summary["failure_count"])
