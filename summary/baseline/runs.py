"""Did it get slower? One or more new runs against one or more old ones."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from summary import calls
from summary.baseline import likeness
from summary.baseline.measures import MEASURES, Measure, Run
from summary.comparison import sectioning
from summary.comparison.blocks import FEWEST, size_of
from summary.comparison.intervals import Ends
from summary.comparison.sectioning import Sectioned
from summary.gates.slo import Slo
from summary.vocabulary import Summary

ONE_RUN_EACH = (
    "One run on each side: two runs differ by more than their calls (another hour, another machine), which no interval "
    "here covers. Better: three runs on each side, alternating, or both targets in one run (locust --against)."
)
ONE_AGAINST_SEVERAL = "One side has a single run: how much its runs would spread is taken from the other side."
TOO_DEPENDENT = (
    "{} is too short: its calls depend on each other for so long that its intervals are too narrow. Run it longer."
)
LEAST_SIZE = 0.02
"""Prompts and answers that differ in length by less are not worth a note."""

SHOWN = 4
"""How many of the figures that a run lacks are named."""

SIZES = {"input_tokens": "prompts", "output_tokens": "answers"}


def compare(new: Sequence[Run], old: Sequence[Run], level: Slo | None) -> Summary:
    """Return a comparison as entries of a summary. `likeness.check` says which runs can be compared.

    level  the service level that each side is judged by

    comparison  by its name in conditions, each figure's entry: see `_compared`
    compared    what was compared: `new` and `old`, a list of runs each; `unit`, sections of one run or runs; `differs`,
                what else differs between the sides; `notes`, what a reader must know; `stages`, the same comparison of
                each stage if both sides had the same
    """
    return {
        "comparison": _figures(new, old, level),
        "compared": {
            "new": [_facts(run) for run in new],
            "old": [_facts(run) for run in old],
            "unit": "section" if len(new) + len(old) == 2 else "run",
            "differs": likeness.differs(new, old),
            "notes": [*_notes(new, old), *_gaps(new, level), *_gaps(old, level)],
            "stages": _stages(new, old, level),
        },
    }


def _figures(new: Sequence[Run], old: Sequence[Run], level: Slo | None) -> Summary:
    found = {measure.name: _compared(measure, new, old, level) for measure in MEASURES}
    return {name: entry for name, entry in found.items() if entry is not None}


def _compared(measure: Measure, new: Sequence[Run], old: Sequence[Run], level: Slo | None) -> Summary | None:
    """Return a figure's entry; `None` if neither side has it.

    old, new              each side's figure: of several runs the geometric mean (of shares the mean); `None` if one of
                          them has none: the others would stand for the run that went worst
    change, change_ci95   new / old - 1; of shares new - old
    difference, …_ci95    new - old, in the figure's unit
    says                  better, worse, or same if the interval contains 0; `None` without an interval
    …_samples             how many values each side has
    """
    before, now = (_of_all(measure, side, level) for side in (old, new))
    if not before and not now:
        return None
    is_share = measure.figure.kind == "share"
    return {
        "old": _centre(before, is_share),
        "new": _centre(now, is_share),
        **(_differing(measure, now, before) if before and now else dict.fromkeys(_DIFFERING)),
        "old_samples": sum(run.samples for run in before),
        "new_samples": sum(run.samples for run in now),
    }


def _of_all(measure: Measure, side: Sequence[Run], level: Slo | None) -> list[Sectioned]:
    """Return the figure of each run of a side; [] if not all have it."""
    found = [each for run in side if (each := measure.of(run, level)) is not None]
    return found if len(found) == len(side) else []


_DIFFERING = ("change", "change_ci95", "difference", "difference_ci95", "says")


def _differing(measure: Measure, new: Sequence[Sectioned], old: Sequence[Sectioned]) -> Summary:
    is_share = measure.figure.kind == "share"
    difference, apart = (sectioning.difference_of_shares if is_share else sectioning.difference)(new, old)
    change, ends = (difference, apart) if is_share else sectioning.change(new, old)
    says = _says(measure, ends or apart)
    return dict(zip(_DIFFERING, (change, ends and list(ends), difference, apart and list(apart), says), strict=True))


def _says(measure: Measure, ends: Ends | None) -> str | None:
    if ends is None:
        return None
    if ends[0] <= 0 <= ends[1]:
        return "same"
    return "worse" if (ends[0] > 0) == (measure.figure.better == "less") else "better"


def _centre(runs: Sequence[Sectioned], is_share: bool) -> float | None:
    if not runs:
        return None
    wholes = np.array([run.whole for run in runs])
    is_plain = is_share or len(runs) == 1 or wholes.min() <= 0
    return float(wholes.mean() if is_plain else np.exp(np.log(wholes).mean()))


def _stages(new: Sequence[Run], old: Sequence[Run], level: Slo | None) -> list[Summary] | None:
    """Return each stage's comparison; `None` unless all runs had the same stages."""
    planned = [[_planned(stage) for stage in run.summary.get("stages") or ()] for run in (*new, *old)]
    if not planned[0] or any(stages != planned[0] for stages in planned):
        return None
    return [
        {**stage, "comparison": _figures(_in_stage(new, stage["stage"]), _in_stage(old, stage["stage"]), level)}
        for stage in planned[0]
    ]


