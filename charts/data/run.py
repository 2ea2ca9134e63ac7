"""What charts are drawn from: a run's summary and its rows."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from summary import calls, figures
from summary.gates import slo
from summary.gates.language import BadCondition
from summary.gates.slo import Slo
from summary.registry import found
from summary.vocabulary import Summary

SIDES = ("target", "baseline")
OF_THE_TARGET = {"itl_s": None, "stages": None}
"""What a summary has of the target alone."""


@dataclass(frozen=True)
class Run:
    """A run, or one side of a run of pairs.

    name     in legends
    summary  as in PREFIX_summary.json
    rows     a row per call, warm-up included, as `summary.rows` reads them
    """

    name: str
    summary: Summary
    rows: pd.DataFrame

    @cached_property
    def measured(self) -> pd.DataFrame:
        return figures.without_warmup(self.rows)

    @cached_property
    def warmup(self) -> pd.DataFrame:
        return self.rows.drop(self.measured.index)

    @cached_property
    def successes(self) -> pd.DataFrame:
        return calls.of_successes(self.measured)

    @cached_property
    def level(self) -> Slo | None:
        """The service level that the run was given; `None` for one that this version can't read."""
        text = (self.summary.get("options") or {}).get("slo")
        try:
            return slo.parse(text) if text else None
        except BadCondition:
            return None

    @property
    def is_open_loop(self) -> bool:
        return calls.is_reported(self.measured, "stage")


def told_apart(runs: Sequence[Run]) -> list[Run]:
    """Return the runs with names that say only what differs: paths without their common beginning, and numbered if
    that leaves two the same."""
    if len(runs) < 2:
        return list(runs)
    common = os.path.commonpath([os.path.abspath(run.name) for run in runs])
    names = [os.path.relpath(run.name, common) for run in runs]
    return [
        replace(run, name=name if names.count(name) == 1 else f"{os.path.basename(run.name)} ({number})")
        for number, (run, name) in enumerate(zip(runs, names, strict=True), 1)
    ]


def sides_of(runs: Iterable[Run]) -> list[Run]:
    """Return the runs with each run of pairs as two: the calls of its target, and those of its baseline."""
    runs = list(runs)
    return [side for run in runs for side in _sides(run if len(runs) > 1 else replace(run, name=""))]


def has_sides(run: Run) -> bool:
    return "side" in run.rows and run.rows["side"].nunique() == len(SIDES)


def _sides(run: Run) -> list[Run]:
    if not has_sides(run):
        return [run]
    target, baseline = (
        replace(run, name=f"{run.name} {side}".strip(), rows=run.rows[run.rows["side"] == side]) for side in SIDES
    )
    own = found(run.summary, "against.baseline") or {}
    return [target, replace(baseline, summary={**run.summary, **OF_THE_TARGET, **own})]
