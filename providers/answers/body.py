"""A whole answer's body, opened."""

import orjson

from providers.call import ErrorInStream, Json


class NotAnAnswer(Exception):
    """A 200 whose body is not what any of the APIs answers."""


def opened(body: bytes | str) -> Json:
    """Return a body's JSON object. Raises `NotAnAnswer`, and `ErrorInStream` for an error that calls itself a 200."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotAnAnswer("the body is not JSON") from error
    if not isinstance(content, dict):
        raise NotAnAnswer("the body is no JSON object")
    if told := content.get("error"):
        raise ErrorInStream(str(told.get("message") or told) if isinstance(told, dict) else str(told))
    return content
