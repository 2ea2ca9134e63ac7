"""JSON as leniently as the SDKs parse it, and quotations of answers that are not JSON."""

import json
import sys
from typing import Any

import orjson

from wire.exchange import MOST_COMMAS

Event = tuple[str, bytes]
"""An event of a stream: its name ("" if it has none) and its data."""

SURPRISES = (LookupError, AttributeError, TypeError, ValueError, RecursionError, OverflowError, AssertionError)
"""What Python raises when an answer does not have the expected shape; a charset like `hex` fails an assertion."""

QUOTED = 200
"""How many characters of a malformed answer are quoted in its error."""

MOST_TRIED_BYTES = 1 << 19
"""How much is looked at, in all, to see whether a text that is still arriving is whole JSON by now: any read of it can
end like JSON."""

MANY_DIGITS, MOST_DIGITS = 400, sys.int_info.default_max_str_digits
"""No count of tokens has many digits; an integer with more than the most is one that the SDKs can't read."""


class NotJSON(ValueError):
    """The text is not JSON, not even to Python's lenient parser."""


def parsed(data: bytes | str) -> Any:
    """Return the value of a JSON document.

    What strict JSON forbids is parsed again by Python's `json`, as in the SDKs: lone surrogates (an emoji cut in two),
    NaN, a byte order mark.
    """
    if len(data) > MOST_COMMAS:
        _refuse_many_values(data)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(data, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise NotJSON(f"not JSON: {error}") from error


def _integer(digits: str) -> float:
    """Return an integer, but infinity for one of hundreds of digits, each of which takes Python long. Raises
    `ValueError`, as Python does in the SDKs, for one of thousands."""
    if len(digits) < MANY_DIGITS:
        return int(digits)
    if len(digits.removeprefix("-")) > MOST_DIGITS:
        raise ValueError(f"an integer of over {MOST_DIGITS:,} digits")
    return float(digits)


def parsed_event(data: bytes) -> Any:
    """Return the value of an event's data. The SDKs decode it first, so it can't begin with a byte order mark.

    Raises `UnicodeDecodeError` for what is not UTF-8.
    """
    if len(data) > MOST_COMMAS:
        _refuse_many_values(data)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return parsed(data.decode())


def _refuse_many_values(data: bytes | str) -> None:
    commas = data.count(b",") if isinstance(data, bytes) else data.count(",")
    if commas > MOST_COMMAS:
        raise NotJSON(f"more than {MOST_COMMAS:,} commas")


def is_json(text: bytes) -> bool:
    """Return whether a text is complete JSON."""
    try:
        parsed(text)
    except NotJSON:
        return False
    return True


def quoted(data: bytes | str) -> str:
    """Return the beginning of an answer in quotation marks, on one line."""
    begun = data[: 4 * QUOTED]
    shown = " ".join((begun.decode("utf-8", "replace") if isinstance(begun, bytes) else begun).split())
    return f"“{shown[:QUOTED]}{'…' if len(shown) > QUOTED or len(data) > 4 * QUOTED else ''}”"