def _planned(stage: Summary) -> Summary:
    return {name: stage.get(name) for name in ("stage", "from_rps", "to_rps", "duration_s")}


def _in_stage(runs: Sequence[Run], number: int) -> list[Run]:
    return [
        Run(run.name, run.rows[run.rows["stage"] == number], run.summary["stages"][number - 1], run.facts)
        for run in runs
    ]


def _facts(run: Run) -> Summary:
    return {
        "run": run.name,
        **{name: run.summary.get(name) for name in ("run_id", "provider", "model", "host", "start")},
        "total_requests": len(run.rows),
        "failure_count": int(run.rows["outcome"].isin(calls.FAILED).sum()),
        "believable": (run.summary.get("verdict") or {}).get("believable"),
    }


def _notes(new: Sequence[Run], old: Sequence[Run]) -> Iterator[str]:
    yield from likeness.notes(new, old)
    yield from _sizes(new, old)
    if len(new) == len(old) == 1:
        yield from (TOO_DEPENDENT.format(run.name) for run in (*old, *new) if _is_too_dependent(run))
        yield ONE_RUN_EACH
    elif 1 in (len(new), len(old)):
        yield ONE_AGAINST_SEVERAL


def _gaps(side: Sequence[Run], level: Slo | None) -> Iterator[str]:
    """Say which figures are left out, because a run of the side lacks what others have."""
    if len(side) == 1:
        return
    had = [{measure.name for measure in MEASURES if measure.of(run, level)} for run in side]
    for run, names in zip(side, had, strict=True):
        lacking = [measure.name for measure in MEASURES if measure.name in set.union(*had) - names]
        if lacking:
            others = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
            yield f"{run.name} has too few values, or none, for {', '.join(lacking[:SHOWN])}{others}: not compared."


def _sizes(new: Sequence[Run], old: Sequence[Run]) -> Iterator[str]:
    """Say whether prompts or answers have another length, which alone changes most figures."""
    for column, noun in SIZES.items():
        sides = [[_mean(run, column) for run in side] for side in (new, old)]
        found = [[each for each in side if each is not None] for side in sides]
        change, ends = sectioning.change(*found) if all(found) else (None, None)
        if change is not None and abs(change) >= LEAST_SIZE and ends and not ends[0] <= 0 <= ends[1]:
            yield f"The new {noun} are {100 * abs(change):.2g} % {'longer' if change > 0 else 'shorter'} in tokens."


def _mean(run: Run, column: str) -> Sectioned | None:
    values: Any = calls.numbers(run.successes, column).dropna().to_numpy(dtype=float)
    return sectioning.of_values(values, np.mean, 5)


def _is_too_dependent(run: Run) -> bool:
    """Return whether blocks of calls that hardly depend on each other would be too long to have enough of them."""
    values: Any = run.successes["latency_s"].dropna().to_numpy(dtype=float)
    return len(values) >= 10 * FEWEST and size_of(values) >= len(values) // FEWEST
