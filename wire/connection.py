"""A connection to an origin: TCP, a proxy's tunnel, TLS, bytes in and out. Every failure is a `WireError`."""

import sys
import time
from collections.abc import Callable
from struct import unpack

import gevent
import gevent.monkey
from gevent import socket

from wire.exchange import ConnectFailed, ConnectionBroken, ConnectTimedOut, DeadlineExceeded, Origin, Request, now
from wire.http1 import AnswerParser, encode
from wire.polls import polls
from wire.proxy import Proxy, proxy_of
from wire.tls import TLS

RECEIVE_BYTES = 65536
SO_TIMESTAMPNS = 35
"""Linux: the kernel reports, with each read, when the last packet in it arrived, as a timespec of the wall clock."""
TIMESPEC_SPACE_BYTES = socket.CMSG_SPACE(16)
READABLE, WRITABLE = 1, 2

PlainSocket = gevent.monkey.get_original("socket", "socket")
"""A socket without gevent: it never waits."""

Take = Callable[[bytes, float, float | None], None]
"""Takes what one read brought: the bytes (b"" once the peer has closed), when their last packet arrived, a reading of
`wire.exchange.now`, and how long the first may have waited for us. The wait is `None` where the kernel does not stamp,
and the arrival is then the read itself."""
Fail = Callable[[ConnectionBroken], None]


class Connection:
    """An open connection. It is read by the event loop itself, as soon as something has arrived.

    `idle_since` is set while it waits for its next request.
    """

    def __init__(self, sock: socket.socket, tls: TLS | None) -> None:
        self._socket = PlainSocket(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self._socket.setblocking(False)
        self._tls = tls
        self._stamped = _ask_for_stamps(self._socket)
        self._polls = polls()
        loop = gevent.get_hub().loop
        self._readable = loop.io(self._socket.fileno(), READABLE)
        self._writable = loop.io(self._socket.fileno(), WRITABLE)
        self._unsent = memoryview(b"")
        self.idle_since = 0.0

    def listen(self, take: Take, fail: Fail) -> None:
        """Call `take` for each read from now on, and `fail` if the connection breaks; both in the event loop."""
        self._take, self._fail = take, fail
        self._readable.start(self._read)

    def mute(self) -> None:
        """Read no more."""
        self._readable.stop()
        del self._take, self._fail

    def send(self, data: bytes) -> bool:
        """Hand bytes to the socket; False if it could not take them all. Raises `ConnectionBroken`."""
        self._unsent = memoryview(self._tls.encrypt(data) if self._tls else data)
        return self.send_rest()

    def send_rest(self) -> bool:
        """Hand on what is left."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            return False
        except OSError as error:
            raise ConnectionBroken(f"could not send the request: {_reason(error)}") from error
        return True

    def when_writable(self, wake: Callable[[], None]) -> None:
        """Call `wake` once, in the event loop, when the socket takes more."""

        def woken() -> None:
            self._writable.stop()
            wake()

        self._writable.start(woken)

    def is_alive(self) -> bool:
        """Tell whether an idle connection is still open, and silent as it should be. Never waits."""
        try:
            while True:
                data = self._socket.recv(RECEIVE_BYTES)
                if self._tls is None or any(True for _ in self._tls.decrypt(data)):
                    return False
        except BlockingIOError:
            return True
        except OSError:
            return False

    def close(self) -> None:
        """Close the connection, its watchers first."""
        self._readable.close()
        self._writable.close()
        self._socket.close()

    def _read(self) -> None:
        """Read once, in the event loop: what else there is comes in the next round."""
        try:
            data, ancillary, _, _ = self._socket.recvmsg(RECEIVE_BYTES, TIMESPEC_SPACE_BYTES)
            at, lag_s = self._arrival(ancillary)
            for piece in (data,) if self._tls is None else self._tls.decrypt(data):
                self._take(piece, at, lag_s)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(ConnectionBroken(f"the connection was lost: {_reason(error)}"))

    def _arrival(self, ancillary: list[tuple[int, int, bytes]]) -> tuple[float, float | None]:
        """Return when the last packet of a read arrived, and how long the first may have waited.

        The kernel's stamp is of the wall clock: read as an age, it counts on our clock. The wall clock is read first:
        what happens between the two readings can make the stamp late, never early.
        """
        wall_s, read_at = time.time(), now()
        for _, kind, stamp in ancillary:
            if kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = unpack("qq", stamp)
                at = min(read_at, read_at - (wall_s - seconds - nanoseconds * 1e-9))
                return at, max(read_at - at, read_at - self._polls.unread_since)
        return read_at, None


def connect(origin: Origin) -> Connection:
    """Open a connection, TLS included. Raises `ConnectFailed` or, at the call's deadline, `ConnectTimedOut`."""
    try:
        return _open(origin)
    except DeadlineExceeded as error:
        raise ConnectTimedOut(f"no connection to {origin.host}:{origin.port} in time") from error
    except (OSError, UnicodeError) as error:
        raise ConnectFailed(f"no connection to {origin.host}:{origin.port}: {_reason(error)}") from error


def _open(origin: Origin) -> Connection:
    proxy = proxy_of(origin)
    sock = socket.create_connection((proxy.host, proxy.port) if proxy else (origin.host, origin.port))
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if origin.scheme != "https":
            return Connection(sock, None)
        if proxy:
            _tunnel(sock, origin, proxy)
        return Connection(sock, _shake_hands(sock, origin.host))
    except BaseException:
        sock.close()
        raise


def _shake_hands(sock: socket.socket, server_name: str) -> TLS:
    tls = TLS(server_name)
    received = None
    try:
        while not tls.shake_hands(received):
            sock.sendall(tls.outgoing.read())
            received = sock.recv(RECEIVE_BYTES)
    finally:
        if alert := tls.outgoing.read():
            sock.sendall(alert)
    return tls


def _tunnel(sock: socket.socket, origin: Origin, proxy: Proxy) -> None:
    """Ask the proxy for a way through to the origin (CONNECT, RFC 9110 9.3.6)."""
    target = f"[{origin.host}]:{origin.port}" if ":" in origin.host else f"{origin.host}:{origin.port}"
    headers = [("Host", target), *proxy.headers]
    sock.sendall(encode(Request("CONNECT", "http", proxy.host, proxy.port, target, headers, b"")))
    answer = AnswerParser()
    while not answer.head_complete:
        data = sock.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectFailed("the proxy closed the connection")
        answer.parse(data)
    if not 200 <= answer.status < 300:
        raise ConnectFailed(f"the proxy refuses a way to {target}: HTTP {answer.status}")


def _ask_for_stamps(sock: socket.socket) -> bool:
    if sys.platform != "linux":
        return False
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return True


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
