"""Server-sent events, read as they come. https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any

from providers.call import Answer


def streamed(response: Any, read: Callable[[Iterable[bytes]], Answer]) -> Answer:
    """Yield the parts that `read` makes of an httpx2 response's events, as they come.

    Closing the response reads on for a moment, so that its connection can be kept.
    """
    with closing(response):
        yield from read(data(response.iter_bytes()))


def data(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield each event's data. Lines may end in LF or CRLF; comments and event names are passed over.

    All six providers repeat an event's name within its data, so the name itself is not needed. An event without
    the empty line that ends it was cut off, and is no event.
    """
    buffer = b""
    for piece in pieces:
        buffer += piece
        if b"\r" in buffer:
            buffer = _with_line_feeds(buffer)
        *blocks, buffer = buffer.split(b"\n\n")
        for block in blocks:
            if found := _data_of(block):
                yield found


def _with_line_feeds(buffer: bytes) -> bytes:
    """Return the buffer with LF for CRLF; a CR at its end waits for the LF that may follow."""
    return buffer.replace(b"\r\n", b"\n")


def _data_of(block: bytes) -> bytes:
    if block.startswith(b"data: ") and b"\n" not in block:
        return block[6:]
    lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines)
