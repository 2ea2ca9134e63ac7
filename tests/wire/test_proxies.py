"""HTTPS_PROXY, HTTP_PROXY and NO_PROXY: the wire takes the route that the environment names."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import gevent
import httpx2
import pytest
from gevent import socket
from gevent.server import StreamServer

from providers.call import Call
from tests.asking import Asker
from tests.certificates import make_certificate, trusting
from tests.mock_server import MockServer, serving
from tests.raw_server import Peer, Script, answer
from tests.raw_server import serving as serving_script
from wire.exchange import ConnectFailed, Origin
from wire.proxy import proxy_of

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies_remembered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    proxy_of.cache_clear()
    yield
    proxy_of.cache_clear()


class ForwardingProxy:
    """A proxy that records the heads it is sent, and passes everything on."""

    def __init__(self, refusal: bytes = b"") -> None:
        self.heads: list[str] = []
        self._refusal = refusal

    def handle(self, client: socket.socket, _: object) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        self.heads.append(head.decode("latin-1"))
        if self._refusal:
            client.sendall(self._refusal)
            return
        method, target, _version = head.split(b"\r\n", 1)[0].decode().split()
        address = target if method == "CONNECT" else target.split("/")[2]
        host, port = address.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as origin:
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                origin.sendall(head.replace(f"http://{address}".encode(), b"", 1))
            gevent.joinall([gevent.spawn(pump, client, origin), gevent.spawn(pump, origin, client)], count=1)


def pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)


@contextmanager
def proxying(proxy: ForwardingProxy) -> Iterator[str]:
    server = StreamServer(("127.0.0.1", 0), proxy.handle)
    server.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.stop()


def test_http_goes_to_the_proxy_with_its_whole_address(
    mock_server: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = ForwardingProxy()
    with proxying(proxy) as address:
        monkeypatch.setenv("HTTP_PROXY", f"http://user:pass%21@{address}")
        assert Asker("openai", mock_server.url).ask().error is None
    assert len(proxy.heads) == 1
    assert proxy.heads[0].startswith(f"POST {mock_server.url}/chat/completions HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic dXNlcjpwYXNzIQ==\r\n" in proxy.heads[0]
    assert mock_server.stats()["connections"] == 1


def test_https_goes_through_a_tunnel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = ForwardingProxy()
    certificate = make_certificate(tmp_path)
    with trusting(certificate), proxying(proxy) as address:
        options = ("--tls-cert", str(certificate.path), "--tls-key", str(certificate.key_path))
        with serving("--latency", "0", *options) as server:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
            call = Asker("anthropic", server.url, stream=True).ask()
    assert call.outcome == "ok", call.error
    assert proxy.heads[0].startswith("CONNECT 127.0.0.1:")


@pytest.mark.parametrize("listed", ["example.org,127.0.0.1", "*.example.org, 127.0.0.0/8", "*"])
def test_no_proxy_bypasses_it(mock_server: MockServer, monkeypatch: pytest.MonkeyPatch, listed: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", listed)
    assert Asker("openai", mock_server.url).ask().outcome == "ok"


@pytest.mark.parametrize(
    ("listed", "host", "is_direct"),
    [
        ("*.example.org", "API.example.org", True),
        ("*.example.org", "example.org", False),
        ("*.example.org", "badexample.org", False),
        ("[::1]", "::1", True),
        ("fd00::/8", "fd00::7", True),
        ("10.0.0.0/8", "10.200.0.1", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.0/8", "api.example.org", False),
        ("10.0.0.0/99,,no network/8", "10.0.0.1", False),
    ],
)
def test_no_proxy_names_what_it_names_to_the_sdks(
    monkeypatch: pytest.MonkeyPatch, listed: str, host: str, is_direct: bool
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", listed)
    assert (proxy_of(Origin("http", host, 80)) is None) == is_direct
    with httpx2.Client() as client:
        route = client._transport_for_url(httpx2.URL(scheme="http", host=host))
    assert (route is client._transport) == is_direct


def test_a_proxy_that_refuses_is_named_as_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = ForwardingProxy(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    with proxying(proxy) as address:
        monkeypatch.setenv("HTTPS_PROXY", address)
        call = Asker("openai", "https://api.example.org/v1").ask()
    assert call.outcome == "failed"
    assert "the proxy refused to connect to api.example.org:443: HTTP 407" in (call.error or "")


BROKEN_TUNNELS: dict[str, tuple[bytes, Script]] = {
    "it resets": (b"", Peer.reset),
    "it closes": (b"", Peer.close),
    "it resets within its answer": (b"HTTP/1.1 200 OK\r\nX-A: ", Peer.reset),
    "it closes within its answer": (b"HTTP/1.1 200 OK\r\nX-A: ", Peer.close),
    "it talks garbage": (b"SSH-2.0-OpenSSH_9\r\n", Peer.wait_for_close),
    "it ends no header": (b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * (1 << 21), Peer.wait_for_close),
    "it can't reach the origin": (answer(b"no", status="502 Bad Gateway"), Peer.wait_for_close),
}


@pytest.mark.parametrize(("said", "end"), BROKEN_TUNNELS.values(), ids=BROKEN_TUNNELS)
def test_a_failure_before_the_tunnel_is_open_is_the_proxys(
    said: bytes, end: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = asked_through(said, end, monkeypatch)
    assert (call.outcome, call.error_reason, call.status) == ("failed", "proxy", None)
    assert "proxy" in (call.error or "")


def test_a_silent_proxy_is_named_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    call = asked_through(b"", Peer.wait_for_close, monkeypatch, timeout_s=0.2)
    assert (call.outcome, call.error_reason) == ("failed", "timed out at connect")
    assert "no connection to api.example.org:443 through the proxy 127.0.0.1:" in (call.error or "")


def asked_through(said: bytes, end: Script, monkeypatch: pytest.MonkeyPatch, timeout_s: float = 10) -> Call:
    """Make a call through a proxy that answers and then closes like this."""

    def script(peer: Peer) -> None:
        peer.head()
        peer.send(said)
        end(peer)

    with serving_script(script) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        return Asker("openai", "https://api.example.org/v1", timeout_s=timeout_s).ask()


@pytest.mark.parametrize(("end", "reason"), [(Peer.reset, "reset"), (Peer.close, "closed early")])
def test_a_failure_behind_the_tunnel_is_the_origins(end: Script, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    call = asked_through(b"HTTP/1.1 200 OK\r\n\r\n", end, monkeypatch)
    assert (call.outcome, call.error_reason) == ("failed", reason)
    assert "no connection to api.example.org:443 through the proxy 127.0.0.1:" in (call.error or "")


def test_too_many_open_files_are_our_own_failure_with_any_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setenv("HTTPS_PROXY", "127.0.0.1:9")
    monkeypatch.setattr("gevent.socket.create_connection", refuse)
    assert Asker("openai", "https://api.example.org/v1").ask().error_reason == "too many open files"


@pytest.mark.parametrize(
    "proxy",
    [
        "socks5://127.0.0.1:1080",
        "https://user:secret@127.0.0.1:3128",
        "http://u:secret@host:port",
        "host:70000",
        "[::1",
    ],
)
def test_a_proxy_of_another_kind_is_refused_in_one_clear_line(
    proxy: str, mock_server: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    call = Asker("openai", mock_server.url).ask()
    assert "the proxy in HTTP_PROXY must be http://host:port" in (call.error or "")
    assert "secret" not in (call.error or "")
    assert mock_server.stats()["requests"] == 0


@pytest.mark.parametrize("url", ["http://me:secret/1@127.0.0.1:9", "http://127.0.0.1:word", "http://[::1"])
def test_an_unreadable_proxy_is_refused_without_its_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", url)
    with pytest.raises(ConnectFailed) as refused:
        proxy_of(Origin("http", "tests.example", 80))
    assert str(refused.value) == "the proxy in HTTP_PROXY must be http://host:port"
