"""The page's file. Stdlib only: it is checked before a run, which must not wait for pandas."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

OPENING = b'<!doctype html>\n<html lang="en" data-made-by="llm-load-tester">\n'
"""The beginning of every page written here."""


class NotOurs(Exception):
    """The file exists and is not a page of this tool; the message is one line."""


def check(path: Path) -> None:
    """Raise `NotOurs` for a file with another content, and `OSError` if the file can't be written. A file that is one
    of our pages stays until the new one is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(21, "is a directory", str(path))
    if _is_special(path):
        return
    if path.exists():
        if (begin := _beginning(path)) and begin != OPENING:
            raise NotOurs(f"{path} exists and is not a report of this tool: name another file")
        os.close(os.open(path, os.O_WRONLY))
    draft = _draft(path)
    draft.open("x").close()
    draft.unlink()


def write(path: Path, page: str) -> None:
    """Write the page whole or not at all, unless the path is a pipe or a device. Raises `NotOurs` or `OSError`."""
    check(path)
    content = page.encode("utf-8", "replace")
    if _is_special(path):
        _pour(path, content)
        return
    draft = _draft(path)
    try:
        with draft.open("xb") as file:
            file.write(content)
        draft.replace(os.path.realpath(path))
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise


def _pour(path: Path, content: bytes) -> None:
    """Write to a pipe or a device. A pipe without a reader raises `OSError`: `open` would wait for one, deaf to
    signals in a process of gevent's."""
    outlet = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(outlet, True)
    with os.fdopen(outlet, "wb") as file:
        file.write(content)


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file()


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(OPENING))


def _draft(path: Path) -> Path:
    """Return where the page is written first: beside the file itself, if the path is a link. The name is this process's
    own, and new: a file of that name could be another's, and a link would be followed. `Path.resolve` would raise a
    `RuntimeError` for links that form a loop."""
    place = Path(os.path.realpath(path))
    return place.with_name(f".{place.name}.{secrets.token_hex(4)}.part")
