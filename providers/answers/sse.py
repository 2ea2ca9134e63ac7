"""Server-sent events, read as they arrive. https://html.spec.whatwg.org/multipage/server-sent-events.html"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from providers.answers.document import MOST_TRIED_BYTES, Event, NotJSON, is_json, parsed_event, quoted
from providers.answers.errors import message_in
from providers.call import ErrorInStream, MalformedAnswer

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FIELDS = (b"data", b"event", b"id", b"retry", b"")
"""The fields of an event; a comment's name is empty."""
STRAY_BYTES = 65536
"""How much text outside events is kept, in order to quote it."""
LARGEST_EVENT_BYTES = 64 * 1024 * 1024
"""A larger event is refused: a line that never ends must not fill our memory."""
MOST_LINES = 100_000
"""An event of more lines is refused: reading them takes long, and nothing else is read meanwhile."""
START_BYTES = 1024
"""How much of a stream's beginning is checked for being one."""
LONGEST_FIELD_BYTES = 5
NO_STREAM = (
    "text/html",
    "text/xml",
    "application/xml",
    "application/xhtml",
    "application/pdf",
    "image/",
    "audio/",
    "video/",
)
"""Content types that no event stream has. The SDKs ignore the type, so a stream that begins with a field is read
nevertheless."""
_PAGE = re.compile(rb"<(?:!doctype|!--|html|head|body|\?xml)", re.IGNORECASE)
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
SHORT_BYTES = 1024
"""A piece of at most this length is not searched for empty lines: that would cost more than reading them."""
_EMPTY_LINES = re.compile(rb"\n{3,}")


class Stray:
    """The text of a stream outside any event: something else in place of a stream, or an error after its events.

    is_all  there has been no event so far
    """

    def __init__(self, content_type: str) -> None:
        self.text, self.is_all = bytearray(), True
        self._type = content_type.partition(";")[0].strip().lower()
        self._start = b""
        self._tried_bytes = 0

    def take(self, line: bytes) -> None:
        if not self.is_all:
            line.decode()
        self.text += (line + b"\n")[: STRAY_BYTES - len(self.text)]
        if self.is_all and len(self.text) == STRAY_BYTES:
            raise self.no_stream(bytes(self.text))

    def begin(self) -> None:
        """Note the first event. Raises `UnicodeDecodeError` if a line before it is not UTF-8."""
        self.is_all = False
        self.text.decode()

    def refuse_no_stream(self, piece: bytes) -> None:
        """Raise if the stream begins like no event stream: with a web page, an image, or binary data."""
        if not self.is_all or len(self._start) >= START_BYTES:
            return
        self._start += piece[:START_BYTES]
        line, _, more = self._start.lstrip().partition(b"\n")
        name, colon, _ = line.partition(b":")
        if name in FIELDS or not (colon or more or len(name) > LONGEST_FIELD_BYTES):
            return
        if _PAGE.match(line) or _NO_TEXT.search(line) or self._type.startswith(NO_STREAM):
            raise self.no_stream(self._start)

    def refuse_endless(self, held: list[bytes], held_bytes: int) -> None:
        """Raise for an event that does not end, or for a long first line that is not part of an event."""
        if held_bytes > LARGEST_EVENT_BYTES:
            raise MalformedAnswer(f"an event of over {LARGEST_EVENT_BYTES >> 20} MB: {quoted(b''.join(held))}")
        if self.is_all and held_bytes > STRAY_BYTES and self._start.lstrip().partition(b":")[0] not in FIELDS:
            raise self.no_stream(self._start)

    def refuse_bare_error(self, held: list[bytes]) -> None:
        """Raise once the text is whole JSON: with its error message, or because it is not an event stream."""
        if self._tried_bytes > MOST_TRIED_BYTES:
            return
        held = [bytes(self.text)] if self.text else held
        if held[0][:1] not in (b"{", b"[") or held[-1].rstrip()[-1:] not in (b"}", b"]"):
            return
        text = b"".join(held)[:STRAY_BYTES]
        self._tried_bytes += len(text)
        if words := message_in(text):
            raise ErrorInStream(words)
        if self.is_all and is_json(text):
            raise self.no_stream(text)

    def refuse(self) -> None:
        """Raise at the end of the stream, if the text is an error or there was no event."""
        if not self.text:
            return
        if words := message_in(bytes(self.text)):
            raise ErrorInStream(words)
        if self.is_all:
            raise self.no_stream(bytes(self.text))

    def no_stream(self, text: bytes) -> MalformedAnswer:
        return MalformedAnswer(f"not an event stream{f' ({self._type})' if self._type else ''}: {quoted(text)}")


