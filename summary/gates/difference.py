"""The verdict on a gate of a difference between target and baseline: by its confidence interval, not by its value."""

from collections.abc import Sequence

from summary.gates.gate import Gate, Result
from summary.gates.language import COMPARE
from summary.numbers.written import signed, signed_ends
from summary.registry import PAIRS_NEEDED, found
from summary.vocabulary import Summary


def judged(gate: Gate, summary: Summary) -> Result:
    """Return the verdict: breached if the whole interval is beyond the limit, or the difference can't be judged; for a
    strict gate also if only a part of the interval is beyond it."""
    entry, measured = _entry(gate, summary), gate.statistic or "difference"
    value, interval, pairs = entry.get(measured), entry.get(f"{measured}_ci95"), int(entry.get("pairs") or 0)
    if interval is None:
        return Result(True, value, pairs, _doubt(gate, pairs))
    return Result(_is_beyond(gate, entry, interval), value, pairs, _finding(gate, entry, measured))


def _entry(gate: Gate, summary: Summary) -> Summary:
    place = "against.difference" if gate.statistic else "against"
    entry: Summary = (found(summary, place) or {}).get(gate.figure.name) or {}
    return entry


def _is_beyond(gate: Gate, entry: Summary, interval: Sequence[float]) -> bool:
    limit = _limit(gate, entry)
    are_beyond = [COMPARE[gate.condition.operator](end, limit) for end in interval]
    return any(are_beyond) if gate.condition.is_strict else all(are_beyond)


def _limit(gate: Gate, entry: Summary) -> float:
    """Return the limit in the figure's unit."""
    limit = gate.condition.limit
    return limit * float(entry["baseline"][gate.statistic]) if gate.condition.is_relative else limit


def _doubt(gate: Gate, pairs: int) -> str:
    if not pairs:
        return f"{gate.condition.name} was not observed"
    return f"too few pairs ({pairs}): {gate.statistic} needs {PAIRS_NEEDED[gate.statistic or 'median']}"


def _finding(gate: Gate, entry: Summary, measured: str) -> str:
    kind = gate.figure.kind
    interval = f"95 % CI {signed_ends(kind, entry[f'{measured}_ci95'])}"
    limit = f"; the limit is {signed(kind, _limit(gate, entry))}" if gate.condition.is_relative else ""
    counted = "1 pair" if entry["pairs"] == 1 else f"{entry['pairs']:,} pairs"
    return f"{gate.condition.name} is {signed(kind, entry[measured])}, {interval} ({counted}){limit}"
