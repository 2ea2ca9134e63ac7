"""Server-sent events, as they stand on the wire: https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from collections.abc import Callable

import orjson

from mock.formats.message import Json

DONE = b"data: [DONE]\n\n"
COMMENT = b": keep-alive\n\n"
MARK = "\x00"


def event(data: Json, name: str = "") -> bytes:
    """One event, with its name where the API names its events."""
    head = f"event: {name}\ndata: ".encode() if name else b"data: "
    return b"%s%s\n\n" % (head, orjson.dumps(data))


def template(write: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """What `write` makes of a text, serialised once: then only the text changes."""
    before, after = write(MARK).split(orjson.dumps(MARK))
    return lambda text: b"%s%s%s" % (before, orjson.dumps(text), after)
