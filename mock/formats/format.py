"""One API's wire format: its paths, and how it writes answers and errors."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mock.ask import LIMIT_FIELDS, PROMPT_FIELDS, Ask
from mock.formats import sse
from mock.formats.message import Headers, Json, Part
from mock.formats.utterance import Utterance


def no_headers(ask: Ask, utterance: Utterance) -> Headers:
    return []


@dataclass(frozen=True, slots=True)
class Format:
    """One endpoint of one API. Its functions are pure: an ask and an utterance in, a body out."""

    name: str
    """Provider and API, as the stats count them: "openai chat"."""
    path: re.Pattern[str]
    """Matches the whole path; has a group `model` where the path names the model. Otherwise the body's `model` does."""
    plain: Callable[[Ask, Utterance], Json]
    """A whole answer."""
    events: Callable[[Ask, Utterance], Iterable[Part]]
    """The same answer as a stream."""
    error: Callable[[int, str], tuple[Headers, Json]]
    """An HTTP status and a message in the provider's own shape."""
    stream_error: bytes
    """The provider's own event for a failure in the middle of a stream."""
    streams: bool | None = None
    """Whether this endpoint streams; `None` if the body's `stream` decides."""
    media_type: str = "text/event-stream; charset=utf-8"
    comment: bytes = sse.COMMENT
    """A keep-alive that readers have to skip. Google sends none, and its SDK fails on one."""
    id_header: str = "x-request-id"
    headers: Callable[[Ask, Utterance], Headers] = no_headers
    """Further headers of a successful answer."""
    prompt_fields: tuple[str, ...] = PROMPT_FIELDS
    """The fields of a request that hold its prompt, or objects and lists with more such fields."""
    limit_fields: tuple[str, ...] = LIMIT_FIELDS
    """The fields that can limit the answer's tokens."""
    near: re.Pattern[str] | None = None
    """Unknown paths whose 404 has this format's shape."""
