"""What can go wrong with an answer: each fault turns a good answer into a bad one."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from mock.formats.eventstream import with_bad_crc
from mock.formats.message import Answer, Headers, Part

GARBAGE = b"<html><body>Welcome to the coffee shop's network</body></html>"


def reset(answer: Answer, stream_error: bytes) -> Answer:
    """Reset the connection before any answer."""
    return Answer(0, [], [], "reset")


def close(answer: Answer, stream_error: bytes) -> Answer:
    """Close the connection before any answer."""
    return Answer(0, [], [], "close")


def hang(answer: Answer, stream_error: bytes) -> Answer:
    """Never answer."""
    return Answer(0, [], [], "stall")


def garbage(answer: Answer, stream_error: bytes) -> Answer:
    """Send good status and headers, but a body that is neither JSON nor an event stream."""
    return replace(answer, parts=[Part(0.0, GARBAGE)], headers=with_length(answer.headers, len(GARBAGE)))


def cut(answer: Answer, stream_error: bytes) -> Answer:
    """Stop in the middle of the body and close the connection."""
    return replace(answer, parts=first_half(answer.parts), end="close")


def stall(answer: Answer, stream_error: bytes) -> Answer:
    """Stop in the middle of the body and send nothing more."""
    return replace(answer, parts=first_half(answer.parts), end="stall")


def early_end(answer: Answer, stream_error: bytes) -> Answer:
    """Stop in the middle of the body, before any finish marker, but end it properly."""
    parts = first_half(answer.parts)
    return replace(answer, parts=parts, headers=with_length(answer.headers, len(parts[0].data)))


def error_in_stream(answer: Answer, stream_error: bytes) -> Answer:
    """End the stream in the middle with the provider's own error event."""
    *parts, last = first_half(answer.parts)
    return replace(answer, parts=[*parts, last, Part(last.at_s, stream_error)])


def bad_crc(answer: Answer, stream_error: bytes) -> Answer:
    """Send a frame in the middle that does not match its CRC."""
    parts = list(answer.parts)
    middle = parts[len(parts) // 2]
    parts[len(parts) // 2] = replace(middle, data=with_bad_crc(middle.data))
    return replace(answer, parts=parts)


def first_half(parts: Sequence[Part]) -> list[Part]:
    """Return half the parts, or half the bytes of the only one."""
    if len(parts) > 1:
        return list(parts[: len(parts) // 2])
    return [replace(parts[0], data=parts[0].data[: len(parts[0].data) // 2])]


def with_length(headers: Headers, size_bytes: int) -> Headers:
    """Return the headers with another content-length, if they have one."""
    return [(name, str(size_bytes) if name == "content-length" else value) for name, value in headers]


FAULTS: dict[str, Callable[[Answer, bytes], Answer]] = {
    "reset": reset,
    "close": close,
    "hang": hang,
    "garbage": garbage,
    "cut": cut,
    "stall": stall,
    "early-end": early_end,
    "error-in-stream": error_in_stream,
    "bad-crc": bad_crc,
}
