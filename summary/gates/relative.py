"""Gates relative to a baseline (--fail-if "p95>+10%"): what a run's figures may change by."""

import math
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from summary.gates import gate as gates
from summary.gates import language
from summary.gates.gate import LANGUAGE, Gate
from summary.gates.language import COMPARE, BadCondition, Subject
from summary.numbers.written import signed_ends, signed_share
from summary.registry import FIGURES, SAMPLES_NEEDED, Figure, Need
from summary.validity.verdict import notes_on
from summary.vocabulary import Summary

_RELATIVE = re.compile(r"\s*([A-Za-z_]\w*(?:\.\d+)?)\s*([<>]=?)\s*([+-])\s*([^\s<>=?]+)\s*(\??)\s*", re.ASCII)


def name_of(figure: Figure, statistic: str | None) -> str:
    """Return a figure's name in a comparison: its full one in conditions."""
    return figure.noun if statistic is None else f"{figure.noun}_{statistic}"


COMPARED = {name_of(figure, each): Subject(figure, each) for figure in FIGURES for each in figure.compared}
"""Everything that is compared between runs."""


def samples_needed(statistic: str | None) -> int:
    """Return how many values each of two runs needs for an interval of their difference: with 100, that of p95 misses
    in 6 % of all cases."""
    return max(200, 2 * SAMPLES_NEEDED[statistic]) if statistic in SAMPLES_NEEDED else 50


@dataclass(frozen=True, slots=True)
class RelativeGate:
    """A condition on how a figure changed that fails the run if it is true.

    limit        what new - old is compared with, in the figure's unit, or new / old - 1 if `of_baseline`; both signed
    is_strict    it is true unless the whole confidence interval speaks against it; otherwise it is true only if the
                 whole interval speaks for it. Written as a question mark after the limit
    """

    text: str
    name: str
    operator: str
    limit: float
    of_baseline: bool
    is_strict: bool

    def holds(self, ends: Collection[float]) -> bool:
        """Return whether the condition is true, given the ends of a confidence interval."""
        return (any if self.is_strict else all)(COMPARE[self.operator](end, self.limit) for end in ends)

    @property
    def figure(self) -> Figure:
        return LANGUAGE.subjects[self.name].figure

    @property
    def statistic(self) -> str | None:
        return LANGUAGE.subjects[self.name].statistic

    @property
    def measured(self) -> str:
        """What of a comparison's entry is judged."""
        return "change" if self.of_baseline else "difference"

    @property
    def entry(self) -> str:
        """The figure's name in a comparison."""
        return name_of(self.figure, self.statistic)

    def check(self, given: Collection[Need], stages: int = 0) -> None:
        """Refuse a figure that a run with these options can't have. Raises `BadCondition`."""
        if self.figure.needs is not None and self.figure.needs not in given:
            raise BadCondition(f"{LANGUAGE.option} {self.text}: {self.figure.noun} needs {self.figure.needs}")

    def beyond_timeout(self, timeout_s: float) -> Iterator[str]:
        """Say so if a run with this timeout can't exceed the change."""
        limit = 0.0 if self.of_baseline else self.limit
        place = f"{LANGUAGE.option} {self.text}"
        return language.beyond_timeout(self.figure, self.operator, limit, timeout_s, place)


def is_relative(text: str) -> bool:
    """Return whether a condition's limit has a sign."""
    return _RELATIVE.fullmatch(text) is not None


def parse_all(texts: Iterable[str]) -> tuple[list[Gate], list[RelativeGate]]:
    """Parse conditions of both kinds. Raises `BadCondition`."""
    plain = [gates.parse(text) for text in texts if not is_relative(text)]
    return plain, [parse(text) for text in texts if is_relative(text)]


def parse(text: str) -> RelativeGate:
    """Parse a condition for which `is_relative` is true. Raises `BadCondition`."""
    written = _RELATIVE.fullmatch(text)
    assert written is not None
    name, operator, sign, number, strict = written.groups()
    place = f"{LANGUAGE.option} {name}{operator}{sign}{number}{strict}"
    subject = language.subject_of(name, place, LANGUAGE)
    if subject.added or name_of(subject.figure, subject.statistic) not in COMPARED:
        raise BadCondition(f"{place}: {name} is not compared with an earlier run")
    kind = subject.figure.kind
    of_baseline = number.endswith("%") and kind != "share"
    size = language.share_of_baseline(number, kind, place) if of_baseline else language.limit_of(number, kind, place)
    limit = -size if sign == "-" else size
    ends = (-1 if of_baseline or kind == "share" else -math.inf, 1 if kind == "share" else math.inf)
    language.refuse_impossible(operator, limit, ends, kind, place)
    return RelativeGate(place.partition(" ")[2], name, operator, limit, of_baseline, bool(strict))


def with_verdicts(summary: Summary, relative: Iterable[RelativeGate], new: Iterable[Summary] = ()) -> Summary:
    """Return a summary that has a comparison with these gates' verdicts added to its own.

    new  the summaries of the new runs, if this is of a comparison alone
    """
    verdicts = [each.get("verdict") for each in (*new, summary)]
    return {**summary, "gates": [*summary["gates"], *(_judged(gate, summary, verdicts) for gate in relative)]}


def _judged(gate: RelativeGate, summary: Summary, verdicts: Iterable[Summary | None]) -> Summary:
    """Return a gate's verdict: breached if the whole confidence interval is beyond the limit, or there is none."""
    entry = (summary.get("comparison") or {}).get(gate.entry) or {}
    value, ends = (entry.get(name) for name in (gate.measured, f"{gate.measured}_ci95"))
    doubt = _doubt(gate, summary, entry, ends)
    notes = dict.fromkeys(note for verdict in verdicts for note in notes_on(gate.figure.name, verdict))
    return {
        "gate": gate.text,
        "breached": doubt is not None or gate.holds(ends or ()),
        "value": value,
        "samples": entry.get("new_samples", 0),
        "reason": (doubt or _finding(gate, entry)) + (f" (the client itself {'; '.join(notes)})" if notes else ""),
    }


def _doubt(gate: RelativeGate, summary: Summary, entry: Summary, ends: list[float] | None) -> str | None:
    """Return why a gate can't be judged; `None` if it can."""
    if "comparison" not in summary:
        return "there is no comparison with a baseline"
    missing = [side for side in ("old", "new") if entry.get(side) is None]
    if missing:
        return f"not observed, or from too few samples, on the {' and the '.join(missing)} side"
    if ends:
        return None
    if gate.figure.over == "gaps":
        return f"no interval: {gate.figure.title} needs several runs on a side"
    samples = f"{entry['old_samples']} and {entry['new_samples']}"
    return f"no interval: too few samples ({samples}): it needs {samples_needed(gate.statistic)} on each side"


def _finding(gate: RelativeGate, entry: Summary) -> str:
    value, (lower, upper) = entry[gate.measured], entry[f"{gate.measured}_ci95"]
    ends = _signed(gate, lower, upper)
    samples = f"{entry['old_samples']:,} and {entry['new_samples']:,} samples"
    is_sure = gate.holds((lower, upper)) == COMPARE[gate.operator](value, gate.limit)
    doubt = "" if is_sure else ": perhaps beyond it" if gate.is_strict else ": perhaps by chance"
    return f"{gate.name} changed by {_signed(gate, value)}, 95 % CI {ends}{doubt} ({samples})"


def _signed(gate: RelativeGate, *changes: float) -> str:
    if gate.of_baseline:
        return " to ".join(map(signed_share, changes))
    return signed_ends(gate.figure.kind, changes)
