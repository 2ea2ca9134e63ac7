"""Summarise a finished (or killed) run offline: python report.py [PATH] [-o table|json|csv|markdown] [--out FILE]
[--slo CONDITIONS] [--fail-if CONDITION …]. Compare runs: python report.py NEW … --against OLD … Draw the charts of
one run or several: python report.py RUN … --html FILE"""

import argparse
import contextlib
import errno
import itertools
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback, also within the imports below

from charts.data.run import Run, told_apart
from charts.page import file as page_file
from charts.page.page import page
from summary.baseline import likeness
from summary.baseline.likeness import Incomparable
from summary.baseline.runs import compare
from summary.cells import make_stdout_whole, printable
from summary.gates import relative, slo
from summary.gates.gate import Gate
from summary.gates.language import BadCondition
from summary.gates.relative import RelativeGate
from summary.gates.verdict import breaches
from summary.render.render import RENDERERS
from summary.rows.finished import ODD, REQUESTS, damaged, find, finished, read_json, run_of
from summary.rows.finished import summary_of as summary_of
from summary.rows.rows import UnreadableRows
from summary.run_files import LATEST, NEWEST, is_named_like_one
from summary.vocabulary import Summary

BREACHED = 3
LARGE_BYTES = 20_000_000
"""A file of this size takes about a second."""


def main(arguments: list[str] | None = None) -> int:
    """Print the summary of a run, or with --against a comparison. Return 0, 3 if a --fail-if condition is true, or 2,
    with one line on stderr, if there is nothing to print."""
    make_stdout_whole()
    options = _parsed(arguments)
    place = options.path[0] if options.path else None
    if not place and len(options.against or ()) > 1:
        return _refuse("--against takes all the runs after it as old ones: name the new run before it")
    try:
        place = place or newest()
        summaries = _report(options.path or [place], options)
    except (UnreadableRows, BadCondition, Incomparable, page_file.NotOurs) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(
            f"{error.filename or options.out or options.html or 'stdout'}: {(error.strerror or str(error)).lower()}"
        )
    except ODD as error:
        runs = [place, *(options.path or ())[1:], *(options.against or ())]
        return _refuse(f"{' or '.join(map(str, runs))}: {damaged(error)}")
    return BREACHED if options.fail_if and _report_breaches(summaries) else 0


def _report(paths: list[str], options: argparse.Namespace) -> list[Summary]:
    """Write what was asked for, and return the summaries whose gates count: the charts, a summary or a comparison; both
    if --html comes with --against, -o or --out."""
    if options.html and options.out and os.path.realpath(options.html) == os.path.realpath(options.out):
        raise page_file.NotOurs(f"--html and --out are the same file: {options.out}")
    if options.html and not (options.against or options.output_format or options.out):
        return _draw(paths, options)
    with _reading(*paths, *(options.against or ())):
        summary = _summary(paths, options)
    if options.html:
        _draw(paths, options, summary if options.against else None)
    _write(RENDERERS[options.output_format or "table"](summary), options.out)
    return [summary]


def _draw(paths: list[str], options: argparse.Namespace, comparison: Summary | None = None) -> list[Summary]:
    """Draw the runs on one page, with those that they are compared with below their comparison, and say where it is on
    stderr."""
    old = options.against or ()
    with _reading(*paths, *old):
        runs = [run_at(path, slo=options.slo, fail_if=None if old else options.fail_if) for path in paths]
        for run in runs:
            _check_gates(run.summary, options)
        page_file.write(Path(options.html), page(told_apart([*runs, *map(run_at, old)]), comparison))
    _say(f"charts: {options.html}")
    return [run.summary for run in runs]


def run_at(path: str | Path, **conditions: Any) -> Run:
    """Return a run to be drawn. Raises `UnreadableRows` with one line for one that can't be read."""
    try:
        found = finished(Path(path), **conditions)
    except BadCondition:
        raise
    except ODD as error:
        raise UnreadableRows(f"{path}: {damaged(error)}") from error
    return Run(str(path), found.summary, found.rows)


def _check_gates(summary: Summary, options: argparse.Namespace) -> None:
    relative_gates = filter(relative.is_relative, options.fail_if or ())
    if not options.against and "comparison" not in summary and (text := next(relative_gates, None)):
        raise BadCondition(f"--fail-if {text}: compares with a baseline: give --against")
    _warn_beyond_timeout(summary, options.slo, *relative.parse_all(options.fail_if or ()))


def _warn_beyond_timeout(summary: Summary, level: str | None, *gates: Sequence[Gate | RelativeGate]) -> None:
    """Say on stderr which of the given conditions are on times that no success of the run could take."""
    timeout_s = (summary.get("options") or {}).get("timeout_s")
    for each in (*([slo.parse(level)] if level else ()), *itertools.chain(*gates)):
        for warning in each.beyond_timeout(timeout_s) if isinstance(timeout_s, float) else ():
            print(f"report.py: warning: {printable(warning)}", file=sys.stderr)


