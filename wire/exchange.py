"""What one call did on the wire, and the few types that both ends of the wire share. Stdlib only."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

now = time.perf_counter
"""The one clock, in seconds: every time that a call takes is measured with it."""


DEFAULT_PORTS = {"http": 80, "https": 443}

KEPT_BYTES = 16384
"""How much of each body is kept, to quote it if it turns out to be an error."""

LOGGED_BYTES = 1 << 20
"""How much of a body is kept to be logged: an endless stream would fill the memory, and masking what is secret in a
megabyte takes half a second."""

MOST_WHOLE_BYTES = 64 * 1024 * 1024
"""The longest body that is read whole, decompressed. A longer one is not an answer, and would fill the memory."""

MOST_COMMAS = 2_000_000
"""How many commas an answer can have. There is about one for each value of its JSON, and parsing more takes seconds."""

MOST_ERROR_BYTES, MOST_ERROR_COMMAS = 1 << 20, 10_000
"""The same for an error: SDKs make objects and texts of it, which takes up to 20 microseconds for each value."""

Failure = Literal[
    "refused",
    "unknown host",
    "unreachable",
    "TLS",
    "proxy",
    "reset",
    "closed early",
    "timed out at connect",
    "timed out before the head",
    "timed out within the body",
    "not HTTP",
    "too many open files",
    "no local port left",
    "send failed",
]
"""What can fail on the wire, in the words by which rows and summaries group failures."""


class WireError(Exception):
    """The wire failed. Each plug converts it to its SDK's own exception.

    `failure` says what failed. It is `None` for a second request, which is the SDK's failure, for an answer that is too
    long, where nothing failed on the wire, and for a deadline, which is described by how far the exchange had come.
    """

    failure: Failure | None = None

    def __init__(self, message: str, failure: Failure | None = None) -> None:
        super().__init__(message)
        self.failure = failure or self.failure


class ConnectFailed(WireError):
    """No connection could be made: refused, unknown host, failed TLS handshake."""

    failure = "unreachable"


class ConnectionBroken(WireError):
    """The connection was reset or closed before the answer was complete."""

    failure = "closed early"


class NotHTTP(WireError):
    """The peer's bytes, or the SDK's headers, are not HTTP/1.1."""

    failure = "not HTTP"


class TooLong(WireError):
    """The answer, which is read whole, is longer than any answer is."""


class SecondRequest(WireError):
    """An SDK tried to send a second request within one call: a retry or redirect, which would falsify the figures."""


class DeadlineExceeded(WireError):
    """The call's total deadline passed. Raised in the call's greenlet, wherever it is waiting."""


class ConnectTimedOut(DeadlineExceeded):
    """The call's total deadline, or the system's timeout, passed before there was a connection."""

    failure = "timed out at connect"


@dataclass(slots=True)
class Exchange:
    """The timestamps and counts of one call; timestamps are readings of `now`, `None` until observed.

    deadline        the timeout of gevent's that raises `DeadlineExceeded` when the call has taken too long
    requests        requests that the SDK sent: 0 or 1
    sent_at         just before the request was handed to the socket
    head_at         when the read that completed the answer's head arrived
    first_byte_at   when the read with the first byte of the body arrived
    last_byte_at    when the read with the last byte of the body arrived; for an empty body, of the head
    event_at        for a stream: when the read that completed the latest event arrived; pings do not count
    lag_s           the longest time that the first byte of a read can have waited; only where the kernel stamps packets
    read_spread_s   the longest time over which the bytes of the latest read can have arrived; `None` if unknown
    failure         what failed, if a failure was raised in the SDK
    overdue         the deadline, if it passed while the rest of what had arrived was still to be read
    unread          a stream that is kept from the SDK, as its plug's response; see the plugs
    body            the beginning of the body as received; up to `LOGGED_BYTES` with `keep_body`
    body_bytes      the size of the body as received: without chunk framing, still compressed
    connect_s       for a new connection: from the start of name resolution to the end of the TLS handshake
    connection      `None` until there is one
    """

    keep_body: bool = False
    deadline: Any = None
    requests: int = 0
    sent_at: float | None = None
    head_at: float | None = None
    first_byte_at: float | None = None
    last_byte_at: float | None = None
    event_at: float | None = None
    lag_s: float | None = None
    read_spread_s: float | None = None
    failure: Failure | None = None
    overdue: DeadlineExceeded | None = None
    connect_s: float | None = None
    connection: Literal["new", "reused"] | None = None
    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    unread: Any = None
    body_bytes: int | None = None
    complete: bool = False
    body: bytearray = field(default_factory=bytearray)

    def begin(self) -> None:
        """Count the request. Raises `SecondRequest` for a second one, and `DeadlineExceeded` again if that was caught,
        as by boto3 while it renews credentials that are still good."""
        if self.requests:
            raise SecondRequest("the SDK tried to send a second request within one call")
        if self.deadline is not None and not self.deadline.pending:
            raise self.deadline.exception
        self.requests = 1

    def answered(self, status: int, headers: list[tuple[str, str]], at: float) -> None:
        """Note that the head of the answer arrived at `at`."""
        self.status, self.headers, self.body_bytes = status, headers, 0
        self.head_at = self.last_byte_at = at

    def late(self, lag_s: float) -> None:
        """Note how long a packet waited before it was read. The timestamps do not include this wait."""
        if self.lag_s is None or lag_s > self.lag_s:
            self.lag_s = lag_s

    def failed(self, error: WireError) -> None:
        """Note a failure that is about to be raised in the SDK."""
        if error.failure is None and isinstance(error, DeadlineExceeded):
            self.failure = "timed out before the head" if self.status is None else "timed out within the body"
        else:
            self.failure = error.failure

    def received(self, data: bytes, at: float, spread_s: float | None = None) -> None:
        """Note a piece of the body: its last byte arrived at `at`, its first at most `spread_s` earlier."""
        self.read_spread_s = spread_s
        if self.first_byte_at is None:
            self.first_byte_at = at
        self.last_byte_at = at
        self.body_bytes = (self.body_bytes or 0) + len(data)
        if len(self.body) < KEPT_BYTES or (self.keep_body and len(self.body) < LOGGED_BYTES):
            self.body += data


@dataclass(frozen=True, slots=True)
class Request:
    """A request as an SDK built it. `target` is the path with its query, as on the request line."""

    method: str
    scheme: str
    host: str
    port: int
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def origin(self) -> "Origin":
        return Origin(self.scheme, self.host, self.port)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection goes, and the key under which idle ones are kept."""

    scheme: str
    host: str
    port: int


