"""A Gemini stream as google-genai reads it: JSON after `data: `, or without it, and no other lines."""

from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator

from providers.answers.document import MOST_TRIED_BYTES, Event, is_json, quoted
from providers.answers.errors import message_in
from providers.answers.sse import LARGEST_EVENT_BYTES, MOST_LINES, STRAY_BYTES, Stray, with_line_feeds
from providers.call import ErrorInStream, IncompleteStream, MalformedAnswer


def events(pieces: Iterable[bytes], content_type: str = "") -> Iterator[Event]:
    """Yield each event, as soon as the empty line after its data has begun, and each object without `data: `. What is
    not UTF-8 becomes a replacement character.

    Raises `MalformedAnswer` for a line that is neither, at which the SDK fails too: a comment, an event's name; and
    `IncompleteStream` for an event or an object that the end of the stream cuts off.
    """
    stray, lines = Stray(content_type), _Lines()
    held_bytes = 0
    for piece in with_line_feeds(_in_utf8(pieces)):
        stray.refuse_no_stream(piece)
        held_bytes += len(piece)
        for event in lines.events_in(piece):
            stray.is_all, held_bytes = False, 0
            yield event
        if held_bytes > STRAY_BYTES:
            lines.refuse_endless(stray, held_bytes)
    yield from lines.end()


def _in_utf8(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces, with a replacement character for what is not UTF-8."""
    decoder = getincrementaldecoder("utf-8")("replace")
    for piece in pieces:
        yield piece if piece.isascii() and not decoder.getstate()[0] else decoder.decode(piece).encode()
    yield decoder.decode(b"", final=True).encode()


class _Lines:
    """What is held of a stream: the pieces of a line, an event's data, and the lines of an object without `data: `.

    As in the SDK, an object ends with the line in which its braces are balanced.
    """

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._data: list[bytes] = []
        self._name = ""
        self._object: list[bytes] = []
        self._depth, self._in_string = 0, False
        self._tried_bytes = 0

    def events_in(self, piece: bytes) -> Iterator[Event]:
        """Yield the events that end with a line of this piece, and an object that ends with the piece itself."""
        *ended, rest = piece.split(b"\n")
        for line in ended:
            if self._rest:
                line = b"".join((*self._rest, line))
                self._rest = []
            if event := self._take(line):
                yield event
        if rest:
            self._rest.append(rest)
            if rest[-1:] in (b"}", b"]") and self._is_whole():
                yield from self._last_line()

    def end(self) -> Iterator[Event]:
        """Yield what the end of the stream ends. Raises `IncompleteStream` for what it cuts off."""
        yield from self._last_line()
        if self._object:
            raise IncompleteStream(f"the stream ended within an object: {quoted(b''.join(self._object))}")
        if self._data and not self._name and not is_json(data := b"\n".join(self._data)):
            raise IncompleteStream(f"the stream ended within an event: {quoted(data)}")
        if self._data or self._name:
            yield self._event()

    def refuse_endless(self, stray: Stray, held_bytes: int) -> None:
        """Raise for an event or an object that does not end, or for a long text that is neither."""
        is_large = held_bytes > LARGEST_EVENT_BYTES
        if is_large or len(self._data) + len(self._object) > MOST_LINES:
            size = f"{LARGEST_EVENT_BYTES >> 20} MB" if is_large else f"{MOST_LINES:,} lines"
            what = "an object" if self._object or not (self._data or self._begins(b"data: ")) else "an event"
            start = b"".join((*self._object, *self._data, *self._rest))
            raise MalformedAnswer(f"{what} of over {size}: {quoted(start)}")
        if stray.is_all and not (self._object or self._data or self._begins(b"data: ", b"{", b"[")):
            raise stray.no_stream(b"".join(self._rest))

    def _begins(self, *starts: bytes) -> bool:
        return b"".join(self._rest[:6]).lstrip().startswith(starts)

    def _last_line(self) -> Iterator[Event]:
        line, self._rest = b"".join(self._rest), []
        if line and (event := self._take(line)):
            yield event

    def _take(self, line: bytes) -> Event | None:
        """Return the event that ends with this line, if any."""
        if line.startswith(b"data: "):
            self._data.append(line[6:])
            return None
        if line:
            return self._take_other(line)
        return self._event() if self._data else None

    def _event(self) -> Event:
        event = self._name, b"\n".join(self._data)
        self._name, self._data = "", []
        return event

    def _take_other(self, line: bytes) -> Event | None:
        """Return the object that ends with this line, if any. The SDK fails at an event's name too, but what a gateway
        says in an event named `error`, or in llama.cpp's field of that name, explains more."""
        if line == b"event: error":
            self._name = "error"
            return None
        if line.startswith(b"error: ") and message_in(line[7:]):
            return "error", line[7:]
        self._object.append(line)
        self._depth, self._in_string = self._after(line)
        if self._depth > 0:
            return None
        text, self._object, self._depth, self._in_string = b"".join(self._object), [], 0, False
        self._tried_bytes = 0
        return "", _json(text)

    def _after(self, line: bytes) -> tuple[int, bool]:
        """Return how many braces are open after this line, and whether a string is."""
        parts = ((b'"' if self._in_string else b"") + line.replace(rb"\\", b"").replace(rb"\"", b"")).split(b'"')
        depth = self._depth + sum(part.count(b"{") - part.count(b"}") for part in parts[::2])
        return depth, len(parts) % 2 == 0

    def _is_whole(self) -> bool:
        """Return whether the line that has begun ends an object. Its line feed will then look like an empty line, which
        must not end an event."""
        if self._data or self._begins(b"data: ") or self._tried_bytes > MOST_TRIED_BYTES:
            return False
        line = b"".join(self._rest)
        self._tried_bytes += len(line)
        if self._after(line)[0] != 0:
            return False
        text = b"".join((*self._object, line))
        self._tried_bytes += len(text)
        return is_json(text)


def _json(text: bytes) -> bytes:
    """Return a text that is JSON. Raises for any other; with an error's message if it begins a list, which the SDK
    can't read."""
    if is_json(text):
        return text
    if words := message_in(text + b"]"):
        raise ErrorInStream(words)
    raise MalformedAnswer(f"the SDK can't read a line that is neither data nor JSON: {quoted(text)}")
