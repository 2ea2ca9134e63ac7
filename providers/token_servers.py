"""What the servers answer that SDKs get credentials from. An endless answer would fill the memory, or never let go."""

import io
import time
from collections.abc import Iterator
from http import client
from typing import Any

from wire.exchange import TooLong

MOST_BYTES = PIECE_BYTES = 1 << 16
"""Credentials have a few thousand: SDKs take a second to find a time of day in a text of 100 kB."""

MOST_LINES = 100
"""How many lines are read in one turn. A socket that has more to read waits for nothing, so neither a deadline nor
Ctrl-C could end an endless head or trailer."""


OTHER_FORM = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What Python's own code raises for an answer, or a file, of another form than credentials have, such as a login page:
the text alone would be `'Expiration'`, or `'NoneType' object is not subscriptable`."""


def in_words(error: Exception) -> str:
    """Return in one line why an SDK gets no credentials."""
    said = " ".join(str(error).split())
    if isinstance(error, OTHER_FORM):
        return f"what was given for credentials is malformed ({type(error).__name__}: {said})"
    return said


class _Lines(io.BufferedReader):
    """What an answer's lines are read from, which leaves others their turn."""

    taken = 0

    def readline(self, *args: Any) -> bytes:
        self.taken += 1
        if self.taken % MOST_LINES == 0:
            time.sleep(0)  # gevent's, in a run
        return super().readline(*args)


class _Answer(client.HTTPResponse):
    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fp: Any = _Lines(self.fp.detach())


def leave_turns() -> None:
    """Let nothing that Python's own HTTP client reads hold up the event loop; all SDKs get credentials through it."""
    client.HTTPConnection.response_class = _Answer


def short_answer(raw: Any, decodes: bool) -> Iterator[bytes]:
    """Yield the body that urllib3 receives, whose own `stream` would read a chunk's size of any length. Raises
    `TooLong`."""
    taken_bytes = 0
    while piece := raw.read(PIECE_BYTES, decode_content=decodes):
        taken_bytes += len(piece)
        if taken_bytes > MOST_BYTES:
            raise TooLong(f"the answer is longer than {MOST_BYTES >> 10} kB")
        yield piece
