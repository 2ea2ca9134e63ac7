"""The summary of a finished (or killed) run, offline: python report.py [PATH] [-o table|json|csv] [--out FILE]
[--slo CONDITIONS] [--fail-if CONDITION …]."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from summary import locust_stats, rows
from summary.conditions import BadCondition
from summary.figures import summarise
from summary.render import RENDERERS
from summary.rows import UnreadableRows
from summary.vocabulary import OBSERVED, Summary

BREACHED = 3
REQUESTS, RUN, SUMMARY, STATS = "_requests.csv", "_run.json", "_summary.json", "_stats.csv"


def main(arguments: list[str] | None = None) -> int:
    """Print the summary of a run; 0, 3 if it is not what --fail-if allows, or 2 with one line on stderr if there is
    none to make."""
    options = _parser().parse_args(arguments)
    try:
        summary = summary_of(Path(options.path), slo=options.slo, fail_if=options.fail_if)
        text = RENDERERS[options.output_format](summary)
        if options.out:
            Path(options.out).write_text(text, encoding="utf-8")
        else:
            sys.stdout.write(text)
    except (UnreadableRows, BadCondition) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename or options.out}: {(error.strerror or str(error)).lower()}")
    return BREACHED if options.fail_if and _tell_breaches(summary) else 0


def summary_of(path: Path, **conditions: Any) -> Summary:
    """Return the summary of a run's folder, prefix, `_requests.csv`, or of any Locust project's `_stats.csv`.

    conditions  `slo` and `fail_if`, where they are to replace the run's own
    """
    file = find(path)
    if not file.name.endswith(REQUESTS):
        if any(conditions.values()):
            raise UnreadableRows(f"{file}: --slo and --fail-if need a run's rows, not Locust's statistics")
        return locust_stats.read(file)
    prefix = file.name.removesuffix(REQUESTS)
    written = read_json(file.with_name(prefix + SUMMARY))
    observed = {name: written.get(name) for name in OBSERVED}
    run = read_json(file.with_name(prefix + RUN))
    run["options"] = {**(run.get("options") or {}), **{name: value for name, value in conditions.items() if value}}
    summary = summarise(rows.read(file), run, observed)
    return summary if written else {**summary, "cut_off": True}


def find(path: Path) -> Path:
    """Return the file that a path means: itself, or the one of that prefix or folder. Rows come before statistics."""
    if path.is_file():
        return path
    for ending in (REQUESTS, STATS):
        found = sorted(path.glob(f"*{ending}")) if path.is_dir() else [path.with_name(path.name + ending)]
        if len(found) > 1:
            raise UnreadableRows(f"{path}: holds several runs, name one: {', '.join(file.name for file in found)}")
        if found and found[0].is_file():
            return found[0]
    raise UnreadableRows(f"{path}: no run there (looked for *{REQUESTS} and *{STATS})")


def read_json(path: Path) -> dict[str, Any]:
    """Return what a JSON file of the run's says; {} if the file is not there."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UnreadableRows(f"{path}: not JSON ({error})") from error
    return dict(content) if isinstance(content, dict) else {}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="report.py", description=__doc__)
    parser.add_argument("path", nargs="?", default="results/latest", help="a run's folder or prefix, or a CSV file")
    parser.add_argument("-o", "--output-format", choices=tuple(RENDERERS), default="table")
    parser.add_argument("--slo", help='judge the calls by this level instead: "ttft<0.5 latency<3"')
    parser.add_argument("--fail-if", action="append", metavar="CONDITION", help="exit code 3 if it is true; repeatable")
    parser.add_argument("--out", metavar="FILE", help="write there instead of to stdout")
    return parser


def _tell_breaches(summary: Summary) -> int:
    """Write a line a breach, and return how many there are."""
    breaches = [gate for gate in summary["gates"] if gate["breached"]]
    for gate in breaches:
        sys.stderr.write(f"breach: {gate['gate']}: {gate['reason']}\n")
    return len(breaches)


def _refuse(reason: str) -> int:
    sys.stderr.write(f"report.py: error: {reason}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
