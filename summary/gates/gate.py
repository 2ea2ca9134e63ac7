"""Gates (--fail-if): conditions on a run's figures that fail the run if they are true."""

from collections.abc import Collection
from dataclasses import dataclass

from summary.gates import language as conditions
from summary.gates.language import COMPARE, Condition, Language, Subject
from summary.registry import NAMED, PERCENTILES, WRITTEN, Figure, Need, used

PLAIN = NAMED["latency_s"]
"""The distribution whose statistics need no prefix."""

ADDED = "added_"


def _subjects(figure: Figure) -> dict[str, Subject]:
    """Return a figure's names in conditions: one, or for a distribution one per statistic."""
    if not figure.over:
        return {figure.noun: Subject(figure)}
    written = {name: name for name in figure.statistics} if figure.over == "failures" else WRITTEN
    return {f"{figure.noun}_{name}": Subject(figure, statistic) for name, statistic in written.items()}


def _added(figure: Figure) -> dict[str, Subject]:
    """Return the names of what the target adds to a figure: a difference of median, p95 and p99."""
    written = {name: statistic for name, statistic in WRITTEN.items() if statistic in PERCENTILES}
    return {f"{ADDED}{figure.noun}_{name}": Subject(figure, each, added=True) for name, each in written.items()}


_FIGURES = used("gate")
SUBJECTS = {name: Subject(PLAIN, statistic) for name, statistic in WRITTEN.items()} | {
    name: subject for figure in _FIGURES for name, subject in _subjects(figure).items()
}
DIFFERENCES = {name: subject for figure in used("difference") for name, subject in _added(figure).items()} | {
    f"{ADDED}error_rate": Subject(NAMED["error_rate"], added=True)
}
"""What only a run with --against has."""

_ALIKE = [f"{figure.noun}_" for figure in _FIGURES if figure.over and figure.over != "failures"]
_OTHERS = [name for name, subject in SUBJECTS.items() if subject.figure.over in (None, "failures")]
_KNOWN_ADDED = ", ".join(f"{ADDED}{figure.noun}_" for figure in used("difference"))
KNOWN = (
    f"{', '.join(WRITTEN)} (of latency); the same after {', '.join(_ALIKE)}; {', '.join(_OTHERS)}; "
    f"{', '.join(PERCENTILES)} after {_KNOWN_ADDED}; {ADDED}error_rate"
)
LANGUAGE = Language("--fail-if", SUBJECTS | DIFFERENCES, tuple(COMPARE), KNOWN, "p95>2")


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition that fails the run if it is true."""

    condition: Condition

    @property
    def text(self) -> str:
        return self.condition.text

    @property
    def figure(self) -> Figure:
        return LANGUAGE.subjects[self.condition.name].figure

    @property
    def statistic(self) -> str | None:
        return LANGUAGE.subjects[self.condition.name].statistic

    @property
    def is_of_difference(self) -> bool:
        return LANGUAGE.subjects[self.condition.name].added

    def check(self, given: Collection[Need]) -> None:
        """Refuse a figure that a run with these options can't have. Raises `BadCondition`."""
        conditions.check(self.condition, LANGUAGE, given)


def parse(text: str) -> Gate:
    """Parse one condition as a gate. Raises `BadCondition`."""
    return Gate(conditions.parse(text, LANGUAGE))
