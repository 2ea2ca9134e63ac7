"""Whether runs can be compared at all, and what else differs between two sides."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from summary.baseline.measures import OF_GAPS, Run
from summary.validity.verdict import DECISIVE
from summary.vocabulary import Summary

INCOMPARABLE = ("api", "mode", "stream")
"""Runs that differ in these measure different things: no comparison of them is printed."""

OF_A_SIDE = ("provider", "model")
"""Two sides can differ in these, which is then the first thing said; the runs of one side can't."""

NOT_OF_THE_LOAD = ("slo", "fail_if", "fail_fast", "baseline")
"""Options that change nothing about the calls."""


class Incomparable(Exception):
    """These runs can't be compared; the message says why in one line."""


def check(new: Sequence[Run], old: Sequence[Run]) -> None:
    """Raise `Incomparable` for runs that can't be compared."""
    check_side(new)
    check_side(old)
    check_alike([*new, *old], INCOMPARABLE)


def check_side(side: Sequence[Run]) -> None:
    """Raise `Incomparable` for runs that can't be on one side: without rows, given twice, or of another model."""
    for run in side:
        if run.rows.empty:
            raise Incomparable(f"{run.name}: has no rows to compare")
    _check_twice(side)
    check_alike(side, OF_A_SIDE)


def check_alike(runs: Sequence[Run], names: Sequence[str]) -> None:
    """Raise `Incomparable` for the first two runs that differ in one of these facts, if both are known."""
    for name in names:
        known = [(run.name, run.summary[name]) for run in runs if run.summary.get(name) is not None]
        for place, value in known[1:]:
            if value != known[0][1]:
                theirs, ours = (_described(name, each) for each in (value, known[0][1]))
                raise Incomparable(f"{known[0][0]} and {place} can't be compared: {ours} and {theirs}")


def _described(name: str, value: Any) -> str:
    return ("streamed" if value else "not streamed") if name == "stream" else f"{name} {value}"


def _check_twice(side: Sequence[Run]) -> None:
    ids = [run.summary["run_id"] for run in side if run.summary.get("run_id")]
    for place, run_id in enumerate(ids):
        if run_id in ids[:place]:
            raise Incomparable(f"run {run_id} is given twice on one side")


def rehearse(run: Run) -> None:
    """Read all of a run's facts as a comparison will. Damaged ones raise now, not at the end of the run that --baseline
    compares with it."""
    differs([run], [run])
    for _ in notes([run], [run]):
        pass
    for measure in OF_GAPS:
        measure.of(run, None)


def differs(new: Sequence[Run], old: Sequence[Run]) -> Summary:
    """Return what the sides were run with, by name, where it differs: {old, new}, each a list if its runs differ. What
    a run's files don't say, as those of an older version, is left out."""
    sides = [[_settings(run) for run in side] for side in (old, new)]
    names = [name for name in sides[1][0] if all(name in settings for side in sides for settings in side)]
    values = {name: [_united(settings.get(name) for settings in side) for side in sides] for name in names}
    return {name: {"old": old, "new": new} for name, (old, new) in values.items() if old != new}


def _settings(run: Run) -> dict[str, Any]:
    """Return what a run says of how it was made; nothing if its files don't."""
    options = {name: value for name, value in (run.facts.get("options") or {}).items() if name not in NOT_OF_THE_LOAD}
    baseline = {**(options.pop("against", None) or {})}
    options["against"] = baseline.pop("host", None) or baseline.pop("mode", None)
    options |= {f"against_{name}": value for name, value in baseline.items()}
    versions: Mapping[str, Any] = run.facts.get("versions") or {}
    facts = {name: run.summary.get(name) for name in (*OF_A_SIDE, "host")}
    return {**facts, "seed": run.facts.get("seed"), **options, **versions} if run.facts else facts


def _united(values: Iterator[Any]) -> Any:
    different = {json.dumps(value, sort_keys=True): value for value in values}
    return next(iter(different.values())) if len(different) == 1 else list(different.values())


def notes(new: Sequence[Run], old: Sequence[Run]) -> Iterator[str]:
    """Yield, as sentences, what a reader must know of these sides."""
    for name in OF_A_SIDE:
        values = [side[0].summary.get(name) for side in (old, new)]
        if None not in values and values[0] != values[1]:
            yield f"Another {name}: old {values[0]}, new {values[1]}."
    yield from _pairs(new, old)
    yield from _seeds(new, old)
    if {run.summary.get("run_id") for run in new} & {run.summary.get("run_id") for run in old} - {None}:
        yield "The same run is on both sides."
    for run in (*old, *new):
        if not (run.summary.get("verdict") or {}).get("believable", True):
            doubts = ", ".join(_doubts(run.summary["verdict"]))
            yield f"Not all of {run.name} can be believed ({doubts}): see its summary."


def _pairs(new: Sequence[Run], old: Sequence[Run]) -> Iterator[str]:
    """Say whether only some of the runs made their calls in pairs."""
    in_pairs = [run.name for run in (*old, *new) if "against" in run.summary]
    if 0 < len(in_pairs) < len(new) + len(old):
        yield (
            f"Only {', '.join(in_pairs)} made calls in pairs (--against): between two calls, users also wait for the "
            "baseline's, so throughput and output are lower for that alone."
        )


def _seeds(new: Sequence[Run], old: Sequence[Run]) -> Iterator[str]:
    """Say whether the prompts were others, as far as the runs' files tell."""
    hashes = {run.facts.get("seeds_sha256") for run in (*new, *old)} - {None}
    if len(hashes) > 1:
        yield "The seed files differ: other prompts, and perhaps other answers."


def _doubts(verdict: Summary) -> list[str]:
    """Return what the findings that count against a run are about."""
    return [each["about"] for each in verdict["findings"] if not each["ok"] and each["kind"] in DECISIVE]
