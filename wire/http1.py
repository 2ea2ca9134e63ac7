"""HTTP/1.1 as bytes: requests are encoded, answers parsed by llhttp (strict and fast) or else by h11. RFC 9112."""

import re
from collections.abc import Iterable

import h11
from geventhttpclient._parser import HTTPParseError, HTTPResponseParser

from wire.exchange import ConnectionBroken, NotHTTP, Request
from wire.tolerant import MOST_HEAD_BYTES, MOST_HEADERS, Event, TolerantParser, headers_of

_FORBIDDEN_IN_HEADER = re.compile(r"[\r\n\0]")
_STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] [0-9]{3}[ \r\n]")
"""The beginning of any answer. For other text, h11 would wait for the end of a head that never comes."""
_ANY_STATUS_LINE = b"HTTP/1.1 200 "
"""Completes what has arrived so far, which `_STATUS_LINE` then matches if it may become an answer."""
_END_OF_CHUNKS = re.compile(rb"[^\r\n]\r\n\r\n")
"""The last five bytes of chunks: the end of the last chunk or of a trailer, and one empty line."""
_REFUSED_IN_REASON = re.compile(r"[\0\v\f]")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})\r\n")


def encode(request: Request) -> bytes:
    """Return the request's bytes. Raises `NotHTTP` for a line break in a header, which would inject another header."""
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    for name, value in request.headers:
        if _FORBIDDEN_IN_HEADER.search(name) or _FORBIDDEN_IN_HEADER.search(value):
            raise NotHTTP(f"header {name!r} contains a line break")
        lines.append(f"{name}: {value}")
    head = "\r\n".join(lines) + "\r\n\r\n"
    try:
        return head.encode("latin-1") + request.body
    except UnicodeEncodeError as error:
        raise NotHTTP("a header contains characters outside Latin-1") from error


