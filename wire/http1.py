"""HTTP/1.1 as bytes: a request written, an answer parsed (by llhttp). RFC 9112."""

import re

from geventhttpclient._parser import HTTPParseError, HTTPResponseParser

from wire.exchange import ConnectionBroken, NotHTTP, Request

_FORBIDDEN_IN_HEADER = re.compile(r"[\r\n\0]")


def encode(request: Request) -> bytes:
    """Return the request's bytes. Raises `NotHTTP`: a line feed in a header value would forge a header."""
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    for name, value in request.headers:
        if _FORBIDDEN_IN_HEADER.search(name) or _FORBIDDEN_IN_HEADER.search(value):
            raise NotHTTP(f"the value of header {name!r} holds a line break")
        lines.append(f"{name}: {value}")
    head = "\r\n".join(lines) + "\r\n\r\n"
    try:
        return head.encode("latin-1") + request.body
    except UnicodeEncodeError as error:
        raise NotHTTP("a header holds characters beyond Latin-1") from error


class AnswerParser(HTTPResponseParser):
    """Parses one answer as its bytes come: `feed` them, then look at what has become known.

    head_complete   status and `headers` are final (interim 1xx answers are passed over)
    complete        the last byte of the body was fed
    surplus         bytes came after the answer's end, so the connection can't be trusted with another
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

    @property
    def reusable(self) -> bool:
        return self.complete and not self.surplus and bool(self.should_keep_alive())

    def parse(self, data: bytes) -> None:
        """Take the next received bytes. Raises `NotHTTP`."""
        try:
            self.feed(data)
        except HTTPParseError as error:
            if not self.complete:
                raise NotHTTP("the peer's answer is not HTTP/1.1") from error
            self.surplus = True

    def finish(self) -> None:
        """Take the peer's close. It ends a body without a length; anywhere else, `ConnectionBroken`."""
        try:
            self.feed(b"")
        except HTTPParseError:
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

    def _on_message_begin(self) -> None:
        if self.complete:
            self.surplus = True

    def _on_status(self, text: str) -> None: ...

    def _on_header_field(self, text: str) -> None:
        self._keep_header()
        self._field += text

    def _on_header_value(self, text: str) -> None:
        self._value = (self._value or "") + text

    def _on_headers_complete(self) -> None:
        if self.head_complete:
            return
        self._keep_header()
        self.status = int(self.get_code())
        self.head_complete = self.status >= 200
        if not self.head_complete:
            self.headers = []

    def _on_body(self, piece: bytes | bytearray) -> None:
        if not self.surplus:
            self._pieces.append(bytes(piece))

    def _on_message_complete(self) -> None:
        self.complete = self.head_complete

    def _keep_header(self) -> None:
        if self._value is not None and not self.head_complete:
            self.headers.append((self._field, self._value))
            self._field, self._value = "", None
