"""stdin, stdout and stderr, which can be closed or lost during a run: a closed terminal, a pipe without a reader."""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO, cast

from summary.cells import escape_unencodable


class Lasting:
    """A text stream that outlives its reader: what can no longer be written is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def take_stdout() -> TextIO | None:
    """Reserve stdout for the summary and return it, `None` if it is closed; everything else that is printed goes to a
    stderr that can't fail."""
    stdout: TextIO | None = sys.stdout
    nothing = open(os.devnull, "r+", encoding="utf-8")  # noqa: SIM115 # open for the life of the process
    sys.stdin = sys.stdin or nothing
    sys.stderr = sys.stdout = cast(TextIO, Lasting(sys.stderr or nothing))
    return stdout


def guard_log_files(lost: Callable[[], None]) -> None:
    """Report once, in one line, that the --logfile can no longer be written, as on a full disk, and escape what its
    encoding lacks: by default, logging prints a traceback for each line that it can't write.

    lost  is called when that happens
    """
    usual = logging.FileHandler.handleError
    told: list[str] = []

    def handle_error(handler: logging.FileHandler, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, UnicodeEncodeError):
            escape_unencodable(handler.stream)
            handler.emit(record)
        elif not isinstance(error, OSError):
            usual(handler, record)
        elif not told:
            told.append(handler.baseFilename)
            lost()
            reason = (error.strerror or str(error)).lower()
            if sys.stderr is not None:
                Lasting(sys.stderr).write(f"locust: error: --logfile {handler.baseFilename}: {reason}\n")

    # logging calls a handler's own method, and the handler is Locust's.
    logging.FileHandler.handleError = handle_error  # type: ignore[assignment, method-assign]
