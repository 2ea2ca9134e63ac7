"""What one API's wire format consists of: where it listens, and how it writes answers and errors."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mock.ask import Ask
from mock.formats import sse
from mock.formats.message import Headers, Json, Part
from mock.formats.utterance import Utterance


def no_headers(ask: Ask, utterance: Utterance) -> Headers:
    return []


@dataclass(frozen=True, slots=True)
class Format:
    """One endpoint of one API. Its functions are pure: an ask and an utterance in, a body out."""

    name: str
    """Provider and call, as the stats count it: "openai chat"."""
    path: re.Pattern[str]
    """The whole path; a group named `model` where the path names it."""
    plain: Callable[[Ask, Utterance], Json]
    """A whole answer."""
    events: Callable[[Ask, Utterance], Iterable[Part]]
    """The same answer as a stream."""
    error: Callable[[int, str], tuple[Headers, Json]]
    """An HTTP status and a message in the provider's own shape."""
    stream_error: bytes
    """The provider's own event for a failure in the middle of a stream."""
    streams: bool | None = None
    """Whether this endpoint streams; None when the body's `stream` says so."""
    media_type: str = "text/event-stream; charset=utf-8"
    comment: bytes = sse.COMMENT
    """What keeps an idle stream alive, for readers to skip. Google sends none, and its SDK fails at one."""
    id_header: str = "x-request-id"
    headers: Callable[[Ask, Utterance], Headers] = no_headers
    """What a good answer carries beside the usual."""
    near: re.Pattern[str] | None = None
    """Paths that no format has, but whose 404 comes in this one's shape."""
