"""Gates (--fail-if): conditions on a run's figures that fail the run if they are true."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from summary.gates import language as conditions
from summary.gates.language import COMPARE, BadCondition, Condition, Language, Subject
from summary.registry import MAIN, NAMED, WRITTEN, Figure, Need, used

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
    written = {name: statistic for name, statistic in WRITTEN.items() if statistic in MAIN}
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
    f"{', '.join(MAIN)} after {_KNOWN_ADDED}; {ADDED}error_rate"
)
LANGUAGE = Language("--fail-if", SUBJECTS | DIFFERENCES, tuple(COMPARE), KNOWN, "p95>2")

_OF_A_STAGE = re.compile(r"\s*stage\s+(\S+)\s+(\S.*)", re.ASCII | re.DOTALL)
_OF_WHOLE_RUNS = ("itl_s", "latency_error_adjusted_s", "lost.calls", "total_bytes")
"""What a run has but none of its stages."""

OF_STAGES = {name: each for name, each in SUBJECTS.items() if each.figure.name not in _OF_WHOLE_RUNS}


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition that fails the run if it is true.

    stage  the number of the stage of a schedule that it is about; `None`: the whole run
    """

    condition: Condition
    stage: int | None = None

    @property
    def text(self) -> str:
        return self._of_stage + self.condition.text

    @property
    def _of_stage(self) -> str:
        return "" if self.stage is None else f"stage {self.stage} "

    @property
    def figure(self) -> Figure:
        return LANGUAGE.subjects[self.condition.name].figure

    @property
    def statistic(self) -> str | None:
        return LANGUAGE.subjects[self.condition.name].statistic

    @property
    def is_of_difference(self) -> bool:
        return LANGUAGE.subjects[self.condition.name].added

    def check(self, given: Collection[Need], stages: int = 0) -> None:
        """Refuse a figure, or a stage, that a run with these options can't have. Raises `BadCondition`.

        stages  how many the run's schedule has
        """
        self.check_stage(stages)
        conditions.check(self.condition, replace(LANGUAGE, option=f"{LANGUAGE.option} {self._of_stage}".strip()), given)

    def check_stage(self, stages: int) -> None:
        """Refuse a stage beyond the last one. Raises `BadCondition`."""
        if self.stage is not None and self.stage > (stages if stages > 1 else 0):
            has = f"the schedule has {stages} stages" if stages > 1 else "needs several stages (--rate-stages)"
            raise BadCondition(f"{LANGUAGE.option} {self.text}: {has}")

    def beyond_timeout(self, timeout_s: float) -> Iterator[str]:
        """Say so if a run with this timeout can't exceed the limit."""
        limit = 0.0 if self.condition.is_relative else self.condition.limit
        place = f"{LANGUAGE.option} {self.text}"
        return conditions.beyond_timeout(self.figure, self.condition.operator, limit, timeout_s, place)


def parse(text: str) -> Gate:
    """Parse one condition, with or without a stage before it, as a gate. Raises `BadCondition`."""
    of_a_stage = _OF_A_STAGE.fullmatch(text)
    if of_a_stage is None:
        return Gate(conditions.parse(text, LANGUAGE))
    number, condition = of_a_stage.groups()
    if not re.fullmatch("[1-9][0-9]{0,5}", number):
        raise BadCondition(f"{LANGUAGE.option} {text}: expected the number of a stage, from 1, not {number}")
    found = conditions.parse(condition, replace(LANGUAGE, option=f"{LANGUAGE.option} stage {number}"))
    if found.name not in OF_STAGES:
        raise BadCondition(f"{LANGUAGE.option} stage {number} {found.text}: a stage has no {found.name} of its own")
    return Gate(found, int(number))


class Result(NamedTuple):
    """What became of a gate after the run.

    value    the figure (seconds, a share, a rate per second, or a count); infinite if failures made it so; `None` if
             there was nothing to observe
    samples  for a distribution the number of observed values, otherwise the number of calls that ended
    reason   the value, or why it can't be judged, and how the client itself affected it; one line
    """

    breached: bool
    value: float | None
    samples: int
    reason: str
