"""What the body of an answer says over which the SDK raised, so that no reader ever got to it."""

import re
from http import HTTPStatus
from typing import Any

from providers.answers.document import SURPRISES, parsed, quoted
from providers.answers.errors import message_in
from refused_fields import STATUSES, refused
from wire.exchange import Exchange
from wire.httpx2_plug import decompressed

MOST_READ_BYTES = 1 << 20
"""How much of a decompressed body is looked at."""

REDIRECTS = (301, 302, 303, 307, 308)
_CREDENTIALS = re.compile(r"//[^/]*@")


def words_of_body(wired: Exchange) -> str:
    """Return the body's error message; if it has none, the beginning of the body; "" without a body."""
    body = decompressed(wired.headers, bytes(wired.body), MOST_READ_BYTES)
    return message_in(body) or (quoted(body) if body.strip() else "")


def missing_words(wired: Exchange, text: str) -> str:
    """Return the error message in the body of an error status, unless the SDK's `text` includes it already, and where
    a redirect leads; "" for neither."""
    if wired.status is None or wired.status < 300:
        return ""
    words = words_of_body(wired)
    message = words.partition(": ")[2] or words.strip("“”…")
    return "; ".join(filter(None, ("" if message in text else words, _redirection(wired))))


def _redirection(wired: Exchange) -> str:
    """Return where a redirect leads, without a query, which can hold a secret or make each error another; "" for what
    is none."""
    place = next((value for name, value in wired.headers if name.lower() == "location"), "")
    if wired.status not in REDIRECTS or not place:
        return ""
    shown = _CREDENTIALS.sub("//", re.split("[?#]", place, maxsplit=1)[0])
    return f"redirected to {quoted(shown)}; calls follow no redirects"


def refused_in(wired: Exchange) -> str | None:
    """Return which of the tool's own fields the server refused; `None` if it named none, or did not refuse any."""
    return refused(wired.status, words_of_body(wired)) if wired.status in STATUSES else None


def delay_asked(wired: Exchange) -> dict[str, Any]:
    """Return the wait that Google's APIs ask for in the body of a 429 (`google.rpc.RetryInfo`); {} if there is none."""
    if wired.status != HTTPStatus.TOO_MANY_REQUESTS:
        return {}
    try:
        body = parsed(decompressed(wired.headers, bytes(wired.body), MOST_READ_BYTES))
        details = (body[0] if isinstance(body, list) else body)["error"]["details"]
        return next({"RetryInfo.retryDelay": detail["retryDelay"]} for detail in details if "retryDelay" in detail)
    except (*SURPRISES, StopIteration):
        return {}
