"""Files that a user has named to be written: one that takes nothing is refused, and a pipe is not waited for."""

import os
from pathlib import Path
from typing import TextIO


def open_outlet(path: Path, flags: int = os.O_APPEND) -> TextIO:
    """Open a file to write; a pipe that nobody reads is an `OSError` at once, where `open` would wait for a reader."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | flags, 0o666)
    os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, "w", encoding="utf-8")
