"""Server-sent events as bytes: https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from collections.abc import Callable

import orjson

from mock.formats.message import Json

DONE = b"data: [DONE]\n\n"
COMMENT = b": keep-alive\n\n"
MARK = "\x00"


def event(data: Json, name: str = "") -> bytes:
    """Return one event, with its name if the API names its events."""
    head = f"event: {name}\ndata: ".encode() if name else b"data: "
    return b"%s%s\n\n" % (head, orjson.dumps(data))


def template(write: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """Return a faster `write`, which serialises everything but the text only once."""
    before, after = write(MARK).split(orjson.dumps(MARK))
    return lambda text: b"%s%s%s" % (before, orjson.dumps(text), after)
