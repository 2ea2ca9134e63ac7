"""Make text from servers and users safe for CSV cells, tables and terminals. Stdlib only."""

import atexit
import io
import os
import re
import stat
import sys
from contextlib import suppress
from datetime import datetime
from typing import Any

FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"
"""A spreadsheet treats a cell that begins with one of these as a formula (OWASP, CSV Injection)."""

_QUOTED = re.compile(f"'['{re.escape(FORMULA_STARTS)}]")
_UNPRINTABLE_IN_JSON = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def iso(at: datetime) -> str:
    """Return a time of day in UTC as ISO 8601 with milliseconds."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def quoted(value: Any) -> Any:
    """Return the value as a CSV cell, with an apostrophe before text that a spreadsheet would treat as a formula.

    Text that begins with an apostrophe gets a second one, so that `unquoted` restores every text. Numbers and `None`
    are returned unchanged.
    """
    return f"'{value}" if isinstance(value, str) and value and value[0] in f"'{FORMULA_STARTS}" else value


def unquoted(text: str) -> str:
    """Undo `quoted`. Text from a file without such quoting is rarely changed."""
    return text[1:] if _QUOTED.match(text) else text


def printable(value: Any) -> Any:
    """Return text, also within lists and dicts, without characters that move a terminal's cursor or change colours."""
    if isinstance(value, str):
        return value if value.isprintable() else "".join(map(_printable, value))
    if isinstance(value, dict):
        return {printable(name): printable(inner) for name, inner in value.items()}
    return [printable(inner) for inner in value] if isinstance(value, list | tuple) else value


def printable_lines(text: str) -> str:
    """Return text of several lines without such characters within a line."""
    return text if text.isprintable() else "\n".join(map(printable, text.split("\n")))


def escaped(json: str) -> str:
    """Return JSON with all unprintable characters escaped, including those that JSON allows unescaped."""
    return _UNPRINTABLE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", json)


def escape_unencodable(stream: object) -> None:
    """Make a stream write an escape for a character that its encoding lacks, as Python's stderr does: ASCII and Latin-1
    have no box-drawing characters."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def make_stdout_whole() -> None:
    """Make stdout write all of a text or raise `OSError`, escaping what it can't encode. With PYTHONUNBUFFERED, Python
    drops without a word what a full disk or a signal leaves of a text."""
    _wait_for_readers()
    was = sys.stdout
    if isinstance(getattr(was, "buffer", None), io.RawIOBase):
        sys.stdout = open(was.fileno(), "w", 1, was.encoding, was.errors, closefd=False)  # noqa: SIM115  # for good
    escape_unencodable(sys.stdout)
    atexit.register(_forget_what_is_unwritten)


def _wait_for_readers() -> None:
    """Make stdout and stderr wait for their readers: a program that shares them can have made them non-blocking, and
    what a reader is too slow for would be lost."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError):
            with suppress(OSError):
                _unshare(stream.fileno())
            os.set_blocking(stream.fileno(), True)


def _unshare(descriptor: int) -> None:
    """Open a pipe anew, as a program that shares it can make it non-blocking at any time. Without a reader, this raises
    `OSError` rather than wait for one."""
    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        own = os.open(f"/dev/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
        os.dup2(own, descriptor)
        os.close(own)


def _forget_what_is_unwritten() -> None:
    """Drop a stream that still holds what it couldn't write: Python would try again, and exit with 120."""
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except (AttributeError, OSError, ValueError):
            setattr(sys, name, None)


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else "\ufffd"
