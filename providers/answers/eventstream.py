"""AWS event streams: frames with checksums. https://smithy.io/2.0/aws/amazon-eventstream.html"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from struct import unpack_from
from zlib import crc32

import orjson

from providers.call import ErrorInStream, IncompleteStream, Json

PRELUDE_BYTES = 12
CHECKSUM_BYTES = 4
LARGEST_FRAME_BYTES = 24 * 1024 * 1024
STRING = 7
FIXED_SIZES_BYTES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Header types of a fixed size: booleans, integers, timestamp, UUID. The others, bytes and string, tell theirs."""


class BadChecksum(Exception):
    """A frame's bytes are not those that were sent."""


def events(pieces: Iterable[bytes]) -> Iterator[tuple[str, Json]]:
    """Yield each event's type and payload.

    Raises `BadChecksum`, `ErrorInStream` for an exception event, and `IncompleteStream` for a stream that ends
    within a frame.
    """
    for headers, payload in frames(pieces):
        named = _headers(headers)
        if named.get(":message-type") != "event":
            kind = named.get(":exception-type") or named.get(":error-code") or "error"
            raise ErrorInStream(f"{kind}: {payload.decode('utf-8', 'replace') or named.get(':error-message', '')}")
        yield named.get(":event-type", ""), orjson.loads(payload)


def frames(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield each frame's headers and payload, both checksums verified."""
    buffer = b""
    for piece in pieces:
        buffer += piece
        start = 0
        while (end := _end_of_frame(buffer, start)) is not None:
            yield _open(buffer[start:end])
            start = end
        buffer = buffer[start:]
    if buffer:
        raise IncompleteStream("the stream ended within a frame")


def _end_of_frame(buffer: bytes, start: int) -> int | None:
    """Return where the frame at `start` ends, `None` while it is not all there."""
    if len(buffer) - start < PRELUDE_BYTES:
        return None
    size_bytes, _, checksum = unpack_from("!III", buffer, start)
    if crc32(buffer[start : start + 8]) != checksum or not PRELUDE_BYTES < size_bytes <= LARGEST_FRAME_BYTES:
        raise BadChecksum("a frame's length does not match its checksum: this is no AWS event stream, or a broken one")
    end = start + int(size_bytes)
    return end if end <= len(buffer) else None


def _open(frame: bytes) -> tuple[bytes, bytes]:
    (headers_bytes,) = unpack_from("!I", frame, 4)
    (checksum,) = unpack_from("!I", frame, len(frame) - CHECKSUM_BYTES)
    if crc32(frame[:-CHECKSUM_BYTES]) != checksum:
        raise BadChecksum("a frame's content does not match its checksum")
    payload_at = PRELUDE_BYTES + headers_bytes
    return frame[PRELUDE_BYTES:payload_at], frame[payload_at:-CHECKSUM_BYTES]


@lru_cache(maxsize=64)
def _headers(encoded: bytes) -> dict[str, str]:
    """Return the string headers, the only kind that says anything here; a stream repeats a few combinations."""
    headers: dict[str, str] = {}
    at = 0
    while at < len(encoded):
        name_end = at + 1 + encoded[at]
        name = encoded[at + 1 : name_end].decode()
        kind, value_at = encoded[name_end], name_end + 1
        if kind in FIXED_SIZES_BYTES:
            at = value_at + FIXED_SIZES_BYTES[kind]
            continue
        (size_bytes,) = unpack_from("!H", encoded, value_at)
        at = value_at + 2 + size_bytes
        if kind == STRING:
            headers[name] = encoded[value_at + 2 : at].decode()
    return headers
