"""The service level that each call should meet (--slo), how many calls met it, and how fast (goodput)."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from summary import calls
from summary.gates import language as conditions
from summary.gates.language import Condition, Language, Subject
from summary.registry import Need, used
from summary.vocabulary import Summary

FIGURES = {figure.noun: figure for figure in used("slo")}
SUBJECTS = {name: Subject(figure) for name, figure in FIGURES.items()}
LANGUAGE = Language("--slo", SUBJECTS, ("<", "<="), ", ".join(FIGURES), "ttft<0.5")


@dataclass(frozen=True, slots=True)
class Slo:
    """Conditions that all must hold of a call that succeeded."""

    conditions: tuple[Condition, ...]

    @property
    def text(self) -> str:
        return " ".join(condition.text for condition in self.conditions)

    @property
    def needs(self) -> set[Need]:
        """The options without which no call could meet it."""
        figures = (FIGURES[condition.name] for condition in self.conditions)
        return {figure.needs for figure in figures if figure.needs is not None}

    def check(self, given: Collection[Need]) -> None:
        """Refuse figures that a run with these options can't have. Raises `BadCondition`."""
        for condition in self.conditions:
            conditions.check(condition, LANGUAGE, given)

    def met(self, rows: pd.DataFrame) -> "pd.Series[bool]":
        """Tell for each row whether it met the level: `ok`, and every condition true of a value that was observed."""
        met = rows["outcome"] == "ok"
        for condition in self.conditions:
            met &= condition.compare(calls.numbers(rows, _column(condition)))
        return met

    def met_by(self, values: Mapping[str, Any], outcome: str) -> bool:
        """Tell it of one call: `values` by a row's column, `None` where nothing was observed."""
        return outcome == "ok" and all(condition.holds(values.get(_column(condition))) for condition in self.conditions)


def parse(text: str) -> Slo:
    """Return the level that conditions say, spaces or commas between them. Raises `BadCondition`."""
    texts = re.sub(r"\s*([<>]=?)\s*", r"\1", text).replace(",", " ").split()
    return Slo(tuple(conditions.parse(each, LANGUAGE) for each in texts or [text]))


def service_level(rows: pd.DataFrame, level: Slo | None) -> Summary:
    """Return how well calls met a level; {} without one."""
    if level is None:
        return {}
    span_s = calls.rates(rows)["total_execution_time_s"]
    return {"slo_attainment": attainment(level, rows), "goodput_rps": goodput_rps(level, rows, span_s)}


def attainment(slo: Slo, rows: pd.DataFrame) -> float | None:
    """Return `slo_attainment`: calls that met the level over those that ended, so also over failed and dropped ones.
    `None` if none ended."""
    ended = int((rows["outcome"] != "aborted").sum())
    return int(slo.met(rows).sum()) / ended if ended else None


def goodput_rps(slo: Slo, rows: pd.DataFrame, span_s: float | None) -> float | None:
    """Return the calls a second that met the level, over the run's time; `None` without any time."""
    return int(slo.met(rows).sum()) / span_s if span_s else None


def _column(condition: Condition) -> str:
    return FIGURES[condition.name].name
