"""The wire under openai, anthropic and google-genai: an httpx2 transport. https://www.python-httpx.org/advanced/transports/"""

from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from encodings import normalize_encoding
from functools import lru_cache
from typing import Any, cast

import httpx2

from wire import exchange as wire
from wire.exchange import DEFAULT_PORTS, Reply, Request, Wire
from wire.tolerant import MOST_QUOTED
from wire.turns import TURN_BYTES, turns

MOST_CODINGS = 5
"""How many times a body can be compressed; httpx2 itself accepts no more."""

MOST_BARREN_BYTES = 1 << 20
"""How much of a compressed body can decompress to nothing: zlib keeps what follows its end, and copies all of it anew
for each piece."""

MOST_OVERDUE_BYTES = 1 << 20
"""How much of a compressed answer that arrived before the deadline is read after it: it can decompress without end."""

LONGEST_TYPE = 1000
"""How many characters of a Content-Type are searched for a charset."""

_ERRORS: dict[type[wire.WireError], type[httpx2.TransportError]] = {
    wire.ConnectTimedOut: httpx2.ConnectTimeout,
    wire.DeadlineExceeded: httpx2.ReadTimeout,
    wire.ConnectFailed: httpx2.ConnectError,
    wire.ConnectionBroken: httpx2.RemoteProtocolError,
    wire.NotHTTP: httpx2.RemoteProtocolError,
}
"""Each of the wire's errors and httpx2's equivalent; subclasses come before their base classes."""


def client(through: Wire, keep_streams: bool = False) -> httpx2.Client:
    """Return an httpx2 client that sends over a wire.

    With `keep_streams`, the SDK gets an empty body in place of an event stream, and the response with the real body is
    kept in the exchange's `unread`: for an SDK that gives no access to the raw stream.
    """
    return LeanClient(WireTransport(through, keep_streams))


class LeanClient(httpx2.Client):
    """httpx2's client without the features that calls here don't need or must not have.

    It follows no redirects (they would be second requests), keeps no cookies (a load balancer's would pin every user to
    one backend), and has no base URL, authentication or hooks. It has no timeouts either: the caller enforces the
    call's deadline. This saves a tenth of the cost of a plain call.
    """

    def __init__(self, transport: "WireTransport") -> None:
        super().__init__(transport=transport, timeout=None, trust_env=False)
        self._to_wire = transport
        self._defaults = self.headers.multi_items()

    def build_request(self, method: str, url: httpx2.URL | str, **parts: Any) -> httpx2.Request:
        """Return the request that httpx2 would build; `timeout` is ignored."""
        headers = parts.pop("headers", None) or {}
        parts.pop("timeout", None)
        given = list(headers.items() if isinstance(headers, Mapping) else headers)
        names = {name.lower() for name, _ in given}
        kept = [(name, value) for name, value in self._defaults if name not in names]
        return httpx2.Request(method, _parsed(str(url)), headers=[*kept, *given], **parts)

    def send(self, request: httpx2.Request, *, stream: bool = False, **_: Any) -> httpx2.Response:
        """Send a request; unless `stream` is set, read the whole response."""
        response = self._to_wire.handle_request(request)
        if not stream:
            response.read()
        return response


@lru_cache(maxsize=64)
def _parsed(url: str) -> httpx2.URL:
    """Parse a URL. Cached: a run uses only one or two."""
    return httpx2.URL(url)


def decompressed(headers: Iterable[tuple[str, str]], body: bytes, most_bytes: int) -> bytes:
    """Return the beginning of a body, decompressed as far as possible. One that isn't compressed, although its head
    says so, is unchanged."""
    codings = [coding for _, value in _named("content-encoding", headers) for coding in value.split(b",")]
    for coding in reversed(codings[:MOST_CODINGS]):
        body = _decompressed_once(coding, body, most_bytes)
    return body[:most_bytes]


def _decompressed_once(coding: bytes, body: bytes, most_bytes: int) -> bytes:
    text = bytearray()
    try:
        response = httpx2.Response(200, headers=[(b"content-encoding", coding)], stream=httpx2.ByteStream(body))
        for piece in response.iter_bytes():
            text += piece[: most_bytes - len(text)]
            if len(text) == most_bytes:
                break
    except httpx2.DecodingError:
        pass
    return bytes(text) or body


def decoded(headers: Iterable[tuple[str, str]], body: bytes) -> str:
    """Return a decompressed body as a text, in the charset that its Content-Type names. Raises what Python's encodings
    raise: some are of no text."""
    return _Text(200, headers=_named("content-type", headers), content=body).text


