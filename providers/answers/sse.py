"""Server-sent events, read as they come. https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from collections.abc import Iterable, Iterator
from itertools import chain

from providers.answers.document import Event, NotJSON, parsed, quoted
from providers.answers.errors import told_in
from providers.call import ErrorInStream, IncompleteStream

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FIELDS = (b"data", b"event", b"id", b"retry", b"")
"""The fields of an event; comments have no name."""
STRAY_BYTES = 65536
"""How much of what is no event is kept, to say what it was."""
STRAY_PIECES = 100
"""In how many pieces it may come, to be told before the stream ends."""


def events(pieces: Iterable[bytes]) -> Iterator[Event]:
    """Yield each event's name ("" without one) and data, as soon as the empty line that ends it has begun.

    Lines end in LF, CRLF or CR. Events without data are passed over, unless they are named `error`. The last event
    may lack its empty line, if its data is whole. Text outside of any event is an error if it is the JSON of one
    (`ErrorInStream`), and if the stream has no event at all, `IncompleteStream` quotes it.

    The cost is linear in bytes: what is held back is joined only when an event's end has arrived.
    """
    stray = bytearray()
    held: list[bytes] = []
    is_empty, was_return = True, False
    for piece in _without_byte_order_mark(iter(pieces)):
        if was_return or b"\r" in piece:
            piece, was_return = _with_line_feeds(piece, was_return)
        if not piece:
            continue
        if held and b"\n\n" not in piece and not (piece[0] == 10 and held[-1][-1] == 10):
            held.append(piece)
            _refuse_bare_error(held)
            continue
        *blocks, rest = (b"".join((*held, piece)) if held else piece).split(b"\n\n")
        held = [rest] if rest else []
        for block in blocks:
            if event := _event_of(block, stray):
                is_empty = False
                yield event
        if stray or held:
            _refuse_bare_error([bytes(stray)] if stray else held)
    if event := _last_event(b"".join(held), stray):
        is_empty = False
        yield event
    _refuse_stray(bytes(stray), is_empty)


def _without_byte_order_mark(pieces: Iterator[bytes]) -> Iterator[bytes]:
    start = b""
    for piece in pieces:
        start += piece
        if len(start) >= len(BYTE_ORDER_MARK) or not BYTE_ORDER_MARK.startswith(start):
            break
    return chain([start.removeprefix(BYTE_ORDER_MARK)], pieces)


def _with_line_feeds(piece: bytes, was_return: bool) -> tuple[bytes, bool]:
    """Return a piece with LF for CRLF and CR, and whether it ends in a CR, whose LF may open the next."""
    if was_return and piece:
        piece, was_return = piece.removeprefix(b"\n"), False
    if piece:
        was_return = piece.endswith(b"\r")
    return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), was_return


def _event_of(block: bytes, stray: bytearray) -> Event | None:
    """Return the event of a block of lines. The two usual shapes are read at once."""
    if b"\n" not in block:
        if block.startswith(b"data: ") and len(block) > 6:
            return "", block[6:]
    elif block.startswith(b"event: "):
        name, _, data = block.partition(b"\n")
        if data.startswith(b"data: ") and b"\n" not in data and len(data) > 6:
            return name[7:].decode("utf-8", "replace"), data[6:]
    return _event_of_lines(block.split(b"\n"), stray)


def _event_of_lines(lines: list[bytes], stray: bytearray) -> Event | None:
    name, data = "", []
    for line in lines:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
        elif field not in FIELDS:
            stray += (line + b"\n")[: STRAY_BYTES - len(stray)]
    joined = b"\n".join(data)
    return (name, joined) if joined or name == "error" else None


def _last_event(block: bytes, stray: bytearray) -> Event | None:
    """Return the event that lacks the empty line after it; `None` if it was cut off."""
    event = _event_of(block.removesuffix(b"\n"), stray)
    if event is None or event[1].startswith(b"[DONE]") or event[0] == "error":
        return event
    try:
        parsed(event[1])
    except NotJSON:
        return None
    return event


def _refuse_bare_error(held: list[bytes]) -> None:
    """Raise what the text outside of any event says, once it is the JSON of an error: the stream may stay open."""
    looks_whole = held[0][:1] in (b"{", b"[") and held[-1].rstrip()[-1:] in (b"}", b"]")
    if looks_whole and len(held) <= STRAY_PIECES and (words := told_in(b"".join(held)[:STRAY_BYTES])):
        raise ErrorInStream(words)


def _refuse_stray(stray: bytes, is_empty: bool) -> None:
    """Raise what the text outside of any event says."""
    if not stray:
        return
    if words := told_in(stray):
        raise ErrorInStream(words)
    if is_empty:
        raise IncompleteStream(f"no event stream: {quoted(stray)}")
