"""One client connection of the server: HTTP/1.1 in, timed parts out."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from itertools import count, takewhile
from os import dup
from time import monotonic
from typing import cast

import httptools

from mock.formats.message import Answer, Request
from mock.stall import Stall

KEEP_ALIVE_S = 75
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER, on, for 0 s: closing the socket then sends a reset."""
REASONS = {status.value: status.phrase for status in HTTPStatus}

Sent = Callable[[int], None]
Answerer = Callable[[Request | None, int], tuple[Answer, Sent, Stall | None]]
"""Takes a request, `None` if it is not HTTP, and its connection's number. Returns the answer, the function that counts
its bytes, and the stalls that delay it."""
NUMBERS = count(1)


class Connection(asyncio.Protocol):
    """Reads requests and answers them one after another, in order."""

    def __init__(self, answerer: Answerer, merge: bool, connections: set["Connection"]) -> None:
        self._answerer = answerer
        self._merge = merge
        self._connections = connections
        self._waiting: deque[Delivery] = deque()
        self._number = next(NUMBERS)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._connections.add(self)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._idle.cancel()
        if self._waiting:
            self._waiting[0].cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._answer(None, keep_alive=False)

    def abort(self) -> None:
        """Drop the connection at once."""
        self._transport.abort()

    # httptools calls these as it parses.

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode("latin-1")
        request = Request(method, self._target.decode("latin-1"), self._headers, bytes(self._body))
        self._answer(request, self._parser.should_keep_alive())

    def _answer(self, request: Request | None, keep_alive: bool) -> None:
        received_s = monotonic()
        self._idle.cancel()
        answer, sent, stall = self._answerer(request, self._number)
        delivery = Delivery(answer, received_s, self._transport, keep_alive, self._merge, sent, stall, self._delivered)
        self._waiting.append(delivery)
        if len(self._waiting) == 1:
            delivery.start()

    def _delivered(self, keep_alive: bool) -> None:
        self._waiting.popleft()
        if not keep_alive:
            self._transport.close()
        elif self._waiting:
            self._waiting[0].start()
        else:
            self._await_request()

    def _await_request(self) -> None:
        self._idle = self._loop.call_later(KEEP_ALIVE_S, self._transport.close)


class Delivery:
    """An answer that is being sent. With `merge`, all parts that are due go out in one write, otherwise each alone."""

    def __init__(
        self,
        answer: Answer,
        received_s: float,
        transport: asyncio.Transport,
        keep_alive: bool,
        merge: bool,
        sent: Sent,
        stall: Stall | None,
        done: Callable[[bool], None],
    ) -> None:
        self._received_s = received_s
        self._answer = answer
        self._transport = transport
        self._keep_alive = keep_alive
        self._merge = merge
        self._sent = sent
        self._stall = stall
        self._done = done
        self._chunked = all(name != "content-length" for name, _ in answer.headers)
        self._next = 0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle | None = None

    def start(self) -> None:
        self._speak()

    def cancel(self) -> None:
        """Stop sending: the client is gone."""
        if self._timer:
            self._timer.cancel()

    def _speak(self) -> None:
        """Send what is due, unless the server is stalling."""
        now_s = monotonic()
        if self._stall and (end_s := self._stall.until(now_s)) > now_s:
            self._timer = self._loop.call_later(end_s - now_s, self._speak)
        else:
            self._send_due(now_s - self._received_s)

    def _send_due(self, age_s: float) -> None:
        """Send the parts that are due. Due times are absolute, so a late part does not delay later ones."""
        due = self._due(age_s)
        if due:
            self._send(due)
        if self._next == len(self._answer.parts):
            self._end()
        elif (wait_s := self._answer.parts[self._next].at_s - age_s) > 0:
            self._timer = self._loop.call_later(wait_s, self._speak)
        else:
            # uvloop joins the writes of one loop iteration: only an iteration in between keeps parts apart.
            self._timer = self._loop.call_soon(self._speak)

    def _due(self, age_s: float) -> list[bytes]:
        """Return the data of the next part if it is due; with `merge`, of all parts that are due."""
        most = len(self._answer.parts) if self._merge else 1
        coming = self._answer.parts[self._next : self._next + most]
        return [part.data for part in takewhile(lambda part: part.at_s <= age_s, coming)]

    def _send(self, data: list[bytes]) -> None:
        head = [] if self._next else [head_bytes(self._answer, self._chunked, self._keep_alive)]
        framed = map(chunk, data) if self._chunked else data
        self._transport.write(b"".join([*head, *framed]))
        self._sent(sum(map(len, data)))
        self._next += len(data)

    def _end(self) -> None:
        match self._answer.end:
            case "complete":
                if self._chunked:
                    self._transport.write(b"0\r\n\r\n")
                self._done(self._keep_alive)
            case "close":
                self._transport.close()
            case "reset":
                reset(self._transport)
            case "stall":
                pass


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def head_bytes(answer: Answer, chunked: bool, keep_alive: bool) -> bytes:
    """Return the status line and the headers."""
    lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if chunked:
        lines.append("transfer-encoding: chunked")
    if not keep_alive:
        lines.append("connection: close")
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1")


def reset(transport: asyncio.Transport) -> None:
    """End the connection with RST. The option is set through a second descriptor of the same socket."""
    with socket.socket(fileno=dup(transport.get_extra_info("socket").fileno())) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    transport.abort()
