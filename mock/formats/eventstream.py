"""Frames of application/vnd.amazon.eventstream: https://smithy.io/2.0/aws/amazon-eventstream.html"""

from functools import lru_cache
from struct import pack
from zlib import crc32

import orjson

from mock.formats.message import Json

MEDIA_TYPE = "application/vnd.amazon.eventstream"
STRING = 7
PRELUDE_BYTES = 12
CRC_BYTES = 4


def event(name: str, payload: Json) -> bytes:
    """Return the frame of an event, such as `contentBlockDelta` or `chunk`."""
    return frame(headers("event", name), orjson.dumps(payload))


def exception(name: str, message: str) -> bytes:
    """Return the frame of a failure in the middle of a stream."""
    return frame(headers("exception", name), orjson.dumps({"message": message}))


@lru_cache
def headers(message_type: str, name: str) -> bytes:
    """Return the three headers of each of Bedrock's frames."""
    kind = header(f":{message_type}-type", name)
    return kind + header(":content-type", "application/json") + header(":message-type", message_type)


def header(name: str, value: str) -> bytes:
    return pack(f"!B{len(name)}sBH", len(name), name.encode(), STRING, len(value)) + value.encode()


def frame(headers: bytes, payload: bytes) -> bytes:
    """Return lengths and their CRC, the headers, the payload, and the CRC of all of it."""
    size_bytes = PRELUDE_BYTES + len(headers) + len(payload) + CRC_BYTES
    lengths = pack("!II", size_bytes, len(headers))
    message = b"%s%s%s%s" % (lengths, pack("!I", crc32(lengths)), headers, payload)
    return message + pack("!I", crc32(message))


def with_bad_crc(frame: bytes) -> bytes:
    """Return the same frame with the last bit of its CRC flipped."""
    return frame[:-1] + bytes([frame[-1] ^ 1])
