"""A condition on a figure, as people write it: `ttft<0.5`, `p95>800ms`, `error_rate>1%`."""

import difflib
import math
import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from summary.registry import UNITS, WRITTEN, Figure, Kind, Need, used

COMPARE: dict[str, Callable[[Any, float], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CONDITION = re.compile(r"([A-Za-z_]\w*(?:\.\d+)?)\s*([<>]=?)\s*([^\s<>=]+)", re.ASCII)
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(ms|s|%|)", re.ASCII)
STRICT = "?"

MOST_TIMEOUTS = {"latency_from_schedule_s": 3}
"""Figures that can exceed one timeout: a call can wait one for a user, and one more for the other call of its pair."""


class BadCondition(ValueError):
    """The text is not a condition, or its figure is unknown or not available in the run; the message is one line."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of a condition: a figure, or one statistic of a distribution.

    added  it is the difference between target and baseline: its limit can be a percentage of the baseline's, and a
           question mark after it makes the condition strict
    """

    figure: Figure
    statistic: str | None = None
    added: bool = False

    @property
    def noun(self) -> str:
        return f"added_{self.figure.noun}" if self.added else self.figure.noun

    @property
    def needs(self) -> tuple[Need, ...]:
        """The options without which a run doesn't have it."""
        own: tuple[Need, ...] = (self.figure.needs,) if self.figure.needs else ()
        return (*own, "--against") if self.added else own


@dataclass(frozen=True, slots=True)
class Language:
    """The conditions that an option accepts; `known` and `example` are for error messages."""

    option: str
    subjects: Mapping[str, Subject]
    operators: tuple[str, ...]
    known: str
    example: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A figure's name, an operator, and a limit (seconds, a share, a rate per second, or a count). `text` has no
    spaces.

    is_relative, is_strict  of a difference: the limit is a share of the baseline's figure; and the condition holds
                            unless the whole confidence interval speaks against it
    """

    text: str
    name: str
    operator: str
    limit: float
    is_relative: bool = False
    is_strict: bool = False

    def holds(self, value: float | None) -> bool:
        """Return whether the condition is true; it never is of an unobserved value (`None`, NaN)."""
        return value is not None and bool(self.compare(value))

    def compare(self, values: Any) -> Any:
        """Compare a number, or each element of an array or Series, with the limit; NaN compares as false."""
        return COMPARE[self.operator](values, self.limit)


def parse(text: str, language: Language) -> Condition:
    """Parse one condition. Raises `BadCondition`."""
    written = _CONDITION.fullmatch(text.strip())
    if written is None:
        expected = f"expected a figure, an operator and a number, such as {language.example}"
        raise BadCondition(f"{language.option} {text}: {expected}")
    name, sign, number = written.groups()
    place = f"{language.option} {name}{sign}{number}"
    subject = subject_of(name, place, language)
    if sign not in language.operators:
        raise BadCondition(f"{place}: expected {' or '.join(language.operators)}, not {sign}")
    if subject.added:
        return _of_difference(name, sign, number, subject.figure.kind, place)
    kind = subject.figure.kind
    limit = limit_of(number, kind, place)
    refuse_impossible(sign, limit, (0, 1 if kind == "share" else math.inf), kind, place)
    return Condition(f"{name}{sign}{number}", name, sign, limit)


def check(condition: Condition, language: Language, given: Collection[Need]) -> None:
    """Refuse a condition on a figure that a run with these options can't have. Raises `BadCondition`."""
    subject = language.subjects[condition.name]
    for option in subject.needs:
        if option not in given:
            raise BadCondition(f"{language.option} {condition.text}: {subject.noun} needs {option}")


def subject_of(name: str, place: str, language: Language) -> Subject:
    """Return what a name means, for a condition written as `place` says. Raises `BadCondition`."""
    if name in language.subjects:
        return language.subjects[name]
    option = _option_of(name)
    if option not in (None, language.option):
        raise BadCondition(f"{place}: {name} is a figure of {option}, not of {language.option}")
    close = difflib.get_close_matches(name, language.subjects, n=4)
    hint = f"did you mean {' or '.join(close)}?" if close else f"known figures are {language.known}"
    raise BadCondition(f"{place}: unknown figure {name}; {hint}")


def _option_of(name: str) -> str | None:
    """Return which option has a figure of this name: a call's is --slo's, a statistic of a run's --fail-if's."""
    if name in {figure.noun for figure in used("slo")}:
        return "--slo"
    noun, _, statistic = name.rpartition("_")
    figures = {figure.noun: figure for figure in used("gate")}
    is_statistic = statistic in WRITTEN and (not noun or noun in figures)
    return "--fail-if" if is_statistic or (name in figures and not figures[name].over) else None


def _of_difference(name: str, sign: str, number: str, kind: Kind, place: str) -> Condition:
    """Return a condition on a difference, which can be negative."""
    bare = number.removesuffix(STRICT)
    is_relative = bare.endswith("%") and kind != "share"
    limit = share_of_baseline(bare, kind, place) if is_relative else limit_of(bare, kind, place)
    refuse_impossible(sign, limit, (-1, 1) if kind == "share" else (-math.inf, math.inf), kind, place)
    return Condition(f"{name}{sign}{number}", name, sign, limit, is_relative, is_strict=number != bare)


def share_of_baseline(number: str, kind: Kind, place: str) -> float:
    """Return a percentage of the baseline's figure as a share: it can be over 100 %."""
    written = _NUMBER.fullmatch(number)
    if written is None:
        raise BadCondition(f"{place}: expected {UNITS[kind].expected}, or a percentage of the baseline's, not {number}")
    return float(Decimal(written[1]).scaleb(-2))


def limit_of(number: str, kind: Kind, place: str) -> float:
    """Return the limit in the figure's unit, exactly as written: 7 % is 0.07."""
    written, unit = _NUMBER.fullmatch(number), UNITS[kind]
    if written is None or written[2] not in unit.powers:
        raise BadCondition(f"{place}: expected {unit.expected}, not {number}")
    limit = float(Decimal(written[1]).scaleb(unit.powers[written[2]]))
    if limit == float("inf") or (kind == "share" and limit > 1):
        raise BadCondition(f"{place}: expected {unit.expected}, not {number}")
    return limit


def refuse_impossible(sign: str, limit: float, ends: tuple[float, float], kind: Kind, place: str) -> None:
    """Refuse a condition that can never be true of a number between these ends: `error_rate>1` or `error_rate>+1`,
    probably meant as 1 %, would pass every run. Raises `BadCondition`."""
    lowest, highest = ends
    if (sign == "<" and limit <= lowest) or (sign == ">" and limit >= highest):
        raise BadCondition(f"{place}: expected a condition that can be true ({UNITS[kind].expected})")


def beyond_timeout(figure: Figure, sign: str, limit: float, timeout_s: float, place: str) -> Iterator[str]:
    """Say so of a time that no success can take: `p95>800`, probably meant as 800 ms, passes every run."""
    longest_s = timeout_s * MOST_TIMEOUTS.get(figure.name, 1)
    is_beyond = limit >= longest_s if sign.startswith(">") else limit > longest_s
    if figure.kind == "time" and figure.over != "failures" and is_beyond:
        reason = f"no success takes so long, as --timeout is {timeout_s:g} s (a time without a unit is in seconds)"
        yield f"{place}: {reason}"
