"""The wire under boto3: a botocore `before-send` handler. https://boto3.amazonaws.com/v1/documentation/api/latest/guide/events.html"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, cast
from urllib.parse import urlsplit

from botocore import exceptions as botocore
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from wire import exchange as wire
from wire.exchange import DEFAULT_PORTS, Reply, Request, Wire

MOST_OBJECTS = 50_000
"""How many objects and lists a body that botocore parses can have: it takes over ten microseconds for each."""


def plug(client: Any, through: Wire, service: str) -> None:
    """Make a boto3 client of `service` send its requests, signed as usual, over a wire.

    botocore reads the body at once, except for an event stream, which it reads on demand. The response is also kept in
    the exchange's `unread`: its `raw` is the stream, its `content` a whole body as received.
    """

    def before_send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        with _botocore_errors(request.url):
            reply = through.send(_request(request))
        raw = _Raw(reply, request.url)
        response = AWSResponse(request.url, reply.status, cast(Any, dict(reply.headers)), raw)
        wire.current().unread = response
        return response

    client.meta.events.register(f"before-send.{service}", before_send)


class _Raw:
    """The whole body, with the methods by which botocore reads it; `pieces` is for a stream."""

    def __init__(self, reply: Reply, url: str) -> None:
        self._reply, self._url = reply, url

    def pieces(self) -> Iterator[bytes]:
        with _botocore_errors(self._url):
            while piece := self._reply.read():
                yield piece

    def stream(self, amt: int = 0, decode_content: bool | None = None) -> Iterator[bytes]:
        """Yield a body that botocore parses. Raises `TooLong`."""
        return self._within_limit(_of_few_objects(self.pieces()))

    def read(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:
        """Return a body that is a model's own. Raises `TooLong`."""
        return b"".join(self._within_limit(self.pieces()))

    def _within_limit(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from wire.within_limit(pieces, self._reply.status)
        except wire.TooLong:  # botocore doesn't close what it can't read.
            self.close()
            raise

    def close(self) -> None:
        with _botocore_errors(self._url):
            self._reply.close()


def _of_few_objects(pieces: Iterator[bytes]) -> Iterator[bytes]:
    objects = 0
    for piece in pieces:
        objects += piece.count(b"{") + piece.count(b"[")
        if objects > MOST_OBJECTS:
            raise wire.TooLong(f"the answer has more than {MOST_OBJECTS:,} objects and lists")
        yield piece


def _request(request: AWSPreparedRequest) -> Request:
    url = urlsplit(request.url)
    default_port = DEFAULT_PORTS[url.scheme]
    host, port = url.hostname or "", url.port or default_port
    body = cast(str | bytes, request.body or b"")
    return Request(
        method=request.method,
        scheme=url.scheme,
        host=host,
        port=port,
        target=(url.path or "/") + (f"?{url.query}" if url.query else ""),
        headers=[("Host", _signed_host(host, port, default_port)), *_headers(request)],
        body=body.encode() if isinstance(body, str) else body,
    )


def _signed_host(host: str, port: int, default_port: int) -> str:
    """Return the Host header that botocore signed: lower case, without a default port."""
    name = f"[{host}]" if ":" in host else host
    return name if port == default_port else f"{name}:{port}"


def _headers(request: AWSPreparedRequest) -> list[tuple[str, str]]:
    return [(name, _text(value)) for name, value in request.headers.items() if name.lower() != "host"]


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


_ERRORS: dict[type[wire.WireError], type[botocore.BotoCoreError]] = {
    wire.ConnectTimedOut: botocore.ConnectTimeoutError,
    wire.DeadlineExceeded: botocore.ReadTimeoutError,
    wire.ConnectFailed: botocore.EndpointConnectionError,
    wire.ConnectionBroken: botocore.ConnectionClosedError,
    wire.NotHTTP: botocore.ConnectionClosedError,
}
"""Each of the wire's errors and botocore's equivalent; subclasses come before their base classes."""


def _botocore_errors(url: str) -> AbstractContextManager[None]:
    return wire.raised_as(_ERRORS, lambda theirs, error: theirs(endpoint_url=url, error=error))
