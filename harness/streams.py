"""stdout and stderr, which may go away while a run is on: a closed terminal, a pipe that nobody reads any more."""

import os
import sys
from contextlib import suppress
from typing import Any, TextIO, cast


class Lasting:
    """A text stream that outlives its reader: what can't be written any more is left out."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream: Any = stream or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 # for good

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
    """Keep stdout for the summary: whatever else is printed goes to a stderr that lasts."""
    stdout = sys.stdout
    sys.stderr = sys.stdout = cast(TextIO, Lasting(sys.stderr))
    return stdout