def events(pieces: Iterable[bytes], content_type: str = "") -> Iterator[Event]:
    """Yield each event's name ("" if it has none) and data, as soon as the empty line after it has begun.

    Lines end in LF, CRLF or CR. Events without data are skipped, unless they are named `error`. The last event can lack
    its empty line if its data is complete. Raises `ErrorInStream` for a JSON error outside any event, and
    `MalformedAnswer`, with a quotation, for a stream without events; both as soon as that is certain, because the
    stream could stay open. Raises `UnicodeDecodeError` for a line that is not UTF-8, at which the SDKs fail even if
    they skip it; data is left to its reader.

    The cost is linear in bytes: held pieces are joined only when an event's end has arrived.
    """
    stray = Stray(content_type)
    rest = b""
    for block, is_ended in _blocks(pieces, stray):
        if not is_ended:
            rest = block
        elif event := _event_of(block, stray):
            if stray.is_all:
                stray.begin()
            yield event
    if event := _last_event(rest, stray):
        if stray.is_all:
            stray.begin()
        yield event
    stray.refuse()


def _blocks(pieces: Iterable[bytes], stray: Stray) -> Iterator[tuple[bytes, bool]]:
    """Yield each block of lines and whether an empty line ends it, which is true of all but the last."""
    held: list[bytes] = []
    held_bytes = 0
    for piece in with_line_feeds(_without_byte_order_mark(iter(pieces))):
        stray.refuse_no_stream(piece)
        if held and b"\n\n" not in piece and not (piece[0] == 10 and held[-1][-1] == 10):
            held.append(piece)
            held_bytes += len(piece)
        else:
            *blocks, rest = _split(held, piece)
            for block in blocks:
                yield block, True
            held, held_bytes = [rest] if rest else [], len(rest)
        if stray.text or held:
            stray.refuse_endless(held, held_bytes)
            stray.refuse_bare_error(held)
    yield b"".join(held), False


def _split(held: list[bytes], piece: bytes) -> list[bytes]:
    """Return the blocks, and what follows them, of the held pieces and one that ends a block. A long block is copied
    once: copying megabytes takes milliseconds, in which nothing else is read."""
    if not held:
        return piece.split(b"\n\n")
    if held[-1][-1] == piece[0] == 10:
        held, piece = [*held[:-1], held[-1][:-1]], b"\n" + piece
    first, *others = piece.split(b"\n\n")
    return [b"".join((*held, first)), *others]


def _without_byte_order_mark(pieces: Iterator[bytes]) -> Iterator[bytes]:
    start = b""
    for piece in pieces:
        start += piece
        if len(start) >= len(BYTE_ORDER_MARK) or not BYTE_ORDER_MARK.startswith(start):
            break
    return chain([start.removeprefix(BYTE_ORDER_MARK)], pieces)


def with_line_feeds(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces that are not empty, with LF for CRLF and CR, and one empty line for several in a row. The LF
    after a CR can be in the next piece."""
    was_return = False
    for piece in pieces:
        if was_return and piece:
            piece = piece.removeprefix(b"\n")
            was_return = False
        if b"\r" in piece:
            was_return = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if len(piece) > SHORT_BYTES and b"\n\n\n" in piece:
            piece = _EMPTY_LINES.sub(b"\n\n", piece)
        if piece:
            yield piece


def _event_of(block: bytes, stray: Stray) -> Event | None:
    """Return the event in a block of lines. The two usual shapes, and a comment, take a shortcut."""
    if b"\n" not in block:
        if block.startswith(b"data: ") and len(block) > 6:
            return "", block[6:]
        if block.startswith(b":"):
            block.decode()
            return None
    elif block.startswith(b"event: "):
        name, _, data = block.partition(b"\n")
        if data.startswith(b"data: ") and b"\n" not in data and len(data) > 6:
            return name[7:].decode(), data[6:]
    return _event_of_lines(lines_of(block), stray)


def lines_of(block: bytes) -> list[bytes]:
    """Return the lines of an event. Raises `MalformedAnswer` for more than any event has."""
    if block.count(b"\n") > MOST_LINES:
        raise MalformedAnswer(f"an event of over {MOST_LINES:,} lines: {quoted(block)}")
    return block.split(b"\n")


def _event_of_lines(lines: list[bytes], stray: Stray) -> Event | None:
    name, data = "", []
    for line in lines:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode()
        elif field == b"error" and message_in(value):  # llama.cpp's error events have a field of their own.
            return "error", value
        elif field in FIELDS:
            line.decode()
        else:
            stray.take(line)
    joined = b"\n".join(data)
    return (name, joined) if joined or name == "error" else None


def _last_event(block: bytes, stray: Stray) -> Event | None:
    """Return the last event, which lacks its empty line; `None` if it was cut off."""
    event = _event_of(block.removesuffix(b"\n"), stray)
    if event is None or event[1].startswith(b"[DONE]") or event[0] == "error":
        return event
    try:
        parsed_event(event[1])
    except NotJSON:
        return None
    return event
