"""Files that a process leaves where its options say: each can be written, and no two of them are the same."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.process.outlet import open_outlet
from harness.record.folder import files_of


def check(given: Any) -> None:
    """Refuse what Locust would stumble over, or one output overwrite of another, after the run. Raises `UsageError`."""
    for option, path in _locusts(given):
        _check_writable(option, path)
    seen: dict[str, str] = {}
    for option, path in _all(given):
        if os.path.exists(path) and not os.path.isfile(path):
            continue
        other = seen.setdefault(os.path.realpath(path), option)
        if other != option:
            raise UsageError(f"{other} and {option} would write the same file: {path}")


def _locusts(given: Any) -> Iterator[tuple[str, Path]]:
    """Yield what Locust writes at its end, and only then finds that it can't."""
    if given.html_file:
        yield "--html", Path(given.html_file)
    if given.json_file:
        yield "--json-file", Path(f"{given.json_file}.json")


def _all(given: Any) -> Iterator[tuple[str, Path]]:
    if given.results_prefix:
        yield from (("--csv", path) for path in files_of(given.results_prefix))
    yield from (("--logfile", Path(path)) for path in [given.logfile] if path)
    yield from (("--junit", Path(path)) for path in [given.junit] if path)
    yield from _locusts(given)


def _check_writable(option: str, path: Path) -> None:
    """Open a file to write, and leave none that wasn't there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        open_outlet(path).close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise UsageError(f"{option} {path}: {(error.strerror or str(error)).lower()}") from error
