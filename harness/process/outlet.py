"""Opens output files named by the user, without waiting for a pipe's reader."""

import errno
import os
from pathlib import Path
from typing import TextIO

from summary.run_files import is_of_a_run

_kept: dict[Path, TextIO] = {}
"""Named pipes that were checked. They stay open: a reader would take the close for the end, and leave."""

_held: dict[Path, int] = {}


def open_outlet(path: Path, flags: int = os.O_APPEND) -> TextIO:
    """Open a file for writing. A pipe without a reader raises `OSError` at once; `open` would wait for one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | flags, 0o666)
    os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, "w", encoding="utf-8")


def check_outlet(path: Path) -> None:
    """Raise `OSError` unless `open_outlet` can open the file, which is created if there is none, and for a file of an
    earlier run, which would be lost; one that has another name, too, could be such a file."""
    if is_of_a_run(path):
        raise OSError(errno.EEXIST, "is a run's file: name another file")
    if path.is_file() and path.stat().st_nlink > 1:
        raise OSError(errno.EMLINK, "is a hard link to a file with another name: name another file")
    outlet = open_outlet(path)
    if path.is_fifo() and path not in _kept:
        _kept[path] = outlet
    else:
        outlet.close()


def hold_open(path: Path) -> None:
    """Keep a named pipe's reading end open: if its reader leaves at once, an `open` by others would wait for the next
    one, deaf to signals."""
    if path.is_fifo() and path not in _held:
        _held[path] = os.open(path, os.O_RDONLY | os.O_NONBLOCK)


def let_go() -> None:
    """Close what was held open: without a reader, writing fails from now on."""
    while _held:
        os.close(_held.popitem()[1])
