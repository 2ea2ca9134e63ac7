"""Server-sent events, as they stand on the wire: https://html.spec.whatwg.org/multipage/server-sent-events.html"""

import orjson

from mock.message import Json

DONE = b"data: [DONE]\n\n"
COMMENT = b": keep-alive\n\n"


def event(data: Json, name: str = "") -> bytes:
    """One event, with its name where the API names its events."""
    head = f"event: {name}\ndata: ".encode() if name else b"data: "
    return b"%s%s\n\n" % (head, orjson.dumps(data))
