"""TLS 1.2, negotiated anew by the server. Python's own server can't, so this needs OpenSSL's."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest
from gevent.socket import wait_read
from gevent.subprocess import DEVNULL, PIPE, Popen

from tests.certificates import Certificate, make_certificate, trusting
from tests.raw_server import WAIT_S, RawServer, answer
from wire import connection
from wire.exchange import ConnectionBroken, exchange
from wire.network import NetworkWire

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")

ANEW = b"r\n"
"""What makes `openssl s_server` negotiate anew with its client."""


class Server:
    """OpenSSL's server, which sends what is written to it and prints what it received."""

    def __init__(self, process: Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._said, self._heard = process.stdin, process.stdout
        self.port = int(self.printed(b"ACCEPT").rpartition(b":")[2])

    def printed(self, word: bytes) -> bytes:
        """Wait for a line with this word."""
        with gevent.Timeout(WAIT_S, AssertionError(f"no {word!r} was printed")):
            return next(line for line in self._heard if word in line)

    def write(self, data: bytes) -> None:
        self._said.write(data)


@contextmanager
def serving(certificate: Certificate) -> Iterator[Server]:
    files = ["-cert", str(certificate.path), "-key", str(certificate.key_path)]
    command = ["openssl", "s_server", "-tls1_2", "-accept", "127.0.0.1:0", *files]
    with Popen(command, bufsize=0, stdin=PIPE, stdout=PIPE, stderr=DEVNULL) as process:
        try:
            yield Server(process)
        finally:
            process.kill()


def test_an_idle_connection_on_which_the_server_negotiates_anew_is_not_reused(tmp_path: Path) -> None:
    """Nothing could be sent on it before the server's reply."""
    certificate, wire = make_certificate(tmp_path), NetworkWire()
    with trusting(certificate), serving(certificate) as server:
        assert _ask_of(wire, server) == ("new", b"text")
        server.write(ANEW)
        ((idle,),) = wire._idle.values()
        wait_read(idle._socket.fileno(), WAIT_S)
        assert _ask_of(wire, server) == ("new", b"text")


def test_a_server_that_negotiates_anew_without_end_fails_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it demands in reply, and doesn't read, would fill the memory."""
    certificate = make_certificate(tmp_path)
    with trusting(certificate), serving(certificate) as server:

        def negotiate_anew() -> None:
            server.printed(b"HTTP/1.1")
            monkeypatch.setattr(connection, "MOST_HANDSHAKE_BYTES", 0)
            server.write(ANEW)

        gevent.spawn(negotiate_anew)
        with gevent.Timeout(WAIT_S), pytest.raises(ConnectionBroken, match="a tls handshake of over"):
            _ask(NetworkWire(), server.port)


def _ask_of(wire: NetworkWire, server: Server) -> tuple[str | None, bytes]:
    call = gevent.spawn(_ask, wire, server.port)
    server.printed(b"HTTP/1.1")
    server.write(answer(b"text"))
    return call.get(timeout=WAIT_S)


def _ask(wire: NetworkWire, port: int) -> tuple[str | None, bytes]:
    """Make one call, and return its connection and its answer."""
    with exchange() as seen:
        text = wire.send(RawServer("https", "127.0.0.1", port).request()).read()
    return seen.connection, text
