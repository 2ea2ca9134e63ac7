"""What google-genai reads as a stream: also JSON objects without `data:`, each ending with its line, and text that is
not UTF-8."""

import re
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from itertools import chain

from providers.answers.document import is_json, quoted
from providers.answers.sse import LARGEST_EVENT_BYTES
from providers.call import IncompleteStream, MalformedAnswer

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?')
"""A string, with or without its end. If the end were required, a string without one would be searched from every
quote in it, in quadratic time."""
MOST_BLANK_BYTES = 65536
"""How much white space may come before the first object."""
MOST_PIECES = 100
"""A line in at most this many pieces is checked for a whole object before it ends: the stream could stay open."""
_FIELD = re.compile(rb"(?:data|event|id|retry)?:")


def framed(pieces: Iterable[bytes]) -> Iterable[bytes]:
    """Return the pieces; reframed as events if the stream begins with an object."""
    pieces, start = _in_utf8(pieces), b""
    for piece in pieces:
        start += piece
        if piece.strip() or len(start) > MOST_BLANK_BYTES:
            break
    whole = chain([start], pieces)
    return _as_events(whole) if start.lstrip().startswith(b"{") else whole


def _in_utf8(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces, with a replacement character for what is not UTF-8."""
    decoder = getincrementaldecoder("utf-8")("replace")
    for piece in pieces:
        yield piece if piece.isascii() and not decoder.getstate()[0] else decoder.decode(piece).encode()
    yield decoder.decode(b"", final=True).encode()


def _as_events(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield each object, on one line or several, as an event, and the lines of regular events unchanged.

    Raises `IncompleteStream` for an object that the end of the stream cuts off, as the SDK fails at it.
    """
    held: list[bytes] = []
    depth = held_bytes = 0
    for line in _lines(pieces):
        if not held and (_FIELD.match(line) or not line.strip()):
            yield line
            continue
        held.append(line.strip())
        held_bytes += len(line)
        _refuse_endless(held, held_bytes)
        structure = _STRING.sub(b"", line)
        depth += structure.count(b"{") - structure.count(b"}")
        if depth <= 0:
            yield b"data: " + b" ".join(held) + b"\n\n"
            held, depth, held_bytes = [], 0, 0
    if held:
        raise IncompleteStream(f"the stream ended within an object: {quoted(b' '.join(held))}")


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield each line with its line feed. The last line can lack it, and so can whole JSON at the end of a piece."""
    held: list[bytes] = []
    held_bytes = 0
    for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for line in ended:
            yield b"".join((*held, line, b"\n"))
            held, held_bytes = [], 0
        held.append(rest)
        held_bytes += len(rest)
        _refuse_endless(held, held_bytes)
        if rest.endswith(b"}") and len(held) <= MOST_PIECES and is_json(line := b"".join(held)):
            yield line
            held, held_bytes = [], 0
    yield b"".join(held)


def _refuse_endless(held: list[bytes], held_bytes: int) -> None:
    """Raise for an object that does not end."""
    if held_bytes > LARGEST_EVENT_BYTES:
        raise MalformedAnswer(f"an object of over {LARGEST_EVENT_BYTES >> 20} MB: {quoted(b''.join(held))}")
