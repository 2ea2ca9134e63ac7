"""A connection to an origin: TCP, TLS, bytes in and out. Every failure is a `WireError`."""

import ssl
from functools import cache

from gevent import socket

from wire.exchange import ConnectFailed, ConnectionBroken, ConnectTimedOut, DeadlineExceeded, Origin, now

RECEIVE_BYTES = 65536


@cache
def tls_context() -> ssl.SSLContext:
    """Return the process's one TLS context: the system's trust, or that of SSL_CERT_FILE and SSL_CERT_DIR.

    Building one costs about 40 ms and 0.8 MB, so all connections share it.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connection:
    """An open connection. `idle_since` is set while it waits for its next request."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.idle_since = 0.0

    def send(self, data: bytes) -> None:
        """Hand all bytes to the socket."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise ConnectionBroken(f"could not send the request: {_reason(error)}") from error

    def receive(self) -> tuple[bytes, float]:
        """Return the next bytes (b"" once the peer closed) and when they left the socket."""
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except OSError as error:
            raise ConnectionBroken(f"the connection was lost: {_reason(error)}") from error
        return data, now()

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
        return Connection(_open(origin))
    except DeadlineExceeded as error:
        raise ConnectTimedOut(f"no connection to {origin.host}:{origin.port} in time") from error
    except (OSError, UnicodeError) as error:
        raise ConnectFailed(f"no connection to {origin.host}:{origin.port}: {_reason(error)}") from error


def _open(origin: Origin) -> socket.socket:
    sock = socket.create_connection((origin.host, origin.port))
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return tls_context().wrap_socket(sock, server_hostname=origin.host) if origin.scheme == "https" else sock
    except BaseException:
        sock.close()
        raise


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
