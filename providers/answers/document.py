"""JSON as the SDKs take it, and what is quoted of an answer that is none."""

import json
from typing import Any

import orjson

Event = tuple[str, bytes]
"""An event of a stream: its name, "" where it has none, and its data."""

SURPRISES = (LookupError, AttributeError, TypeError, ValueError, RecursionError)
"""What Python raises where an answer has not the expected shape."""

QUOTED = 200
"""How many characters of a malformed answer its error shows."""


class NotJSON(ValueError):
    """The text is not JSON, not even to the tolerant."""


def parsed(data: bytes | str) -> Any:
    """Return a JSON document's content.

    What strict JSON forbids gets a second try with Python's own parser, which is the SDKs': lone surrogates (an emoji
    cut in two), NaN, a byte order mark.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(data.encode() if isinstance(data, str) else data)
    except (ValueError, RecursionError) as error:
        raise NotJSON(f"not JSON: {error}") from error


def is_json(text: bytes) -> bool:
    """Tell whether a text is JSON, and whole."""
    try:
        parsed(text)
    except NotJSON:
        return False
    return True


def quoted(data: bytes | str) -> str:
    """Return the beginning of an answer in quotation marks, in one line."""
    text = data[: 4 * QUOTED].decode("utf-8", "replace") if isinstance(data, bytes) else data
    shown = " ".join(text.split())
    return f"“{shown[:QUOTED]}{'…' if len(shown) > QUOTED or len(data) > 4 * QUOTED else ''}”"