class Reply(Protocol):
    """An answer whose head has arrived, and whose body is read piece by piece."""

    status: int
    headers: list[tuple[str, str]]

    def read(self) -> bytes:
        """Return the next piece of the body as it arrived, b"" after the last. Raises `WireError`."""

    def close(self) -> None:
        """Return the connection to the pool, or discard it. Can be called at any time, and more than once."""


class Wire(Protocol):
    """What carries requests: the network, or the mock behind the same interface."""

    def send(self, request: Request) -> Reply:
        """Send one request and wait for the answer's head. Raises `WireError`."""


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


def current() -> Exchange:
    """Return the exchange of the running greenlet's call; outside any call, a throwaway one."""
    return _current.get(None) or Exchange()


def within_limit(pieces: Iterable[bytes], status: int) -> Iterator[bytes]:
    """Yield the pieces of a body that is read whole. Raises `TooLong`."""
    is_error = status >= 300
    most_bytes = MOST_ERROR_BYTES if is_error else MOST_WHOLE_BYTES
    most_commas = MOST_ERROR_COMMAS if is_error else MOST_COMMAS
    taken_bytes = commas = 0
    for piece in pieces:
        taken_bytes += len(piece)
        commas += piece.count(b",")
        if taken_bytes > most_bytes:
            raise TooLong(f"the answer is longer than {most_bytes >> 20} MB")
        if commas > most_commas:
            raise TooLong(f"the answer has more than {most_commas:,} commas")
        yield piece


@contextmanager
def raised_as(
    kinds: Mapping[type[WireError], type[Any]], convert: Callable[[Any, WireError], Exception]
) -> Iterator[None]:
    """Note a failure of the wire, and raise what `convert` makes of it and the SDK's class that `kinds` maps it to.

    `kinds` has subclasses before their base classes. A failure that it doesn't map is raised unchanged.
    """
    try:
        yield
    except WireError as error:
        current().failed(error)
        theirs = next((theirs for ours, theirs in kinds.items() if isinstance(error, ours)), None)
        if theirs is None:
            raise
        raise convert(theirs, error) from error


@contextmanager
def exchange(keep_body: bool = False) -> Iterator[Exchange]:
    """Open the exchange of one call for the running greenlet."""
    opened = Exchange(keep_body=keep_body)
    token = _current.set(opened)
    try:
        yield opened
    finally:
        _current.reset(token)
