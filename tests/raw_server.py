"""A scripted server on a loopback socket: each connection runs a script that says, byte by byte, what it answers."""

import os
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, repeat

import gevent
from gevent import socket
from gevent.event import Event

from mock.connection import head_bytes
from mock.formats.message import Request as MockRequest
from mock.service import Service
from wire.exchange import DeadlineExceeded, Request

WAIT_S = 15.0
"""How long a test waits for what must happen; only a failing one waits that long."""

SOON_S = 0.05

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER on, for 0 s: closing resets the connection."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as its bytes arrived."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Return all values of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Peer:
    """A client's connection as the server's script sees it."""

    def __init__(self, sock: socket.socket, server: "RawServer") -> None:
        self._socket, self._server = sock, server
        self._unread = b""

    def request(self) -> Received | None:
        """Wait for a request and read it whole; return `None` if the client has closed the connection."""
        head, found = self._read_until(b"\r\n\r\n")
        if not found:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        received = Received(method, target, headers, self._read(length))
        self._server.requests.append(received)
        self._server.arrived.set()
        return received

    def head(self) -> bytes:
        """Wait for a request, and read no further than its head."""
        return self._read_until(b"\r\n\r\n")[0]

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def send_in_the_clear(self, data: bytes) -> None:
        """Send bytes past TLS."""
        os.write(self._socket.fileno(), data)

    def send_in_pieces(self, data: bytes) -> None:
        """Send one byte at a time, and let the client run after each."""
        for at in range(len(data)):
            self.send(data[at : at + 1])
            gevent.sleep(0)

    def close(self) -> None:
        """Close the connection with a FIN, over TLS after a close_notify."""
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket = self._socket.unwrap()
        self._socket.close()

    def reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._socket.close()

    def wait_for_close(self) -> None:
        """Wait until the client closes the connection, in any way."""
        try:
            while self._socket.recv(65536):
                pass
        except OSError:
            pass

    def _read_until(self, end: bytes) -> tuple[bytes, bool]:
        while end not in self._unread:
            if not (data := self.receive()):
                return b"", False
            self._unread += data
        found, _, self._unread = self._unread.partition(end)
        return found, True

    def _read(self, size: int) -> bytes:
        while len(self._unread) < size:
            self._unread += self.receive()
        data, self._unread = self._unread[:size], self._unread[size:]
        return data

    def receive(self) -> bytes:
        """Wait for the next bytes; b"" if the client has closed the connection."""
        try:
            return self._socket.recv(65536)
        except OSError:
            return b""


Script = Callable[[Peer], None]


@dataclass
class RawServer:
    """What has arrived at a listening script so far; `ended` holds an event for each connection, in order."""

    scheme: str
    host: str
    port: int
    requests: list[Received] = field(default_factory=list)
    arrived: Event = field(default_factory=Event)
    connected: Event = field(default_factory=Event)
    ended: list[Event] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def connections(self) -> int:
        return len(self.ended)

    def request(self, **changes: str) -> Request:
        """Return a small request to this server."""
        fields = {"method": "POST", "scheme": self.scheme, "host": self.host, "target": "/"} | changes
        headers = [("Host", "test"), ("Content-Length", "2")]
        return Request(**fields, port=self.port, headers=headers, body=b"{}")

    def wait_for_request(self) -> None:
        assert self.arrived.wait(WAIT_S), "no request arrived"

    def wait_for_end(self, connection: int = 0) -> None:
        """Wait until the script of a connection has run to its end and the connection is closed."""
        with gevent.Timeout(WAIT_S, AssertionError("the connection was not closed")):
            while self.connections <= connection:
                self.connected.clear()
                self.connected.wait()
            self.ended[connection].wait()


@contextmanager
def serving(script: Script, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Run a script for every connection, each in its own greenlet, for the duration of the block."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    greenlets: list[gevent.Greenlet[..., None]] = []
    with socket.socket(family) as listening:
        listening.bind((host, 0))
        listening.listen(128)
        server = RawServer("https" if tls else "http", host, listening.getsockname()[1])
        greenlets.append(gevent.spawn(_accept, listening, server, script, tls, greenlets))
        try:
            yield server
        finally:
            gevent.killall(greenlets)


@contextmanager
def deadline(after: Event | None = None) -> Iterator[None]:
    """End the block soon: from now, or from an event on, however long a busy machine takes until then."""
    begin, close = timer(SOON_S)
    begin() if after is None else after.rawlink(begin)
    try:
        yield
    finally:
        close()


def timer(after_s: float) -> tuple[Callable[..., None], Callable[[], None]]:
    """Return what begins and what closes a timer for this greenlet's deadline. Like gevent's timeouts, it strikes only
    after what has arrived was read."""
    here = gevent.getcurrent()
    own = gevent.get_hub().loop.timer(after_s, ref=False, priority=-1)
    return lambda *_: own.start(here.throw, DeadlineExceeded("too late")), own.close


def _accept(
    listening: socket.socket,
    server: RawServer,
    script: Script,
    tls: ssl.SSLContext | None,
    greenlets: "list[gevent.Greenlet[..., None]]",
) -> None:
    while True:
        sock, _ = listening.accept()
        ended = Event()
        server.ended.append(ended)
        server.connected.set()
        greenlets.append(gevent.spawn(_run, sock, server, script, tls, ended))


def _run(sock: socket.socket, server: RawServer, script: Script, tls: ssl.SSLContext | None, ended: Event) -> None:
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        script(Peer(tls.wrap_socket(sock, server_side=True) if tls else sock, server))
    except OSError:
        pass  # the client closed first, or did not trust us
    finally:
        sock.close()
        ended.set()


def answering(*answers: bytes) -> Script:
    """Answer each request of a connection with the next of these bytes, repeating the last one."""

    def script(peer: Peer) -> None:
        coming = chain(answers, repeat(answers[-1]))
        while peer.request():
            peer.send(next(coming))

    return script


def sending(data: bytes) -> Script:
    """Take one request, send these bytes, and close."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(data)
        peer.close()

    return script


def silent(peer: Peer) -> None:
    """Take one request and send nothing."""
    peer.request()
    peer.wait_for_close()


def answer(body: bytes = b"ok", *headers: str, status: str = "200 OK") -> bytes:
    """Return a whole answer with its length."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(*chunks: bytes) -> bytes:
    """Return a whole answer in chunks."""
    framed = b"".join(b"%x\r\n%s\r\n" % (len(data), data) for data in [*chunks, b""])
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + framed


def mocking(service: Service, *headers: tuple[str, str], bend: Callable[[bytes], bytes] = bytes) -> Script:
    """Answer every request as the mock would, with more headers; `bend` can change the final bytes."""

    def script(peer: Peer) -> None:
        while received := peer.request():
            named = {name.lower(): value for name, value in received.headers}
            said = service.answer(MockRequest(received.method, received.target, named, received.body))
            said.headers.extend(headers)
            head = head_bytes(said, chunked=False, keep_alive=True)
            peer.send(bend(head + b"".join(part.data for part in said.parts)))

    return script
