"""Applies a run's gates: --fail-fast ends a run that can no longer pass, and every breach is reported."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from harness.errors import UsageError
from harness.plan.plan import Plan
from harness.process.outlet import check_outlet, open_outlet
from harness.record.folder import writable
from harness.record.requests_csv import COLUMNS, Cells
from summary.gates.early_stop import Seal
from summary.gates.junit import OPENING, as_junit
from summary.gates.verdict import breaches
from summary.vocabulary import Summary

_log = logging.getLogger("llm")


class FailFast:
    """Watches each row and calls `end` once, when a gate's breach can no longer be avoided."""

    def __init__(self, plan: Plan, end: Callable[[], None]) -> None:
        self._seals = [(gate, Seal(gate, plan.most_permits, plan.slo)) for gate in plan.gates]
        self._end = end

    def see(self, cells: Cells) -> None:
        values = dict(zip(COLUMNS, cells, strict=True))
        for gate, seal in self._seals:
            seal.add(values)
            if seal.is_sealed:
                _log.error("%s can no longer be avoided: ending the run (--fail-fast)", gate.text)
                self._seals = []
                self._end()
                return


def passes(plan: Plan, summary: Summary) -> bool:
    """Return whether a run passes. Each breach is a line on stderr; all verdicts go to the JUnit file, if one is given.

    Raises `UsageError` if that can't be written.
    """
    lines = breaches(summary)
    for line in lines:  # not `writelines`: only `write` survives a lost terminal
        sys.stderr.write(f"{line}\n")
    if plan.junit:
        _spare_others(plan.junit)
        with writable(plan.junit):
            _write(plan.junit, as_junit(summary))
    return not lines


def _write(path: Path, report: str) -> None:
    """Write a report whole, or leave none: half of one could not be read, and an empty file would be spared as not ours
    by the next run."""
    try:
        with open_outlet(path, os.O_TRUNC) as file:
            file.write(report)
    except OSError:
        _remove(path)
        raise


def _remove(path: Path) -> None:
    """Remove a file, but not a link to it, which can be /dev/stdout."""
    if path.is_file():
        os.unlink(os.path.realpath(path))


def check_junit(path: Path) -> None:
    """Raise `UsageError`, before anything is sent, if the file can't be written or is not one of our reports. Delete an
    earlier report: if this run were refused, it would be taken for this run's."""
    _spare_others(path)
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        check_outlet(path)
        _remove(path)


def _spare_others(path: Path) -> None:
    """Raise `UsageError` for a file that is not one of our reports."""
    with writable(path):
        if not path.is_file() or path.open("rb").read(len(OPENING)) == OPENING:
            return
    raise UsageError(f"--junit {path} exists and is not a report of this tool: name another file")
