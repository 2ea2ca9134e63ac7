"""Where a run's files stand: a folder of its own, or the user's prefix; nothing measured is ever overwritten."""

import contextlib
import itertools
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import UsageError

FOLDER = Path("results")
LATEST, NEWEST = FOLDER / "latest", FOLDER / "newest.json"
CLAIM = "run.json"
_MARKS = (
    "requests.csv", "run.json", "summary.json", "stats.csv", "stats_history.csv", "failures.csv", "exceptions.csv",
)  # fmt: skip


def check_writable(given_prefix: str | None) -> None:
    """Refuse, before anything is sent, a place that can't take files. Raises `UsageError`."""
    folder = _given(given_prefix).parent if given_prefix else FOLDER
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def files_of(given_prefix: str) -> list[Path]:
    """Return the files that a run under a prefix leaves, if no other has used it."""
    return [_file(_given(given_prefix), name) for name in _MARKS]


class Results:
    """The files of one run, all named `PREFIX_…`."""

    def __init__(self, run_id: str, given_prefix: str | None) -> None:
        """Choose the prefix and make its folder. Raises `UsageError` if it can't be written to."""
        with writable(Path(given_prefix or FOLDER)):
            self.prefix = _claimed(_given(given_prefix)) if given_prefix else _folder_of(run_id) / "metrics"
        if given_prefix:
            _point_to(self.prefix, run_id)

    def path(self, name: str) -> Path:
        return _file(self.prefix, name)

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write one of the run's JSON files."""
        path = self.path(name)
        _write_json(path, content, draft=f"{path.name}.part")


@contextlib.contextmanager
def writable(place: Path) -> Iterator[None]:
    """Turn a file that can't be made at a place into a `UsageError`."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"can't write results into {place}: {(error.strerror or '').lower()}") from error


def new_run_id() -> str:
    """Return a name that sorts by time, to the millisecond, and is unique among runs of several processes."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03}Z-{secrets.token_hex(3)}"


def _folder_of(run_id: str) -> Path:
    folder = FOLDER / run_id
    folder.mkdir(parents=True)
    link = FOLDER / f".latest-{run_id}"
    if LATEST.exists() and not LATEST.is_symlink():
        return folder
    with contextlib.suppress(OSError):
        link.symlink_to(run_id, target_is_directory=True)
        os.replace(link, LATEST)
    return folder


def _given(prefix: str) -> Path:
    """Return the prefix as a path; a folder means the files within it."""
    return Path(prefix) / "metrics" if prefix.endswith(os.sep) or os.path.isdir(prefix) else Path(prefix)


def _claimed(prefix: Path) -> Path:
    """Return the prefix, or the first of PREFIX-2, PREFIX-3, … under which no run writes or has written."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    numbered = (prefix.with_name(f"{prefix.name}-{number}") for number in itertools.count(2))
    return next(name for name in itertools.chain([prefix], numbered) if not _is_used(name) and _claim(name))


def _is_used(prefix: Path) -> bool:
    return any(_file(prefix, name).exists() for name in _MARKS)


def _claim(prefix: Path) -> bool:
    """Make the first of a run's files, still empty; `False` if another run was faster."""
    try:
        _file(prefix, CLAIM).open("x").close()
    except FileExistsError:
        return False
    return True


def _file(prefix: Path, name: str) -> Path:
    return prefix.with_name(f"{prefix.name}_{name}")


def _point_to(prefix: Path, run_id: str) -> None:
    """Let `report.py` find a run that is elsewhere than in `FOLDER`. Where this can't be written it does without."""
    with contextlib.suppress(OSError):
        FOLDER.mkdir(exist_ok=True)
        _write_json(NEWEST, {"run_id": run_id, "prefix": str(prefix)}, draft=f".newest-{run_id}")


def _write_json(path: Path, content: dict[str, Any], draft: str) -> None:
    """Write a JSON file in one piece: a reader finds it whole or not at all."""
    part = path.with_name(draft)
    part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)
