"""A connection to an origin: TCP, a proxy's tunnel, TLS, bytes in and out. Every failure is a `WireError`."""

import ssl
import sys
import time
from functools import cache
from struct import unpack
from typing import NamedTuple

import gevent
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
from wire.failures import failure_of, text_of
from wire.http1 import AnswerParser, encode
from wire.proxy import Proxy, proxy_of

RECEIVE_BYTES = 65536
SEND_BYTES = 65536
SO_TIMESTAMPNS = 35
"""Linux: the kernel tells, with each read, when the last packet in it arrived, as a timespec of the wall clock."""
TIMESPEC_SPACE_BYTES = socket.CMSG_SPACE(16)


class Received(NamedTuple):
    """What one read brought: `data` (b"" once the peer closed), when it arrived, and how long it had waited for us.

    `at` is a reading of `wire.exchange.now`; `lag_s` is `None` where the kernel does not stamp, and `at` then the
    moment of the read itself.
    """

    data: bytes
    at: float
    lag_s: float | None


@cache
def tls_context() -> ssl.SSLContext:
    """Return the process's one TLS context: the system's trust, or that of SSL_CERT_FILE and SSL_CERT_DIR.

    Building one costs about 40 ms and 0.8 MB, so all connections share it.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connection:
    """An open connection.

    idle_since   set while it waits for its next request
    send_error   why the latest request could not be sent whole; an answer may have arrived all the same
    """

    def __init__(self, sock: socket.socket, stamped: bool) -> None:
        self._socket = sock
        self._stamped = stamped
        self._sender: gevent.Greenlet[..., None] | None = None
        self.idle_since = 0.0
        self.send_error: ConnectionBroken | None = None

    @property
    def has_sent(self) -> bool:
        """Tell whether the latest request was handed to the socket whole."""
        return self.send_error is None and (self._sender is None or self._sender.ready())

    def send(self, data: bytes) -> None:
        """Hand the bytes to the socket. Never waits, and never fails.

        A server may answer a large request, and stop reading, before it has all of it. So what the socket doesn't take
        at once is sent by a greenlet while we read, and an error is kept in `send_error` until reading has failed too.
        """
        self._sender = None
        rest = memoryview(data)
        try:
            rest = rest[self._send_now(rest) :]
        except OSError as error:
            self._fail_to_send(error)
            return
        if rest:
            self._sender = gevent.spawn(self._send_rest, rest)

    def _send_now(self, data: memoryview) -> int:
        """Send what the socket takes without waiting, and return how much that was.

        TLS takes a block whole or not at all, and a block that was refused must come again: as the rest's beginning.
        """
        sent = 0
        self._socket.settimeout(0.0)
        try:
            while sent < len(data) and (taken := self._socket.send(data[sent : sent + SEND_BYTES])):
                sent += taken
        except BlockingIOError:
            pass
        finally:
            self._socket.settimeout(None)
        return sent

    def _send_rest(self, data: memoryview) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            self._fail_to_send(error)

    def _fail_to_send(self, error: OSError) -> None:
        message = f"could not send the request: {text_of(error)}"
        self.send_error = ConnectionBroken(message, failure_of(error, "send failed"))

    def receive(self) -> Received:
        """Return the next bytes."""
        try:
            if self._stamped:
                return _stamped(*self._socket.recvmsg(RECEIVE_BYTES, TIMESPEC_SPACE_BYTES)[:2])
            return Received(self._socket.recv(RECEIVE_BYTES), now(), None)
        except OSError as error:
            raise ConnectionBroken(f"the connection was lost: {text_of(error)}", failure_of(error, "reset")) from error

    def is_alive(self) -> bool:
        """Tell whether an idle connection is still open, and silent as it should be. Never waits."""
        self._socket.settimeout(0.0)
        try:
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        finally:
            self._socket.settimeout(None)
        return False

    def close(self) -> None:
        self._socket.close()


def connect(origin: Origin) -> Connection:
    """Open a connection, TLS included. Raises `ConnectFailed` or, at the call's deadline, `ConnectTimedOut`."""
    try:
        return _open(origin)
    except (DeadlineExceeded, TimeoutError) as error:
        raise ConnectTimedOut(f"no connection to {origin.host}:{origin.port} in time") from error
    except (OSError, UnicodeError) as error:
        message = f"no connection to {origin.host}:{origin.port}: {text_of(error)}"
        raise ConnectFailed(message, failure_of(error, "unreachable")) from error


def _open(origin: Origin) -> Connection:
    proxy = proxy_of(origin)
    sock = _proxy_socket(proxy) if proxy else socket.create_connection((origin.host, origin.port))
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if origin.scheme == "https":
            if proxy:
                _tunnel(sock, origin, proxy)
            sock = tls_context().wrap_socket(sock, server_hostname=origin.host, do_handshake_on_connect=False)
            sock.do_handshake()
            return Connection(sock, stamped=False)
        return Connection(sock, stamped=_ask_for_stamps(sock))
    except BaseException:
        sock.close()
        raise


def _proxy_socket(proxy: Proxy) -> socket.socket:
    try:
        return socket.create_connection((proxy.host, proxy.port))
    except (OSError, UnicodeError) as error:
        message = f"no connection to the proxy {proxy.host}:{proxy.port}: {text_of(error)}"
        raise ConnectFailed(message, "proxy") from error


def _tunnel(sock: socket.socket, origin: Origin, proxy: Proxy) -> None:
    """Ask the proxy for a way through to the origin (CONNECT, RFC 9110 9.3.6)."""
    target = f"[{origin.host}]:{origin.port}" if ":" in origin.host else f"{origin.host}:{origin.port}"
    headers = [("Host", target), *proxy.headers]
    sock.sendall(encode(Request("CONNECT", "http", proxy.host, proxy.port, target, headers, b"")))
    status = _proxy_status(sock)
    if not 200 <= status < 300:
        raise ConnectFailed(f"the proxy refuses a way to {target}: HTTP {status}", "proxy")


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


def _ask_for_stamps(sock: socket.socket) -> bool:
    if sys.platform != "linux":
        return False
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return True


def _stamped(data: bytes, ancillary: list[tuple[int, int, bytes]]) -> Received:
    """Read the kernel's wall-clock stamp as an age, so that it counts on our clock.

    The wall clock is read first: what happens between the two readings can make the stamp late, never early.
    """
    wall_s, at = time.time(), now()
    for _, kind, stamp in ancillary:
        if kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = unpack("qq", stamp)
            lag_s = max(0.0, wall_s - seconds - nanoseconds * 1e-9)
            return Received(data, at - lag_s, lag_s)
    return Received(data, at, None)