def _named(name: str, headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [header for header in _raw(headers) if header[0].lower() == name.encode()]


def _raw(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Return headers as they were received: httpx2 itself would refuse a text that is not ASCII."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


class WireTransport(httpx2.BaseTransport):
    """Carries httpx2's requests over a wire."""

    def __init__(self, through: Wire, keep_streams: bool = False) -> None:
        self._wire, self._keep_streams = through, keep_streams

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        with _httpx2_errors(request):
            reply = self._wire.send(_request(request))
            _refuse_codings(reply)
        response = _Response(reply.status, headers=_raw(reply.headers), stream=_Body(reply, request), request=request)
        if self._keep_streams and response.status_code == 200 and "alt=sse" in request.url.query.decode():
            wire.current().unread = response
            return httpx2.Response(reply.status, content=b"", request=request)
        return response


class _Text(httpx2.Response):
    """A response whose charset, whatever its head says, doesn't block the event loop."""

    @property
    def text(self) -> str:
        """The body as a text. A long one is decoded in turns: where bytes mean nothing, some charsets take half a
        second for a megabyte."""
        if not hasattr(self, "_text") and len(self.content) > TURN_BYTES:
            self._text = "".join(self._decoded_in_turns())
        return super().text

    def _decoded_in_turns(self) -> Iterator[str]:
        decoder = getincrementaldecoder(self.encoding or "utf-8")("replace")
        for start in range(0, len(self.content), TURN_BYTES):
            with wire.raised_as({}, lambda _, error: error):
                _take_turn(start)
            yield decoder.decode(self.content[start : start + TURN_BYTES])
        yield decoder.decode(b"", True)

    @property
    def charset_encoding(self) -> str | None:
        """None if the Content-Type is longer than any: `email` would take a minute to read it. Raises `LookupError` for
        Punycode, which is no charset, and in which a megabyte takes minutes to decode."""
        if len(self.headers.get("Content-Type", "")) > LONGEST_TYPE:
            return None
        charset = super().charset_encoding
        if charset and normalize_encoding(charset).lower() == "punycode":
            raise LookupError("punycode is no charset")
        return charset


class _Response(_Text):
    """A response whose body, however it was compressed, blocks neither the event loop nor the call's deadline, and
    stays within the wire's limit where it is read whole."""

    _is_read_whole = False
    _compressed: "_Compressed | None" = None

    def read(self) -> bytes:
        self._is_read_whole = True
        try:
            return super().read()
        except BaseException:
            self.close()
            raise

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        if "," in self.headers.get("content-encoding", ""):
            self._decompress_to_the_last()
        if "content-encoding" in self.headers:
            self.stream = self._compressed = _Compressed(self)
        pieces = self._in_turns(super().iter_bytes(chunk_size))
        return wire.within_limit(pieces, self.status_code) if self._is_read_whole else pieces

    def _decompress_to_the_last(self) -> None:
        """Let only one compression remain to be undone, and take turns in each before it: a kilobyte can become
        gigabytes on its way to nothing."""
        first, *others = self.headers["content-encoding"].split(",")
        if len(others) >= MOST_CODINGS:
            raise httpx2.DecodingError(f"the body is compressed more than {MOST_CODINGS} times", request=self.request)
        for coding in reversed(others):
            headers = {"content-encoding": coding}
            self.stream = _Decompressed(_Response(200, headers=headers, stream=self.stream, request=self.request))
        self.headers["content-encoding"] = first

    def _in_turns(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        taken_bytes = read_bytes = 0
        for piece in pieces:
            if self._compressed:
                self._compressed.barren_bytes = 0
            for start in range(0, len(piece), TURN_BYTES):
                if taken_bytes >= TURN_BYTES:
                    read_bytes += taken_bytes
                    with _httpx2_errors(self.request):
                        _take_turn(read_bytes)
                    taken_bytes = 0
                part = piece[start : start + TURN_BYTES]
                taken_bytes += len(part)
                yield part


def _take_turn(read_bytes: int) -> None:
    """Let the event loop read what has arrived meanwhile. Raises a deadline that has passed."""
    turns().take()
    overdue = wire.current().overdue
    if overdue is not None and read_bytes > MOST_OVERDUE_BYTES:
        raise overdue


class _Compressed(httpx2.SyncByteStream):
    """The body of a response as received, while it decompresses to anything.

    barren_bytes  how much has been read since the latest piece of the decompressed body
    """

    def __init__(self, response: _Response) -> None:
        self._stream, self._request = cast(httpx2.SyncByteStream, response.stream), response.request
        self.barren_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            self.barren_bytes += len(piece)
            if self.barren_bytes > MOST_BARREN_BYTES:
                raise httpx2.DecodingError("too much that decompresses to nothing", request=self._request)
            yield piece

    def close(self) -> None:
        self._stream.close()


class _Decompressed(httpx2.SyncByteStream):
    """The decompressed body of a response, as the body of another."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_bytes()

    def close(self) -> None:
        self._response.close()


def _refuse_codings(reply: Reply) -> None:
    """Raise for transfer codings that h11, the parser of the SDKs' own client, refuses: any but a single `chunked`. A
    proxy that repeats it breaks every client with this SDK."""
    codings = [value for name, value in reply.headers if name.lower() == "transfer-encoding"]
    if codings and [value.lower() for value in codings] != ["chunked"]:
        reply.close()
        shown = ", ".join(codings)[:MOST_QUOTED]
        raise wire.NotHTTP(f"the SDK's own client refuses this answer's Transfer-Encoding: {shown}")


class _Body(httpx2.SyncByteStream):
    def __init__(self, reply: Reply, request: httpx2.Request) -> None:
        self._reply, self._request = reply, request

    def __iter__(self) -> Iterator[bytes]:
        with _httpx2_errors(self._request):
            while piece := self._reply.read():
                yield piece

    def close(self) -> None:
        with _httpx2_errors(self._request):
            self._reply.close()


def _request(request: httpx2.Request) -> Request:
    url = request.url
    return Request(
        method=request.method,
        scheme=url.scheme,
        host=url.host,
        port=url.port or DEFAULT_PORTS[url.scheme],
        target=url.raw_path.decode("ascii"),
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw],
        body=request.read(),
    )


def _httpx2_errors(request: httpx2.Request) -> AbstractContextManager[None]:
    return wire.raised_as(_ERRORS, lambda theirs, error: theirs(str(error), request=request))
