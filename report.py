"""Summarise a finished (or killed) run offline: python report.py [PATH] [-o table|json|csv] [--out FILE]
[--slo CONDITIONS] [--fail-if CONDITION …]. Or draw the charts of one run or several: python report.py [PATH …] --html
FILE."""

import argparse
import contextlib
import errno
import io
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

from charts.data.run import Run, told_apart
from charts.page import file as page_file
from charts.page.page import page
from summary.cells import printable
from summary.figures import summarise
from summary.gates import gate, slo
from summary.gates.language import BadCondition
from summary.gates.verdict import breaches
from summary.render.render import RENDERERS
from summary.rows import locust_stats, rows
from summary.rows.losses import losses
from summary.rows.rows import REQUIRED, UnreadableRows, frame
from summary.vocabulary import OBSERVED, Summary

BREACHED = 3
RESULTS = Path("results")
LATEST, NEWEST = RESULTS / "latest", "newest.json"
REQUESTS, RUN, SUMMARY, STATS = "_requests.csv", "_run.json", "_summary.json", "_stats.csv"


def main(arguments: list[str] | None = None) -> int:
    """Print the summary of a run, or draw the charts of one or several. Return 0, 3 if a --fail-if condition is true,
    or 2, with one line on stderr, if there is nothing to print or to draw."""
    options = _parser().parse_args(arguments)
    if len(options.paths) > 1 and (refusal := _against_several(options)):
        return _refuse(refusal)
    place, runs = "", []
    try:
        for place in options.paths or [newest()]:
            runs.append(run_at(Path(place), slo=options.slo, fail_if=options.fail_if))
        _report(runs, options)
    except (UnreadableRows, BadCondition, page_file.NotOurs) as error:
        return _refuse(str(error))
    except OSError as error:
        named = error.filename or options.out or options.html or "stdout"
        return _refuse(f"{named}: {(error.strerror or str(error)).lower()}")
    except ODD as error:
        reason = f"{type(error).__name__}: {error}"
        return _refuse(f"{place}: {SUMMARY} or {RUN} is damaged, or was written by another version ({reason})")
    return BREACHED if options.fail_if and _report_breaches(runs) else 0


def _against_several(options: argparse.Namespace) -> str | None:
    """Return why several runs can't be reported this way; `None` if they can."""
    if options.html and not (options.output_format or options.out):
        return None
    return "only --html FILE takes several runs, and then neither -o nor --out"


def _report(runs: list[Run], options: argparse.Namespace) -> None:
    """Write what was asked for: the page, or else, or as well if its format or file is named, the summary."""
    if options.html:
        page_file.write(Path(options.html), page(told_apart(runs)))
    if options.output_format or options.out or not options.html:
        _write(RENDERERS[options.output_format or "table"](runs[0].summary), options.out)
    else:
        _write(f"{options.html}: charts of {', '.join(run.name for run in runs)}\n", None)


ODD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a JSON file can raise whose names or values are not those that a run writes."""


def summary_of(path: Path, **conditions: Any) -> Summary:
    """Return the summary of a run: see `run_at`."""
    return run_at(path, **conditions).summary


def run_at(path: Path, **conditions: Any) -> Run:
    """Return a run from its folder, prefix or `_requests.csv`, or from any Locust project's `_stats.csv`, which has no
    rows.

    conditions  `slo` and `fail_if`, to replace the run's own
    """
    file = find(path)
    if not file.name.endswith(REQUESTS):
        if any(conditions.values()):
            raise UnreadableRows(f"{file}: --slo and --fail-if need a run's rows, not Locust's statistics")
        return Run(str(path), locust_stats.read(file), frame(REQUIRED, []))
    prefix = file.name.removesuffix(REQUESTS)
    written = read_json(file.with_name(prefix + SUMMARY))
    run = read_json(file.with_name(prefix + RUN))
    run["options"] = {**(run.get("options") or {}), **{name: value for name, value in conditions.items() if value}}
    level = slo.parse(run["options"]["slo"]) if run["options"].get("slo") else None
    gates = [gate.parse(text) for text in run["options"].get("fail_if") or ()]
    table, damage = rows.read_with_damage(file)
    observed = {name: written.get(name) for name in OBSERVED}
    observed["rows"] = losses(table, damage, run, observed, written)
    summary = summarise(table, run, observed, level, gates)
    return Run(str(path), summary if written else {**summary, "cut_off": True}, table)


def newest() -> str:
    """Return where the newest run is: in its own folder, or where its --csv put it."""
    pointer = read_json(RESULTS / NEWEST)
    prefix, run_id = str(pointer.get("prefix", "")), str(pointer.get("run_id", ""))
    is_elsewhere = bool(prefix) and Path(prefix + REQUESTS).is_file()
    return prefix if is_elsewhere and not (LATEST.is_dir() and LATEST.resolve().name > run_id) else str(LATEST)


def find(path: Path) -> Path:
    """Return the file that a path means: itself, or the one with that prefix or in that folder. Rows come before
    statistics."""
    if path.is_file():
        return path
    for ending in (REQUESTS, STATS):
        found = sorted(path.glob(f"*{ending}")) if path.is_dir() else [path.with_name(path.name + ending)]
        if len(found) > 1:
            raise UnreadableRows(f"{path}: contains several runs: name one of {', '.join(file.name for file in found)}")
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
        raise UnreadableRows(f"{path}: not JSON ({error})") from error
    if not isinstance(content, dict):
        raise UnreadableRows(f"{path}: not a JSON object")
    return content


def _finite(text: str) -> float:
    """Return a number in a JSON file. No run writes NaN or infinity, and the summary must not contain them either."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def _write(text: str, out: str | None) -> None:
    """Write to a file or to stdout, escaping characters that can't be encoded."""
    if out:
        Path(out).write_text(text, encoding="utf-8", errors="backslashreplace")
        return
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.stdout.write(text)
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="report.py", description=__doc__)
    parser.add_argument(
        "paths", metavar="path", nargs="*", help="a run's folder or prefix, or a CSV file (the newest run)"
    )
    parser.add_argument("-o", "--output-format", choices=tuple(RENDERERS), help="of the summary (table)")
    parser.add_argument("--html", metavar="FILE", help="draw the charts of one run or several as one HTML page")
    parser.add_argument("--slo", help='judge the calls by these limits instead: "ttft<0.5 latency<3"')
    parser.add_argument("--fail-if", action="append", metavar="CONDITION", help="exit code 3 if it is true; repeatable")
    parser.add_argument("--out", metavar="FILE", help="write to FILE instead of stdout")
    return parser


def _report_breaches(runs: list[Run]) -> int:
    """Write a line per breach to stderr, and return how many there are."""
    lines = [line for run in runs for line in breaches(run.summary)]
    for line in lines:
        _say(line)
    return len(lines)


def _refuse(reason: str) -> int:
    _say(f"report.py: error: {reason}")
    return 2


def _say(line: str) -> None:
    """Write a line to stderr. If that fails, ignore it: the exit code must stay the same."""
    with contextlib.suppress(AttributeError, OSError):
        sys.stderr.write(printable(line) + "\n")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
