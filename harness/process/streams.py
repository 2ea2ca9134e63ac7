"""stdin, stdout and stderr, which may be closed, or go away while a run is on: a terminal, a pipe that nobody reads."""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO, cast


class Lasting:
    """A text stream that outlives its reader: what can't be written any more is left out."""

    def __init__(self, stream: TextIO) -> None:
        self._stream: Any = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def take_stdout() -> TextIO | None:
    """Keep stdout for the summary: whatever else is printed goes to a stderr that lasts. `None` for a closed one."""
    stdout: TextIO | None = sys.stdout
    nothing = open(os.devnull, "r+", encoding="utf-8")  # noqa: SIM115 # as long as the process lasts
    sys.stdin = sys.stdin or nothing
    sys.stderr = sys.stdout = cast(TextIO, Lasting(sys.stderr or nothing))
    return stdout


def tell_of_a_lost_log(lost: Callable[[], None]) -> None:
    """Say once, in one line, that the --logfile takes no more, as on a full disk: logging itself would write a
    traceback for each line of it.

    lost  is called then
    """
    usual = logging.FileHandler.handleError
    told: list[str] = []

    def handle_error(handler: logging.FileHandler, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            usual(handler, record)
        elif not told:
            told.append(handler.baseFilename)
            lost()
            reason = (error.strerror or str(error)).lower()
            if sys.stderr is not None:
                Lasting(sys.stderr).write(f"locust: error: --logfile {handler.baseFilename}: {reason}\n")

    logging.FileHandler.handleError = handle_error  # type: ignore[assignment, method-assign]
