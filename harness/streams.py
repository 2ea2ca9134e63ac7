"""stdin, stdout and stderr, which may be closed, or go away while a run is on: a terminal, a pipe that nobody reads."""

import os
import sys
import termios
from contextlib import suppress
from typing import Any, TextIO, cast

from locust.input_events import UnixKeyPoller


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


def let_the_terminal_go() -> None:
    """Let Locust, which puts the terminal's keyboard back at its end, do without a terminal that is gone."""
    put_back = UnixKeyPoller.cleanup

    def cleanup(poller: UnixKeyPoller) -> None:
        with suppress(termios.error):
            put_back(poller)  # type: ignore[no-untyped-call]

    UnixKeyPoller.cleanup = cleanup  # type: ignore[method-assign]
