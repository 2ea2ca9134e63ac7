"""What passes between a client and the mock: a request, and an answer made of timed parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]
Headers = list[tuple[str, str]]
End = Literal["complete", "close", "reset", "stall"]


@dataclass(frozen=True, slots=True)
class Request:
    """One whole HTTP request."""

    method: str
    target: str
    """Path with query, as on the request line."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the body, and when it is due."""

    at_s: float
    """Seconds after the request was received; never decreases from one part to the next."""
    data: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer: a plain one has one part, a stream one per event or frame."""

    status: int
    """If 0, nothing is sent, not even a status line; only `end` happens."""
    headers: Headers
    """A plain answer's include content-length; a stream's do not, and the server sends it chunked."""
    parts: Sequence[Part]
    end: End = "complete"
    """What follows the last part: the proper end, a close or reset without it, or silence."""
