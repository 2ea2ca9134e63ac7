"""A finished (or killed) run, from its files: the summary of its rows, and what else they say."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from summary.baseline import likeness
from summary.baseline.measures import Run
from summary.figures import figures, judged, measured, summarise
from summary.gates import relative, slo
from summary.gates.gate import Gate
from summary.gates.language import BadCondition
from summary.gates.relative import RelativeGate
from summary.gates.slo import Slo
from summary.rows import locust_stats, rows
from summary.rows.agreement import differing
from summary.rows.checksums import checksums
from summary.rows.losses import losses
from summary.rows.rows import UnreadableRows
from summary.vocabulary import COMPARED, FACTS, OBSERVED, Summary

REQUESTS, RUN, SUMMARY, STATS = "_requests.csv", "_run.json", "_summary.json", "_stats.csv"

ODD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a JSON file can raise whose names or values are not those that a run writes."""

TOO_MANY_DIGITS = "set_int_max_str_digits"
"""Python's advice to a programmer who reads a number of over 4,300 digits."""

MOST_NAMED = 10
SHOWN = 200
"""How many characters of an error are shown: it can quote a value as long as the file."""


class Finished(NamedTuple):
    """A run from its files: its summary, all its rows, and what PREFIX_run.json says of it."""

    summary: Summary
    rows: pd.DataFrame
    facts: Summary


def summary_of(path: Path, **conditions: Any) -> Summary:
    """Return the summary of a run: see `finished`."""
    return finished(path, **conditions).summary


def finished(path: Path, **conditions: Any) -> Finished:
    """Return a run from its folder, prefix or `_requests.csv`, or from any Locust project's `_stats.csv`, which has no
    rows.

    conditions  `slo` and `fail_if`, to replace the run's own; `None` leaves it
    """
    file = find(path)
    if file.name.endswith(REQUESTS):
        return _read(file, **conditions)
    if any(conditions.values()):
        raise UnreadableRows(f"{file}: --slo and --fail-if need a run's rows, not Locust's statistics")
    return Finished(locust_stats.read(file), rows.frame(rows.REQUIRED, []), {})


def so_far(table: pd.DataFrame, damage: rows.Damage, run: Summary, observed: Summary) -> Summary:
    """Return the summary of a run that is still on, judged by the gates that need no other run.

    Which numbers are missing can't be known yet: their calls are in flight.

    table, damage  the rows so far
    run            the content of PREFIX_run.json
    observed       see `summary.vocabulary.OBSERVED`
    """
    level, gates, _ = _judges(run)
    faults = {**losses(table, damage, run, observed), "missing_numbers": 0}
    return summarise(table, run, {**observed, "rows": faults}, level, gates)


def run_of(path: str, level: str | None = None, fail_if: Sequence[str] = ()) -> Run:
    """Return a run to be compared. Raises `UnreadableRows` with one line for one that can't be read.

    level    replaces the run's own --slo
    fail_if  gates that its summary is judged by, instead of its own
    """
    file = find(Path(path))
    if not file.name.endswith(REQUESTS):
        raise UnreadableRows(f"{file}: a comparison needs a run's rows, not Locust's statistics")
    try:
        found = _read(file, slo=level, fail_if=fail_if)
        run = Run(path, in_order(found.rows), found.summary, found.facts)
        likeness.rehearse(run)
        return run
    except BadCondition:
        raise
    except ODD as error:
        raise UnreadableRows(f"{path}: {damaged(error)}") from error


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Return the measured calls in the order of their start."""
    return measured(table)[0].sort_values("start_s", kind="stable", ignore_index=True)


def damaged(error: Exception) -> str:
    reason = f"{type(error).__name__}: {error}"[:SHOWN]
    return f"{SUMMARY} or {RUN} is damaged, or was written by another version ({reason})"


def _read(file: Path, **conditions: Any) -> Finished:
    prefix = file.name.removesuffix(REQUESTS)
    written = read_json(file.with_name(prefix + SUMMARY))
    run = read_json(file.with_name(prefix + RUN)) or {name: written[name] for name in FACTS if name in written}
    asked = {**run, "options": {**(run.get("options") or {}), **_given(conditions)}}
    level, gates, relative_gates = _judges(asked)
    table, damage = rows.read_with_damage(file)
    observed = {name: written.get(name) for name in OBSERVED}
    observed["rows"] = losses(table, damage, run, observed)
    found = {**figures(table, asked, observed, level), "checksums": checksums(table)}
    found["rows"]["differs"] = differing({**found, "options": run.get("options")}, written)
    summary = judged(found, gates)
    summary |= {name: written[name] for name in COMPARED if name in written}
    summary = relative.with_verdicts(summary, relative_gates)
    return Finished(summary if written else {**summary, "cut_off": True}, table, asked)


def _given(conditions: Summary) -> Summary:
    return {name: value for name, value in conditions.items() if value is not None}


def _judges(run: Summary) -> tuple[Slo | None, list[Gate], list[RelativeGate]]:
    """Return a run's service level, and its gates. Raises `BadCondition`."""
    options = run.get("options") or {}
    gates, relative_gates = relative.parse_all(options.get("fail_if") or ())
    for gate in gates:
        gate.check_stage(len(options.get("rate_stages") or ()))
    return (slo.parse(options["slo"]) if options.get("slo") else None), gates, relative_gates


def find(path: Path) -> Path:
    """Return the file that a path means: itself, or the one with that prefix or in that folder. Rows come before
    statistics."""
    if path.is_file():
        return path
    if path.parts[:1] in (("http:",), ("https:",)):
        raise UnreadableRows("an address is not a run: locust … --against URL compares two targets in one run")
    for ending in (REQUESTS, STATS):
        within = path.iterdir() if path.is_dir() else (Path(f"{path}{ending}"),)
        found = sorted(each for each in within if each.name.endswith(ending))
        if len(found) > 1:
            names = [file.name for file in found[:MOST_NAMED]] + ["…"] * (len(found) > MOST_NAMED)
            raise UnreadableRows(f"{path}: contains several runs: name one of {', '.join(names)}")
        if found and found[0].is_file():
            return found[0]
    raise UnreadableRows(f"{path}: no run found (looked for *{REQUESTS} and *{STATS})")


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of one of the run's JSON files; {} if the file does not exist."""
    if not path.exists():
        return {}
    if not path.is_file():
        raise UnreadableRows(f"{path}: not a file")
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        why = "a number with too many digits" if TOO_MANY_DIGITS in str(error) else error
        raise UnreadableRows(f"{path}: not JSON ({why})") from error
    if not isinstance(content, dict):
        raise UnreadableRows(f"{path}: not a JSON object")
    return content


def _finite(text: str) -> float:
    """Return a number in a JSON file. No run writes NaN or infinity, and the summary must not contain them either."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number
