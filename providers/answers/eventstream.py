"""AWS event streams: frames with checksums. https://smithy.io/2.0/aws/amazon-eventstream.html"""

import re
import struct
from collections.abc import Container, Iterable, Iterator
from functools import lru_cache
from itertools import chain
from struct import unpack_from
from zlib import crc32

from providers.answers.document import MOST_TRIED_BYTES, Event, is_json, quoted
from providers.answers.errors import message_in
from providers.call import ErrorInStream, IncompleteStream, MalformedAnswer

PRELUDE_BYTES = 12
CHECKSUM_BYTES = 4
SMALLEST_FRAME_BYTES = PRELUDE_BYTES + CHECKSUM_BYTES
LARGEST_HEADERS_BYTES = 128 * 1024
LARGEST_PAYLOAD_BYTES = 24 * 1024 * 1024
"""botocore's own limits."""
ERRORS = ("exception", "error")
"""The message types of errors. A frame of another type is an event, as it is to botocore; so is one without a type,
unless it names an error."""
BYTES, STRING = 6, 7
FIXED_SIZES_BYTES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Header types of a fixed size: booleans, integers, timestamp, UUID. Bytes and strings are prefixed by their size."""

_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*[{\[]")


class BadChecksum(Exception):
    """A frame's bytes were corrupted in transit."""


def events(pieces: Iterable[bytes], known: Container[str]) -> Iterator[Event]:
    """Yield the type and payload of each event of a known type: botocore doesn't read the others' payload. An empty
    payload is an empty object, as it is to botocore.

    Raises `BadChecksum`; `MalformedAnswer`; `ErrorInStream` for an exception event or a JSON error in place of a
    stream; and `IncompleteStream` for a stream that ends within a frame.
    """
    for headers, payload in frames(pieces):
        named = _headers(headers)
        kind = named.get(":exception-type") or named.get(":error-code")
        if named.get(":message-type", kind and "error") in ERRORS:
            words = message_in(payload) or payload.decode("utf-8", "replace") or named.get(":error-message", "")
            raise ErrorInStream(f"{kind or 'error'}: {words}")
        if (name := named.get(":event-type", "")) in known:
            yield name, payload or b"{}"


def frames(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield each frame's headers and payload, both checksums verified.

    The cost is linear in bytes: held pieces are joined only when a prelude or a frame is complete.
    """
    held: list[bytes] = []
    held_bytes, wanted_bytes, is_first = 0, PRELUDE_BYTES, True
    pieces = iter(pieces)
    for piece in pieces:
        held.append(piece)
        held_bytes += len(piece)
        if held_bytes < wanted_bytes:
            continue
        buffer, start = b"".join(held), 0
        if is_first and not _is_prelude(buffer, 0):
            raise _no_stream(buffer, pieces)
        is_first = False
        while (size_bytes := _size_of_frame(buffer, start)) <= len(buffer) - start:
            yield _open(buffer[start : start + size_bytes])
            start += size_bytes
        wanted_bytes = size_bytes
        held, held_bytes = [buffer[start:]], len(buffer) - start
    if held_bytes:
        rest = b"".join(held)
        if is_first and (words := message_in(rest)):
            raise ErrorInStream(words)
        raise IncompleteStream(f"the stream ended within a frame{f': {quoted(rest)}' if is_first else ''}")


def _is_prelude(buffer: bytes, start: int) -> bool:
    (checksum,) = unpack_from("!I", buffer, start + 8)
    return bool(crc32(buffer[start : start + 8]) == checksum)


def _size_of_frame(buffer: bytes, start: int) -> int:
    """Return the size of the frame at `start`, or of its prelude while that is incomplete."""
    if len(buffer) - start < PRELUDE_BYTES:
        return PRELUDE_BYTES
    if not _is_prelude(buffer, start):
        raise BadChecksum("a frame's length does not match its checksum")
    size_bytes, headers_bytes = unpack_from("!II", buffer, start)
    payload_bytes = size_bytes - headers_bytes - SMALLEST_FRAME_BYTES
    if headers_bytes > LARGEST_HEADERS_BYTES or not 0 <= payload_bytes <= LARGEST_PAYLOAD_BYTES:
        sizes = f"{size_bytes} bytes, of which {headers_bytes} are headers"
        raise MalformedAnswer(f"not a possible frame size ({sizes}): {quoted(buffer[start:])}")
    return int(size_bytes)


def _open(frame: bytes) -> tuple[bytes, bytes]:
    (headers_bytes,) = unpack_from("!I", frame, 4)
    (checksum,) = unpack_from("!I", frame, len(frame) - CHECKSUM_BYTES)
    if crc32(frame[:-CHECKSUM_BYTES]) != checksum:
        raise BadChecksum("a frame's content does not match its checksum")
    payload_at = PRELUDE_BYTES + headers_bytes
    return frame[PRELUDE_BYTES:payload_at], frame[payload_at:-CHECKSUM_BYTES]


@lru_cache(maxsize=64)
def _headers(encoded: bytes) -> dict[str, str]:
    """Return the string headers, the only kind needed here. Cached: a stream repeats a few combinations."""
    try:
        found = list(_all_headers(encoded))
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise MalformedAnswer("a frame's headers can't be read") from error
    if len(dict(found)) < len(found):
        raise MalformedAnswer("a frame has the same header twice")
    return {name: value for name, value in found if value is not None}


def _all_headers(encoded: bytes) -> Iterator[tuple[str, str | None]]:
    """Yield each header's name and value, `None` for a value that is not a string."""
    at = 0
    while at < len(encoded):
        name_end = at + 1 + encoded[at]
        name = encoded[at + 1 : name_end].decode()
        kind, value_at = encoded[name_end], name_end + 1
        if kind in FIXED_SIZES_BYTES:
            at = value_at + FIXED_SIZES_BYTES[kind]
            yield name, None
            continue
        if kind not in (BYTES, STRING):
            raise MalformedAnswer(f"a frame's header has the unknown type {kind}")
        (size_bytes,) = unpack_from("!H", encoded, value_at)
        at = value_at + 2 + size_bytes
        yield name, encoded[value_at + 2 : at].decode() if kind == STRING else None


def _no_stream(body: bytes, rest: Iterable[bytes]) -> Exception:
    """Return the error for a body that is not an event stream: its own message if it is an error, or a quotation.

    The stream could stay open, so reading on stops once the body is whole JSON, or can't be JSON.
    """
    tried_bytes = 0
    for piece in chain((b"",), rest):
        body += piece
        if not _JSON.match(body) or max(len(body), tried_bytes) > MOST_TRIED_BYTES:
            break
        if body.rstrip()[-1:] not in (b"}", b"]"):
            continue
        tried_bytes += len(body)
        if words := message_in(body):
            return ErrorInStream(words)
        if is_json(body):
            break
    return MalformedAnswer(f"not an AWS event stream, or a corrupt one: {quoted(body)}")