class AnswerParser(HTTPResponseParser):
    """Parses one answer as its bytes arrive.

    head_complete   `status` and `headers` are final (interim 1xx answers are skipped)
    complete        the last byte of the body has been parsed
    surplus         bytes followed the end of the answer, so the connection can't be trusted with another one

    If llhttp rejects an answer, h11 parses it again from its first byte. Another parser might see such an answer end
    elsewhere (this is how responses are smuggled), so its connection is never reused.
    """

    def __init__(self) -> None:
        super().__init__()
        self.headers: list[tuple[str, str]] = []
        self.head_complete = False
        self.complete = False
        self.surplus = False
        self.status = 0
        self._field = ""
        self._value: str | None = None
        self._pieces: list[bytes] = []
        self._fed: list[bytes] | None = []
        self._received_bytes = self._given_bytes = 0
        self._heads = self._head_bytes = 0
        self._tolerant: TolerantParser | None = None

    @property
    def reusable(self) -> bool:
        return self.complete and not self.surplus and self._tolerant is None and bool(self.should_keep_alive())

    def parse(self, data: bytes) -> None:
        """Take the next received bytes. Raises `NotHTTP`."""
        self._received_bytes += len(data)
        if self._fed is not None:
            self._remember(data)
        try:
            self.feed(data)
        except HTTPParseError as error:
            self._refused(data, error)
        if len(self.headers) > MOST_HEADERS:
            raise NotHTTP(f"the head of the peer's answer has more than {MOST_HEADERS:,} headers")
        if self.head_complete and not self._head_bytes:
            self._measure_heads()
        if self.complete:
            self.surplus = self.surplus or not self._ends_with(data)

    def finish(self) -> None:
        """Take the peer's close, which ends a body without a length. Raises `ConnectionBroken` anywhere else."""
        try:
            self._take(self._tolerant.events(b"")) if self._tolerant else self.feed(b"")
        except (HTTPParseError, NotHTTP):
            self.complete = False
        if not self.complete:
            raise ConnectionBroken("the peer closed the connection before the answer was complete")

    def take_body(self) -> bytes:
        """Return the body bytes parsed since the last call."""
        if len(self._pieces) == 1:
            return self._pieces.pop()
        body = b"".join(self._pieces)
        self._pieces.clear()
        return body

    def _remember(self, data: bytes) -> None:
        """Keep the received bytes in case h11 has to parse them; limits the head to `MOST_HEAD_BYTES`. llhttp would
        pass over empty lines before the status, at which the SDKs' clients fail."""
        assert self._fed is not None
        if not self._fed and data[:1] in (b"\r", b"\n"):
            raise NotHTTP("the peer's answer begins with an empty line")
        if self._received_bytes - len(data) <= MOST_HEAD_BYTES:
            self._fed.append(data)
        elif self._given_bytes:
            self._fed = None
        else:
            raise NotHTTP("the head of the peer's answer is too long")

    def _measure_heads(self) -> None:
        """Measure the head with the interim ones before it. Raises `NotHTTP` for empty lines between them."""
        *heads, rest = b"".join(self._fed or ()).split(b"\r\n\r\n", self._heads)
        self._head_bytes = self._received_bytes - len(rest)
        if not all(head.startswith(b"HTTP/") for head in heads):
            self.head_complete = False
            raise NotHTTP("an empty line follows an interim answer of the peer's")

    def _ends_with(self, data: bytes) -> bool:
        """Return whether the answer ends where the latest read does. llhttp would pass over empty lines, at which the
        SDKs' clients fail the connection's next call. For chunks, a last read that is too short to tell is a no."""
        if any(name.lower() == "transfer-encoding" for name, _ in self.headers):
            return bool(_END_OF_CHUNKS.fullmatch((data if len(data) > 4 else b"".join(self._fed or ()))[-5:]))
        return self._received_bytes == self._head_bytes + self._given_bytes

    def _refused(self, data: bytes, error: HTTPParseError) -> None:
        """Hand over to h11: once llhttp has rejected anything, it rejects everything after it."""
        if self._tolerant is not None:
            self._take(self._tolerant.events(data))
        elif self.complete:
            self.surplus = True
        else:
            self._read_again(_with_chunks_joined(b"".join(self._fed or ()), self._head_bytes), error)

    def _read_again(self, fed: bytes, error: HTTPParseError) -> None:
        if not _STATUS_LINE.match(fed + _ANY_STATUS_LINE[len(fed) :]):
            raise NotHTTP("the peer's answer is not HTTP/1.1") from error
        self._fed, self.headers, self.head_complete = None, [], False
        self._tolerant = TolerantParser()
        self._take(self._tolerant.events(fed))

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, h11.Response):
                self.status, self.headers, self.head_complete = event.status_code, headers_of(event), True
            elif isinstance(event, h11.Data):
                self._take_data(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self.complete = True

    def _take_data(self, data: bytes) -> None:
        """Take a piece of the body, without the bytes that llhttp has already returned."""
        given_bytes = min(self._given_bytes, len(data))
        self._given_bytes -= given_bytes
        if data := data[given_bytes:]:
            self._pieces.append(data)

    def _on_message_begin(self) -> None:
        if self.complete:
            self.surplus = True

    def _on_status(self, text: str) -> None:
        if _REFUSED_IN_REASON.search(text):
            raise HTTPParseError("a control character in the reason")

    def _on_header_field(self, text: str) -> None:
        if not self.head_complete:
            self._keep_header()
            self._field += text

    def _on_header_value(self, text: str) -> None:
        if not self.head_complete:
            self._value = (self._value or "") + text

    def _on_headers_complete(self) -> None:
        if self.head_complete:
            return
        self._keep_header()
        self._heads += 1
        self.status = int(self.get_code())
        if self.status < 100:
            raise HTTPParseError("a status below 100")
        self.head_complete = not 100 <= self.status < 200
        if not self.head_complete:
            self.headers = []

    def _on_body(self, piece: bytes | bytearray) -> None:
        if not self.surplus:
            self._pieces.append(bytes(piece))
            self._given_bytes += len(piece)

    def _on_message_complete(self) -> None:
        self.complete = self.head_complete

    def _keep_header(self) -> None:
        """Keep a header without the spaces after its value, which llhttp leaves in. With a tab there, llhttp doesn't
        know `chunked` and `close`."""
        if self._value is not None:
            value = self._value.rstrip(" ")
            if value.endswith("\t"):
                raise HTTPParseError("a tab after a header's value")
            self.headers.append((self._field, value))
            self._field, self._value = "", None


def _with_chunks_joined(fed: bytes, body_at: int) -> bytes:
    """Return an answer's bytes with the whole chunks at the body's beginning made one: h11 takes half a second over
    tens of thousands. Unchanged if the body's beginning is not known (0)."""
    chunks, at = [], body_at
    while body_at and (size := _CHUNK_SIZE.match(fed, at)) and (size_bytes := int(size[1], 16)):
        end = size.end() + size_bytes
        if fed[end : end + 2] != b"\r\n":
            break
        chunks.append(fed[size.end() : end])
        at = end + 2
    joined = b"".join(chunks)
    return fed[:body_at] + b"%x\r\n%b\r\n" % (len(joined), joined) + fed[at:] if joined else fed