def _summary(paths: list[str], options: argparse.Namespace) -> Summary:
    fail_if = options.fail_if or []
    if options.against:
        return _comparison(paths, options.against, options.slo, fail_if)
    if len(paths) > 1:
        alone = "drawn (--html FILE, without -o and --out)"
        raise UnreadableRows(f"several runs can only be {alone} or compared: give the old ones after --against")
    summary = summary_of(Path(paths[0]), slo=options.slo, fail_if=options.fail_if)
    _check_gates(summary, options)
    return summary


def _comparison(new_paths: list[str], old_paths: list[str], level: str | None, fail_if: list[str]) -> Summary:
    """Return the comparison of new runs with old ones, and the verdicts: relative gates are about the comparison,
    others about each new run."""
    plain, relative_gates = relative.parse_all(fail_if)
    new = [run_of(path, level, [gate.text for gate in plain]) for path in new_paths]
    old = [run_of(path) for path in old_paths]
    likeness.check(new, old)
    for run in new:
        _warn_beyond_timeout(run.summary, level, plain, relative_gates)
    of_new = (new[0].summary.get("options") or {}).get("slo")
    found = compare(new, old, slo.parse(of_new) if of_new else None)
    gates = [gate for run in new for gate in run.summary["gates"]]
    return relative.with_verdicts({**found, "gates": gates}, relative_gates, [run.summary for run in new])


@contextlib.contextmanager
def _reading(*paths: str) -> Iterator[None]:
    """While large files are read, say so in a terminal's last line; then erase it."""
    size_bytes = _size_bytes(paths)
    if size_bytes < LARGE_BYTES or sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    _tell(f"reading {size_bytes / 1e6:,.0f} MB of rows …")
    try:
        yield
    finally:
        _tell("\r\033[K")


def _size_bytes(paths: Iterable[str]) -> int:
    """Return the size of the runs' rows; 0 if one can't be found, as reading it will say."""
    try:
        return sum(find(Path(path)).stat().st_size for path in paths)
    except (OSError, UnreadableRows):
        return 0


def newest() -> str:
    """Return where the newest run is: in its own folder, or where its --csv put it."""
    pointer = read_json(NEWEST)
    prefix, run_id = str(pointer.get("prefix", "")), str(pointer.get("run_id", ""))
    is_elsewhere = bool(prefix) and Path(prefix + REQUESTS).is_file()
    return prefix if is_elsewhere and not (LATEST.is_dir() and LATEST.resolve().name > run_id) else str(LATEST)


def _write(text: str, out: str | None) -> None:
    """Write to a file or to stdout, escaping characters that can't be encoded."""
    if out:
        if Path(out).is_file() and (is_named_like_one(Path(out)) or Path(out).stat().st_nlink > 1):
            raise page_file.NotOurs(f"{out} exists and is, or could be, a run's file: name another file")
        Path(out).write_text(text, encoding="utf-8", errors="backslashreplace")
        return
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    sys.stdout.write(text)
    sys.stdout.flush()


def _parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the arguments. From `--slo=--` some versions of argparse would make `[]`."""
    parser = _parser()
    options = parser.parse_args(arguments)
    for name, value in vars(options).items():
        if name != "path" and isinstance(value, list) and [] in [value, *value]:
            parser.error(f"argument --{name.replace('_', '-')}: expected an argument")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="report.py", description=__doc__)
    parser.add_argument("path", nargs="*", help="a run's folder or prefix, or a CSV file (the newest run)")
    older = "compare the runs before it with these older ones"
    parser.add_argument("--against", nargs="+", action="extend", metavar="OLD", help=older)
    parser.add_argument("-o", "--output-format", choices=tuple(RENDERERS), help="of the summary (table)")
    parser.add_argument("--html", metavar="FILE", help="draw the charts of one run or several as one HTML page")
    limits = 'judge the calls by these limits instead: "ttft<0.5 latency<3"'
    parser.add_argument("--slo", action=slo.AddedConditions, help=limits)
    parser.add_argument("--fail-if", action="append", metavar="CONDITION", help="exit code 3 if it is true; repeatable")
    parser.add_argument("--out", metavar="FILE", help="write to FILE instead of stdout")
    return parser


def _report_breaches(summaries: list[Summary]) -> int:
    """Write a line per breach to stderr, and return how many there are."""
    lines = [line for summary in summaries for line in breaches(summary)]
    for line in lines:
        _say(line)
    return len(lines)


def _refuse(reason: str) -> int:
    _say(f"report.py: error: {reason}")
    return 2


def _say(line: str) -> None:
    _tell(printable(line) + "\n")


def _tell(text: str) -> None:
    """Write to stderr. If that fails, ignore it: the exit code must stay the same."""
    with contextlib.suppress(AttributeError, OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
