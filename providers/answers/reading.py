"""The one way in which answers are read: parsed, checked for errors, and guarded against unexpected shapes."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, cast

from providers.answers import sse
from providers.answers.alike import Alike
from providers.answers.content import MOST_PARTS, too_many_parts
from providers.answers.document import SURPRISES, Event, NotJSON, parsed, parsed_event, quoted
from providers.answers.errors import message_in, refuse_error, told, without_blank_error
from providers.call import Answer, Delta, ErrorInStream, Json, MalformedAnswer, Part
from wire.exchange import current, raised_as
from wire.turns import turns

DONE: Json = {}
"""Represents the event `[DONE]`, the last of a stream."""

Body = Json | Delta
"""A parsed event, or its `Delta` where that is known without parsing."""

PINGS = ("ping", "keepalive", "keep-alive", "heartbeat")
NOTHING = (b"null", b"[]", b'""')
"""Data that says nothing: some gateways send it as a keep-alive, and Google's SDK skips it."""

PARTS_IN_TURN = 10_000
"""How many events and parts are read in one turn: a single read can hold tens of thousands of `{}`."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an SDK reads event streams. What it can't read fails the call, as it would for any of its users.

    events      yields a stream's events; takes its pieces and its content type
    only_named  the SDK skips events without a name (anthropic)
    has_done    `[DONE]` ends a stream; to other SDKs, it is an event that is not JSON
    has_frames  events are frames (botocore): each says something, and its name is its type, no matter what is in it
    """

    events: Callable[[Iterable[bytes], str], Iterator[Event]] = sse.events
    only_named: bool = False
    has_done: bool = True
    has_frames: bool = False


STANDARD = Dialect()
"""Everything that the standard allows, and `[DONE]`."""
FRAMES = Dialect(has_done=False, has_frames=True)


def whole(data: bytes | str, read: Callable[[Json], Answer]) -> Answer:
    """Yield the parts that `read` makes of a whole body: of a text, if its SDK decodes it before it parses it, so that
    a byte order mark is not JSON.

    Raises `ErrorInStream` for an error with status 200, and `MalformedAnswer` for a body that can't be read.
    """
    try:
        yield from _few(read(_object(without_blank_error(parsed(data)))))
    except SURPRISES as surprise:
        raise MalformedAnswer(_described(surprise, data)) from surprise


def stream(events: Iterable[Event], read: Callable[[Iterable[Json]], Answer], dialect: Dialect = STANDARD) -> Answer:
    """Yield the parts that `read` makes of a stream's events. Raises as `whole` does."""
    return _stream(events, cast(Callable[[Iterable[Body]], Answer], read), None, dialect)


def quick_stream(
    events: Iterable[Event], read: Callable[[Iterable[Body]], Answer], dialect: Dialect = STANDARD
) -> Answer:
    """Yield the same parts as `stream`, without parsing events that differ only in their text."""
    return _stream(events, read, Alike(), dialect)


@dataclass(slots=True)
class _Seen:
    """What was seen last of a stream: an event's data, and the parts that it gave."""

    data: bytes = b""
    parts: list[Part] = field(default_factory=list)


def _stream(
    events: Iterable[Event], read: Callable[[Iterable[Body]], Answer], alike: Alike | None, dialect: Dialect
) -> Answer:
    seen = _Seen()
    try:
        for part in read(_bodies(events, alike, dialect, seen)):
            seen.parts.append(part)
            if len(seen.parts) > MOST_PARTS:
                raise too_many_parts()
            yield part
    except SURPRISES as surprise:
        raise MalformedAnswer(_described(surprise, seen.data)) from surprise


def _bodies(events: Iterable[Event], alike: Alike | None, dialect: Dialect, seen: _Seen) -> Iterator[Body]:
    """Yield what each event says, unless its SDK skips it, up to `[DONE]`."""
    wired, named = current(), _framed if dialect.has_frames else _named
    taken = 0
    for name, data in events:
        seen.data = data
        taken += 1 + len(seen.parts)
        if taken >= PARTS_IN_TURN:
            _take_turn()
            taken = 0
        body: Body | None = alike.delta_of(name, data) if alike else None
        if body is None and not dialect.has_frames and _is_skipped(name, data, dialect):
            continue
        wired.event_at = wired.last_byte_at
        seen.parts.clear()
        if body is not None:
            yield body
        elif dialect.has_done and data.startswith(b"[DONE]"):
            yield DONE
            return
        else:
            yield named(name, data) if name else _object(parsed_event(data))
            if alike:
                alike.learn(name, data, seen.parts[0] if len(seen.parts) == 1 else None)


def _take_turn() -> None:
    """Let the event loop read what has arrived meanwhile. The call's deadline can pass, as on the wire."""
    with raised_as({}, lambda _, error: error):
        turns().take()


def _is_skipped(name: str, data: bytes, dialect: Dialect) -> bool:
    """Return whether an event is a ping, or one that its SDK skips. Raises `UnicodeDecodeError` for one that is not
    UTF-8, and `ErrorInStream` for an error that the SDK would skip."""
    if name in PINGS or (data in NOTHING and name != "error"):
        data.decode()
        return True
    if name or not dialect.only_named:
        return False
    data.decode()
    with suppress(NotJSON, TypeError):
        _object(parsed_event(data))
    return True


def _few(parts: Answer) -> Answer:
    for number, part in enumerate(parts):
        if number >= MOST_PARTS:
            raise too_many_parts()
        yield part


def streamed(response: Any, read: Callable[[Iterable[Body]], Answer], dialect: Dialect = STANDARD) -> Answer:
    """Yield the parts that `read` makes of an httpx2 response's events, as they arrive.

    Closing the response reads on for a moment, so that its connection can be kept.
    """
    with closing(response):
        # An uncompressed body bypasses httpx2's decoding, which costs as much per piece as reading its event.
        pieces = response.iter_bytes() if "content-encoding" in response.headers else response.stream
        events = dialect.events(pieces, response.headers.get("content-type", ""))
        yield from quick_stream(events, read, dialect)


def _named(name: str, data: bytes) -> Json:
    """Parse a named event. The name is its type if the data has none; the name `error` makes it an error."""
    if name == "error":
        words = message_in(data) or data.decode("utf-8", "replace")
        raise ErrorInStream(words or "the provider reported an error without a message")
    body = _object(parsed_event(data))
    body.setdefault("type", name)
    return body


def _framed(name: str, data: bytes) -> Json:
    return {**_object(parsed_event(data)), "type": name}


def _object(body: Any) -> Json:
    if isinstance(body, dict):
        refuse_error(body)
        return body
    if words := told(body):
        raise ErrorInStream(words)
    raise TypeError("not a JSON object")


def _described(surprise: Exception, data: bytes | str) -> str:
    """Return what is wrong with an answer, with a quotation."""
    if isinstance(surprise, UnicodeDecodeError):
        return f"the SDK can't read what is not UTF-8: {quoted(surprise.object)}"
    if not data.strip():
        return "the answer is empty"
    if isinstance(surprise, NotJSON):
        return f"{surprise}: {quoted(data)}"
    what = f"it lacks {surprise}" if isinstance(surprise, KeyError) else "unexpected shape"
    return f"the answer can't be read ({what}): {quoted(data)}"
