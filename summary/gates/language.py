"""A condition on a figure, as people write it: `ttft<0.5`, `p95>800ms`, `error_rate>1%`."""

import difflib
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

Kind = Literal["time", "share", "rate", "count"]
Need = Literal["--stream", "--rate", "--slo"]

COMPARE: dict[str, Callable[[Any, float], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
POWERS_OF_TEN: dict[Kind, dict[str, int]] = {
    "time": {"": 0, "s": 0, "ms": -3},
    "share": {"": 0, "%": -2},
    "rate": {"": 0},
    "count": {"": 0},
}
EXPECTED: dict[Kind, str] = {
    "time": "a time from 0, such as 0.8, 0.8s or 800ms",
    "share": "a share from 0 to 1, such as 0.01 or 1%",
    "rate": "a number a second from 0, without a unit",
    "count": "a number from 0, without a unit",
}
_CONDITION = re.compile(r"([A-Za-z_]\w*)\s*([<>]=?)\s*([^\s<>=]+)", re.ASCII)
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(ms|s|%|)", re.ASCII)


class BadCondition(ValueError):
    """The text is no condition, or none on a figure that the run has; one line says why."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What a condition can be about.

    path   where its value stands: keys of a summary, or the column of a row
    kind   what its numbers are: seconds, a share from 0 to 1, a number a second, a count
    needs  the option without which a run has no such figure
    """

    path: tuple[str, ...]
    kind: Kind
    needs: Need | None = None

    @property
    def noun(self) -> str:
        return self.path[0].removesuffix("_s")


@dataclass(frozen=True, slots=True)
class Language:
    """What can be written for an option; `known` and `example` are for people who wrote something else."""

    option: str
    figures: Mapping[str, Figure]
    operators: tuple[str, ...]
    known: str
    example: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A figure's name, an operator, and a limit in seconds, as a share, a second, or a count. `text` has no spaces."""

    text: str
    name: str
    operator: str
    limit: float

    def holds(self, value: float | None) -> bool:
        """Say whether the condition is true; it never is of a value that was not observed (`None`, NaN)."""
        return value is not None and bool(self.compare(value))

    def compare(self, values: Any) -> Any:
        """Compare a number, or each of an array or a Series, with the limit; NaN compares as false."""
        return COMPARE[self.operator](values, self.limit)


def parse(text: str, language: Language) -> Condition:
    """Return the one condition that a text is. Raises `BadCondition`."""
    written = _CONDITION.fullmatch(text.strip())
    if written is None:
        expected = f"expected a figure, an operator and a number, such as {language.example}"
        raise BadCondition(f"{language.option} {text}: {expected}")
    name, sign, number = written.groups()
    place = f"{language.option} {name}{sign}{number}"
    figure = _figure(name, place, language)
    if sign not in language.operators:
        raise BadCondition(f"{place}: expected {' or '.join(language.operators)}, not {sign}")
    return _possible(Condition(f"{name}{sign}{number}", name, sign, _limit(number, figure.kind, place)), figure, place)


def check(condition: Condition, language: Language, given: Collection[Need]) -> None:
    """Refuse a condition on a figure that a run with these options can't have. Raises `BadCondition`."""
    figure = language.figures[condition.name]
    if figure.needs is not None and figure.needs not in given:
        place = f"{language.option} {condition.text}"
        raise BadCondition(f"{place}: there is no {figure.noun} without {figure.needs}")


def _figure(name: str, place: str, language: Language) -> Figure:
    if name in language.figures:
        return language.figures[name]
    close = difflib.get_close_matches(name, language.figures, n=4)
    hint = f"did you mean {' or '.join(close)}?" if close else f"known are {language.known}"
    raise BadCondition(f"{place}: there is no figure {name}; {hint}")


def _limit(number: str, kind: Kind, place: str) -> float:
    """Return the limit in the figure's own unit, as precise as it was written: 7 % is 0.07."""
    written = _NUMBER.fullmatch(number)
    if written is None or written[2] not in POWERS_OF_TEN[kind]:
        raise BadCondition(f"{place}: expected {EXPECTED[kind]}, not {number}")
    limit = float(Decimal(written[1]).scaleb(POWERS_OF_TEN[kind][written[2]]))
    if limit == float("inf") or (kind == "share" and limit > 1):
        raise BadCondition(f"{place}: expected {EXPECTED[kind]}, not {number}")
    return limit


def _possible(condition: Condition, figure: Figure, place: str) -> Condition:
    """Refuse what can never be true: `error_rate>1` was meant to be 1 %, and would let every run pass."""
    below_all = condition.operator == "<" and condition.limit == 0
    above_all = condition.operator == ">" and condition.limit == 1 and figure.kind == "share"
    if below_all or above_all:
        raise BadCondition(f"{place}: expected a condition that can be true ({EXPECTED[figure.kind]})")
    return condition
