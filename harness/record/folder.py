"""Where a run's files go: a new folder, or the user's prefix. An earlier run's files are never overwritten."""

import contextlib
import itertools
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from errno import EEXIST, ENOENT
from pathlib import Path

from harness.errors import UsageError
from summary.run_files import CLAIM, LATEST, MARKS, NEWEST, RESULTS


def check_writable(given_prefix: str | None) -> None:
    """Raise `UsageError`, before anything is sent, if no files can be written there."""
    folder = _given(given_prefix).parent if given_prefix else RESULTS
    with writable(folder, "" if given_prefix else "; --csv PREFIX puts them elsewhere"):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def files_of(given_prefix: str) -> list[Path]:
    """Return the files that a run writes under an unused prefix."""
    return [_file(_given(given_prefix), name) for name in MARKS]


class Results:
    """The files of one run, all named `PREFIX_…`."""

    def __init__(self, run_id: str, given_prefix: str | None) -> None:
        """Choose the prefix and create its folder. Raises `UsageError` if it can't be written to."""
        self._run_id = run_id
        with writable(Path(given_prefix or RESULTS)):
            self.prefix = _claimed(_given(given_prefix)) if given_prefix else _folder_of(run_id) / "metrics"
        if given_prefix:
            _point_to(self.prefix, run_id)

    def path(self, name: str) -> Path:
        return _file(self.prefix, name)

    def write_json(self, name: str, content: object) -> None:
        _write_json(self.path(name), content)

    def write_summary(self, summary: object) -> None:
        """Write PREFIX_summary.json. Raises `OSError` if the prefix is another run's by now, which began there after
        this one's folder was moved."""
        claim = self.path(CLAIM)
        if claim.is_file() and self._run_id.encode() not in claim.read_bytes():
            raise FileExistsError(EEXIST, f"{claim.name} is another run's")
        self.write_json("summary.json", summary)

    @contextlib.contextmanager
    def beginning(self) -> Iterator[None]:
        """Create the run's files within this block. If one can't be written, raise `UsageError` and leave none."""
        with writable(self.prefix):
            try:
                yield
            except OSError:
                for path in map(self.path, MARKS):
                    path.unlink(missing_ok=True)
                raise

    def check(self) -> None:
        """Raise `OSError` unless all the files are in place, once they have been written."""
        for path in map(self.path, MARKS):
            if not path.is_file():
                raise FileNotFoundError(ENOENT, f"{path.name} was deleted or moved during the run")


@contextlib.contextmanager
def writable(place: Path, advice: str = "") -> Iterator[None]:
    """Convert an `OSError` from writing to `place` into a `UsageError`, which ends with the advice."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"can't write results to {place}: {(error.strerror or '').lower()}{advice}") from error


def new_run_id() -> str:
    """Return an id that sorts by time, to the millisecond, and is unique across processes."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03}Z-{secrets.token_hex(3)}"


def _folder_of(run_id: str) -> Path:
    folder = RESULTS / run_id
    folder.mkdir(parents=True)
    link = RESULTS / f".latest-{run_id}"
    if LATEST.exists() and not LATEST.is_symlink():
        return folder
    with contextlib.suppress(OSError):
        link.symlink_to(run_id, target_is_directory=True)
        os.replace(link, LATEST)
    return folder


def _given(prefix: str) -> Path:
    """Return the prefix as a path; a folder means files inside it."""
    return Path(prefix) / "metrics" if prefix.endswith(os.sep) or os.path.isdir(prefix) else Path(prefix)


def _claimed(prefix: Path) -> Path:
    """Claim and return the prefix, or the first of PREFIX-2, PREFIX-3, … that no run has used."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    numbered = (prefix.with_name(f"{prefix.name}-{number}") for number in itertools.count(2))
    return next(name for name in itertools.chain([prefix], numbered) if not _is_used(name) and _claim(name))


def _is_used(prefix: Path) -> bool:
    return any(os.path.lexists(_file(prefix, name)) for name in MARKS)


def _claim(prefix: Path) -> bool:
    """Create the run's first file, still empty; return `False` if another run was faster."""
    try:
        _file(prefix, CLAIM).open("x").close()
    except FileExistsError:
        return False
    return True


def _file(prefix: Path, name: str) -> Path:
    return prefix.with_name(f"{prefix.name}_{name}")


def _point_to(prefix: Path, run_id: str) -> None:
    """Make `report.py` find a run outside `RESULTS`, if `RESULTS` is writable."""
    with contextlib.suppress(OSError):
        RESULTS.mkdir(exist_ok=True)
        _write_json(NEWEST, {"run_id": run_id, "prefix": str(prefix)})


def _write_json(path: Path, content: object) -> None:
    """Write a JSON file atomically: a reader finds all of it or nothing. The draft's name is new: a file of that name
    could be another's, a link would be followed, and a pipe waited for."""
    draft = path.with_name(f".{secrets.token_hex(4)}.part")
    try:
        with draft.open("x", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
