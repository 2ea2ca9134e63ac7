"""Output files named by options: each must be writable, and no two can be the same."""

import os
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from harness.errors import UsageError
from harness.process.outlet import check_outlet
from harness.record import report_page
from harness.record.folder import files_of


def check(given: Namespace) -> None:
    """Raise `UsageError` for outputs that would fail after the run or overwrite each other."""
    for option, path in _locusts_outputs(given):
        _check_writable(option, path)
    if given.html_report:
        report_page.check(Path(given.html_report))
    seen: dict[str, str] = {}
    for option, path in _all(given):
        if os.path.exists(path) and not os.path.isfile(path):
            continue
        other = seen.setdefault(os.path.realpath(path), option)
        if other != option:
            raise UsageError(f"{other} and {option} would write the same file: {path}")


def _locusts_outputs(given: Namespace) -> Iterator[tuple[str, Path]]:
    """Yield the files that Locust writes at its end, without checking first that it can."""
    if given.html_file:
        yield "--html", Path(given.html_file)
    if given.json_file:
        yield "--json-file", Path(f"{given.json_file}.json")


def _all(given: Namespace) -> Iterator[tuple[str, Path]]:
    if given.results_prefix:
        yield from (("--csv", path) for path in files_of(given.results_prefix))
    yield from (("--logfile", Path(path)) for path in [given.logfile] if path)
    yield from (("--junit", Path(path)) for path in [given.junit] if path)
    yield from (("--html-report", Path(path)) for path in [given.html_report] if path)
    yield from _locusts_outputs(given)


def _check_writable(option: str, path: Path) -> None:
    """Open the file for writing; remove it if it is new."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        check_outlet(path)
        if is_new:
            os.unlink(os.path.realpath(path))
    except OSError as error:
        raise UsageError(f"{option} {path}: {(error.strerror or str(error)).lower()}") from error
