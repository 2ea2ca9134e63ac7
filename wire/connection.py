"""A connection to an origin: TCP, a proxy's tunnel, TLS, bytes in and out. Every failure is raised as a `WireError`."""

import math
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from struct import unpack

import gevent
import gevent.monkey
from gevent import socket

from wire.exchange import (
    ConnectFailed,
    ConnectionBroken,
    ConnectTimedOut,
    DeadlineExceeded,
    NotHTTP,
    Origin,
    Request,
    now,
)
from wire.failures import OUR_OWN, failure_of, text_of
from wire.http1 import AnswerParser, encode
from wire.polls import polls
from wire.proxy import Proxy, proxy_of
from wire.tls import TLS

RECEIVE_BYTES = 65536
SO_TIMESTAMPNS = 35
"""Linux: with each read, the kernel reports when its last packet arrived, as a wall-clock timespec."""
TIMESPEC_SPACE_BYTES = socket.CMSG_SPACE(16)
READABLE, WRITABLE = 1, 2
MOST_HANDSHAKE_BYTES = 1 << 18
"""More than the longest chain of certificates. A peer that sends on and on is read without a pause for others. Nor has
any connection to reply more to TLS itself: replies that a peer demands and doesn't read would fill the memory."""
MOST_SILENT_READS = 2
"""A peer that sends more than these hold while its connection is idle could go on forever."""

PlainSocket = gevent.monkey.get_original("socket", "socket")
"""The socket class without gevent's patches: it never waits."""

Take = Callable[[bytes, float, float, float | None], None]
"""Called for each read with: the bytes (b"" once the peer has closed); the times at which they were read and at which
the last of them arrived, both readings of `wire.exchange.now`; and the longest time over which they can have arrived.
Where the kernel does not stamp packets, the arrival is the time of the read, and the last argument is `None`."""
Fail = Callable[[ConnectionBroken], None]


