"""The service level that each call should meet (`--slo`)."""

import re
from argparse import ArgumentParser, Namespace, _AppendAction
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from summary.gates import language as conditions
from summary.gates.language import Condition, Language, Subject
from summary.registry import Need, used

FIGURES = {figure.noun: figure for figure in used("slo")}
SUBJECTS = {name: Subject(figure) for name, figure in FIGURES.items()}
LANGUAGE = Language("--slo", SUBJECTS, ("<", "<="), ", ".join(FIGURES), "ttft<0.5")


@dataclass(frozen=True, slots=True)
class Slo:
    """Conditions that a successful call must all meet."""

    conditions: tuple[Condition, ...]

    @property
    def text(self) -> str:
        return " ".join(condition.text for condition in self.conditions)

    def check(self, given: Collection[Need]) -> None:
        """Refuse figures that a run with these options can't have. Raises `BadCondition`."""
        for condition in self.conditions:
            conditions.check(condition, LANGUAGE, given)

    def beyond_timeout(self, timeout_s: float) -> Iterator[str]:
        """Say so of limits that every success keeps with this timeout."""
        for each in self.conditions:
            place = f"{LANGUAGE.option} {each.text}"
            yield from conditions.beyond_timeout(FIGURES[each.name], each.operator, each.limit, timeout_s, place)

    def by_column(self) -> Iterator[tuple[str, Condition]]:
        """Yield each condition with the rows' column that it applies to."""
        return ((FIGURES[condition.name].name, condition) for condition in self.conditions)

    def met_by(self, values: Mapping[str, Any], outcome: str) -> bool:
        """Return whether a call met the level; `values` are keyed by column, `None` where nothing was observed."""
        return outcome == "ok" and all(condition.holds(values.get(column)) for column, condition in self.by_column())


class AddedConditions(_AppendAction):
    """Adds an option's conditions to those that it was given before: on the command line, or in a config file's or a
    variable's list, which configargparse takes for an `_AppendAction` alone."""

    def __call__(self, parser: ArgumentParser, namespace: Namespace, values: Any, option: str | None = None) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, f"{before} {values}" if before else values)


def parse(text: str) -> Slo:
    """Parse conditions separated by spaces or commas as a service level. Raises `BadCondition`."""
    texts = re.sub(r"\s*([<>]=?)\s*", r"\1", text).replace(",", " ").split()
    return Slo(tuple(conditions.parse(each, LANGUAGE) for each in texts or [text]))
