"""Reads a file with secrets."""

from contextlib import suppress
from pathlib import Path


def text_of(path: str | Path) -> str:
    """Return a regular file's text, otherwise "": what a pipe has is for the SDK, and can be read only once."""
    with suppress(OSError, ValueError, RuntimeError):  # The last if there is no home.
        file = Path(path).expanduser()
        return file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    return ""