class Connection:
    """An open connection. The event loop itself reads it, as soon as something arrives, and writes to it.

    idle_since   when it became idle; only meaningful between requests
    send_error   why the latest request could not be sent in full; an answer may have arrived nevertheless
    """

    def __init__(self, sock: socket.socket, tls: TLS | None) -> None:
        self._socket = PlainSocket(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self._socket.setblocking(False)
        _ask_for_stamps(self._socket)
        self._tls, self._polls = tls, polls()
        loop = gevent.get_hub().loop
        self._readable = loop.io(self._socket.fileno(), READABLE)
        self._writable = loop.io(self._socket.fileno(), WRITABLE)
        self._unsent = memoryview(b"")
        self._replied_bytes = 0
        self._peer_has_gone = False
        self._opened_at = now()
        self._take: Take = _ignore
        self._fail: Fail = _ignore
        self.idle_since = 0.0
        self._left_at = math.inf
        self._latest_at = self._earlier_at = self._unread_since = -math.inf
        self.send_error: ConnectionBroken | None = None

    @property
    def has_sent(self) -> bool:
        """Whether the latest request was handed to the socket in full."""
        return self.send_error is None and not self._unsent

    def listen(self, take: Take, fail: Fail) -> None:
        """Call `take` for each read from now on, and `fail` if the connection breaks; both run in the event loop."""
        self._take, self._fail = take, fail
        self._left_at = math.inf
        self._readable.start(self._read)

    def mute(self) -> None:
        """Stop reading."""
        self._readable.stop()
        self._take = self._fail = _ignore

    def pause(self) -> None:
        """Leave what arrives to the kernel until `resume`."""
        self._readable.stop()

    def resume(self) -> None:
        """Read on, at first what the kernel has."""
        self._left_at = now()
        self._readable.start(self._read)

    def send(self, data: bytes) -> None:
        """Hand the bytes to the socket. Never waits and never raises.

        A server can answer a large request, and stop reading it, before all of it has arrived. So the event loop sends
        what the socket doesn't take at once while we read, and an error is kept until reading has failed too.
        """
        self.send_error = None
        self._unread_since = now()
        self._push(self._tls.encrypt(data) if self._tls else data)

    def _push(self, data: bytes) -> None:
        self._unsent = memoryview(bytes(self._unsent) + data) if self._unsent else memoryview(data)
        self._send_rest()

    def _send_rest(self) -> None:
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            self._writable.start(self._send_rest)
            return
        except OSError as error:
            message = f"could not send the request: {text_of(error)}"
            self.send_error = ConnectionBroken(message, failure_of(error, "send failed"))
            self._unsent = memoryview(b"")
        self._writable.stop()

    def is_alive(self) -> bool:
        """Return whether an idle connection is still open, and silent as it should be. Never waits.

        TLS records that carry no data, such as session tickets, are fine, unless there is no end to them; but while
        the peer negotiates anew (TLS 1.2), nothing can be sent.
        """
        try:
            return self._is_silent() and (self._tls is None or self._tls.shake_hands(None))
        except OSError:
            return False

    def _is_silent(self) -> bool:
        try:
            for _ in range(0 if self._peer_has_gone else MOST_SILENT_READS):
                data = self._socket.recv(RECEIVE_BYTES)
                if self._tls is None or any(True for _ in self._tls.decrypt(data)):
                    return False
            return False
        except BlockingIOError:
            return True

    def close(self) -> None:
        """Close the watchers, then the socket."""
        self._readable.close()
        self._writable.close()
        self._socket.close()

    def read_early(self) -> None:
        """Read what came with the end of the TLS handshake: the socket has nothing more to tell of it."""
        if self._tls is not None:
            try:
                self._take_encrypted(self._tls, None, self._opened_at, self._opened_at, None)
            except OSError as error:
                self._lose(error)

    def _read(self) -> None:
        """Read once, in the event loop; anything left is read in the loop's next round."""
        try:
            data, ancillary, _, _ = self._socket.recvmsg(RECEIVE_BYTES, TIMESPEC_SPACE_BYTES)
            wall_s, read_at = time.time(), now()
            at, spread_s = self._arrival(ancillary, wall_s, read_at)
            self._left_at = read_at if len(data) == RECEIVE_BYTES else math.inf
            if self._tls is None:
                self._take(data, read_at, at, spread_s)
            else:
                self._take_encrypted(self._tls, data, read_at, at, spread_s)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        reason = failure_of(error, "reset")
        self._fail(ConnectionBroken(f"the connection was lost: {text_of(error)}", reason))

    def _take_encrypted(self, tls: TLS, data: bytes | None, read_at: float, at: float, spread_s: float | None) -> None:
        """Take a read, which can hold part of a record or several, and send what TLS itself has to reply."""
        for piece in tls.decrypt(data):
            self._peer_has_gone = not piece
            self._take(piece, read_at, at, spread_s)
        if (reply := tls.outgoing.read()) and self._socket.fileno() >= 0:
            self._replied_bytes += len(reply)
            if self._replied_bytes > MOST_HANDSHAKE_BYTES:
                raise _endless_handshake()
            self._push(reply)

    def _arrival(
        self, ancillary: list[tuple[int, int, bytes]], wall_s: float, read_at: float
    ) -> tuple[float, float | None]:
        """Return when the last packet of a read arrived, and how much earlier the first one can have arrived.

        The kernel stamps by the wall clock; converted to an age, the stamp is carried over to our clock. The wall clock
        is read first, so a delay between the two readings can make the stamp late, never early. The next stamp could
        then be earlier than this one, as after a step of the wall clock: none is earlier than the one before. Whatever
        the polls say, nothing of an answer arrived before the latest request was sent.
        """
        for _, kind, stamp in ancillary:
            if kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = unpack("qq", stamp)
                at = min(read_at, max(self._latest_at, read_at - (wall_s - seconds - nanoseconds * 1e-9)))
                since = self._earlier_at if self._was_left(at) else self._polls.since(at)
                self._unread_since = max(self._unread_since, since)
                self._earlier_at, self._latest_at = self._latest_at, at
                return at, max(0.0, at - self._unread_since)
        return read_at, None

    def _was_left(self, at: float) -> bool:
        """Return whether what arrived at `at` may have been left by the previous read, or by a pause: no other data is
        as late. It came after the last read but one: the kernel can give the rest of a packet the stamp of the next."""
        return self._left_at < math.inf and not self._left_at < self._polls.slept_since <= at


def connect(origin: Origin) -> Connection:
    """Open a connection, TLS included. Raises `ConnectFailed` or, at the call's deadline, `ConnectTimedOut`."""
    try:
        return _open(origin)
    except (DeadlineExceeded, TimeoutError) as error:
        raise ConnectTimedOut(f"no connection to {origin.host}:{origin.port}{_by_way_of(origin)} in time") from error
    except (OSError, UnicodeError) as error:
        message = f"no connection to {origin.host}:{origin.port}{_by_way_of(origin)}: {text_of(error)}"
        raise ConnectFailed(message, failure_of(error, "unreachable")) from error


def _by_way_of(origin: Origin) -> str:
    proxy = proxy_of(origin)
    return f" through the proxy {proxy.host}:{proxy.port}" if proxy else ""


def _open(origin: Origin) -> Connection:
    proxy = proxy_of(origin)
    sock = _proxy_socket(proxy) if proxy else _dialled(origin.host, origin.port)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if origin.scheme != "https":
            return Connection(sock, None)
        if proxy:
            with _reaching(proxy):
                _tunnel(sock, origin, proxy)
        return Connection(sock, _shake_hands(sock, origin.host))
    except BaseException:
        sock.close()
        raise


def _shake_hands(sock: socket.socket, server_name: str) -> TLS:
    tls = TLS(server_name)
    received, received_bytes = None, 0
    try:
        while not tls.shake_hands(received):
            sock.sendall(tls.outgoing.read())
            received = sock.recv(RECEIVE_BYTES)
            received_bytes += len(received)
            if received_bytes > MOST_HANDSHAKE_BYTES:
                raise _endless_handshake()
    except ssl.SSLError:
        with suppress(OSError):  # Whoever spoke no TLS has often gone by now, which explains nothing.
            sock.sendall(tls.outgoing.read())
        raise
    sock.sendall(tls.outgoing.read())
    return tls


def _endless_handshake() -> ssl.SSLError:
    return ssl.SSLError(ssl.SSL_ERROR_SSL, f"a TLS handshake of over {MOST_HANDSHAKE_BYTES >> 10} kB")


def _proxy_socket(proxy: Proxy) -> socket.socket:
    with _reaching(proxy):
        return _dialled(proxy.host, proxy.port)


def _dialled(host: str, port: int) -> socket.socket:
    """Open a TCP connection. A name that can't be one fails before gevent looks it up: it would print a traceback."""
    host.encode("idna")
    return socket.create_connection((host, port))


@contextmanager
def _reaching(proxy: Proxy) -> Iterator[None]:
    """Attribute failures on the way through a proxy to the proxy, unless this machine is their cause."""
    try:
        yield
    except (OSError, UnicodeError) as error:
        failure = failure_of(error, "proxy")
        message = f"no connection to the proxy {proxy.host}:{proxy.port}: {text_of(error)}"
        raise ConnectFailed(message, failure if failure in OUR_OWN else "proxy") from error


def _tunnel(sock: socket.socket, origin: Origin, proxy: Proxy) -> None:
    """Ask the proxy for a tunnel to the origin (CONNECT, RFC 9110 9.3.6)."""
    target = f"[{origin.host}]:{origin.port}" if ":" in origin.host else f"{origin.host}:{origin.port}"
    headers = [("Host", target), *proxy.headers]
    sock.sendall(encode(Request("CONNECT", "http", proxy.host, proxy.port, target, headers, b"")))
    status = _proxy_status(sock)
    if not 200 <= status < 300:
        raise ConnectFailed(f"the proxy refused to connect to {target}: HTTP {status}", "proxy")


def _proxy_status(sock: socket.socket) -> int:
    answer = AnswerParser()
    try:
        while not answer.head_complete:
            if not (data := sock.recv(RECEIVE_BYTES)):
                raise ConnectFailed("the proxy closed the connection", "proxy")
            answer.parse(data)
    except NotHTTP as error:
        raise ConnectFailed("the proxy's answer is not HTTP/1.1", "proxy") from error
    return answer.status


def _ignore(*_: object) -> None:
    """Ignore what arrives while nothing is listening, such as the peer's close after its answer."""


def stamping() -> socket.socket:
    """Return a socket that keeps the kernel stamping while it exists: what arrives on a connection before any socket
    asks for stamps is stamped only when it is read."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    _ask_for_stamps(sock)
    return sock


def _ask_for_stamps(sock: socket.socket) -> None:
    if sys.platform == "linux":
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
