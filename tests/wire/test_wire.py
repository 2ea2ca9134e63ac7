"""The wire over real sockets: whatever a peer does, one call is one request, timed and counted as it arrived."""

import os
import resource
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import socket
from gevent.event import Event

from tests.certificates import Certificate, make_certificate, trusting
from tests.raw_server import (
    SOON_S,
    WAIT_S,
    Peer,
    RawServer,
    Script,
    answer,
    answering,
    chunked,
    deadline,
    sending,
    serving,
    silent,
)
from wire import network
from wire.connection import RECEIVE_BYTES, Connection, connect
from wire.exchange import (
    KEPT_BYTES,
    LOGGED_BYTES,
    ConnectFailed,
    ConnectionBroken,
    ConnectTimedOut,
    DeadlineExceeded,
    Exchange,
    NotHTTP,
    Origin,
    Request,
    SecondRequest,
    current,
    exchange,
    now,
)
from wire.http1 import AnswerParser, encode
from wire.network import NetworkReply, NetworkWire
from wire.tls import TLS, tls_context

NEVER_S = 3600.0
Serve = Callable[..., RawServer]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a busy machine from making an idle connection too old, or the rest of an answer too late."""
    monkeypatch.setattr(network, "IDLE_S", NEVER_S)
    monkeypatch.setattr(network, "LINGER_S", WAIT_S)


HELLO_REQUESTS = b"\x16\x03\x03\x40\0" + b"\0\0\0\0" * 4096
"""16 kB of TLS that asks for a handshake, again and again."""


@pytest.fixture
def wire() -> Iterator[NetworkWire]:
    wire = NetworkWire()
    yield wire
    wire.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers that stop with the test."""
    with ExitStack() as servers:
        yield lambda script, **options: servers.enter_context(serving(script, **options))


@pytest.fixture
def certificate(tmp_path: Path) -> Iterator[Certificate]:
    """A certificate that the wire trusts."""
    made = make_certificate(tmp_path)
    with trusting(made):
        yield made


def pieces(reply: NetworkReply) -> list[bytes]:
    return list(iter(reply.read, b""))


def ask(wire: NetworkWire, server: RawServer, request: Request | None = None) -> Exchange:
    """Make one call, read its answer to the end, and return what was seen of it."""
    with exchange(keep_body=True) as seen:
        pieces(wire.send(request or server.request()))
    return seen


def fail(wire: NetworkWire, server: RawServer, error: type[BaseException]) -> Exchange:
    """Make one call that must end in this error, and return what was seen of it."""
    with exchange(keep_body=True) as seen, pytest.raises(error) as caught:
        pieces(wire.send(server.request()))
    assert caught.type is error
    return seen


# Connections, kept and closed


def test_two_requests_share_one_connection(wire: NetworkWire, serve: Serve) -> None:
    server = serve(answering(answer()))
    assert [ask(wire, server).connection for _ in range(2)] == ["new", "reused"]
    assert (server.connections, len(server.requests)) == (1, 2)


def test_only_a_new_connection_has_a_connect_time(wire: NetworkWire, serve: Serve) -> None:
    server = serve(answering(answer()))
    first, second = ask(wire, server), ask(wire, server)
    assert first.connect_s is not None
    assert first.connect_s > 0
    assert second.connect_s is None


def test_concurrent_calls_have_separate_connections(wire: NetworkWire, serve: Serve) -> None:
    everyone = Event()

    def script(peer: Peer) -> None:
        while peer.request():
            if len(server.requests) == 3:
                everyone.set()
            everyone.wait(WAIT_S)
            peer.send(answer())

    server = serve(script)
    calls = [gevent.spawn(ask, wire, server) for _ in range(3)]
    seen = [call.get(timeout=WAIT_S) for call in calls]
    assert [one.connection for one in seen] == ["new"] * 3
    assert server.connections == 3
    assert ask(wire, server).connection == "reused"


def test_origins_do_not_share_connections(wire: NetworkWire, serve: Serve) -> None:
    one, other = serve(answering(answer(b"one"))), serve(answering(answer(b"other")))
    assert [bytes(ask(wire, server).body) for server in (one, other, one)] == [b"one", b"other", b"one"]
    assert (one.connections, other.connections) == (1, 1)


def test_a_connection_idle_for_too_long_is_not_reused(
    wire: NetworkWire, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(answering(answer()))
    ask(wire, server)
    monkeypatch.setattr(network, "IDLE_S", 0.0)
    assert ask(wire, server).connection == "new"
    server.wait_for_end(0)
    assert server.connections == 2


def test_a_connection_that_the_server_closed_meanwhile_is_not_reused(wire: NetworkWire, serve: Serve) -> None:
    server = serve(sending(answer()))
    ask(wire, server)
    server.wait_for_end(0)
    assert ask(wire, server).connection == "new"
    assert len(server.requests) == 2


def test_a_connection_that_the_server_reset_meanwhile_is_not_reused(wire: NetworkWire, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer())
        answered.wait(WAIT_S)
        peer.reset()

    answered, server = Event(), serve(script)
    ask(wire, server)
    answered.set()
    server.wait_for_end(0)
    assert ask(wire, server).connection == "new"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux stamps what arrives")
def test_an_answer_that_came_before_its_request_is_refused(
    wire: NetworkWire, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise each later call on the connection could get the answer to the one before it.

    The kernel begins to stamp some time after it was asked to: until then such an answer can't be told from others.
    """

    def script(peer: Peer) -> None:
        peer.send(answer(b"unasked"))
        answered.set()
        peer.request()
        peer.wait_for_close()

    def late(origin: Origin) -> Connection:
        connection = connect(origin)
        assert answered.wait(WAIT_S)
        gevent.sleep(0.01)
        return connection

    answered, server = Event(), serve(script)
    monkeypatch.setattr(network, "connect", late)
    for _ in range(100):
        with suppress(NotHTTP), exchange():
            wire.send(server.request()).close()
            continue
        break
    else:
        pytest.fail("the answer was taken")
    server.wait_for_end(server.connections - 1)


@pytest.mark.parametrize(
    "answer_bytes",
    [
        pytest.param(answer(b"ok", "Connection: close"), id="connection-close"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", id="http-1.0"),
        pytest.param(answer() + b"more", id="surplus-bytes"),
        pytest.param(answer() + answer(b"surprise"), id="surplus-answer"),
        pytest.param(chunked(b"ok") + b"more", id="surplus-after-chunks"),
        pytest.param(answer() + b"\r\n", id="surplus-empty-line"),
        pytest.param(chunked(b"ok") + b"\r\n", id="surplus-empty-line-after-chunks"),
    ],
)
def test_a_connection_is_not_reused_after_an_answer_that_forbids_it(
    wire: NetworkWire, serve: Serve, answer_bytes: bytes
) -> None:
    server = serve(answering(answer_bytes))
    seen = [ask(wire, server) for _ in range(2)]
    assert [bytes(one.body) for one in seen] == [b"ok", b"ok"]
    assert [one.connection for one in seen] == ["new", "new"]
    server.wait_for_end(0)


def test_an_http_1_0_answer_that_says_keep_alive_keeps_the_connection(wire: NetworkWire, serve: Serve) -> None:
    server = serve(answering(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"))
    assert [ask(wire, server).connection for _ in range(2)] == ["new", "reused"]


def test_late_surplus_bytes_make_the_connection_unfit(wire: NetworkWire, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer())
        read.wait(WAIT_S)
        peer.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        sent.set()
        peer.wait_for_close()

    read, sent, server = Event(), Event(), serve(script)
    ask(wire, server)
    read.set()
    assert sent.wait(WAIT_S)
    assert ask(wire, server).connection == "new"
    server.wait_for_end(0)


def test_a_surplus_answer_does_not_change_the_first_ones_status_and_headers(wire: NetworkWire, serve: Serve) -> None:
    surplus = answer(b"late", "X-From: second", status="408 Request Timeout")
    server = serve(answering(answer(b"ok", "X-From: first") + surplus))
    seen = ask(wire, server)
    assert (seen.status, bytes(seen.body), seen.body_bytes) == (200, b"ok", 2)
    assert [value for name, value in seen.headers if name == "X-From"] == ["first"]


@pytest.mark.parametrize("surplus", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
def test_a_surplus_interim_answer_does_not_undo_the_answer(wire: NetworkWire, serve: Serve, surplus: bytes) -> None:
    server = serve(sending(answer() + surplus))
    seen = ask(wire, server)
    assert (seen.status, bytes(seen.body), seen.complete) == (200, b"ok", True)


def test_closing_the_wire_closes_its_idle_connections(wire: NetworkWire, serve: Serve) -> None:
    server = serve(answering(answer()))
    ask(wire, server)
    wire.close()
    server.wait_for_end(0)
    assert ask(wire, server).connection == "new"


# Answers that break off


def closing(peer: Peer) -> None:
    peer.request()
    peer.close()


def resetting(peer: Peer) -> None:
    peer.request()
    peer.reset()


@pytest.mark.parametrize("script", [closing, resetting])
def test_a_connection_lost_before_the_head_is_broken(wire: NetworkWire, serve: Serve, script: Script) -> None:
    server = serve(script)
    seen = fail(wire, server, ConnectionBroken)
    assert (seen.requests, seen.status, seen.body_bytes, seen.complete) == (1, None, None, False)
    assert seen.sent_at is not None
    assert len(server.requests) == 1


@pytest.mark.parametrize("script", [closing, resetting])
def test_a_reused_connection_lost_before_the_head_is_not_retried(
    wire: NetworkWire, serve: Serve, script: Script
) -> None:
    def answering_once(peer: Peer) -> None:
        peer.request()
        peer.send(answer())
        script(peer)

    server = serve(answering_once)
    ask(wire, server)
    assert fail(wire, server, ConnectionBroken).connection == "reused"
    assert (server.connections, len(server.requests)) == (1, 2)
    assert ask(wire, server).connection == "new"


def test_a_head_that_breaks_off_is_broken(wire: NetworkWire, serve: Serve) -> None:
    seen = fail(wire, serve(sending(b"HTTP/1.1 200 OK\r\nContent-Le")), ConnectionBroken)
    assert seen.status is None


@pytest.mark.parametrize(
    "half",
    [
        pytest.param(answer(b"four")[:-2], id="content-length"),
        pytest.param(chunked(b"fo", b"ur")[: -len(b"2\r\nur\r\n0\r\n\r\n")], id="between-chunks"),
        pytest.param(chunked(b"fo")[: -len(b"0\r\n\r\n")], id="without-the-last-chunk"),
        pytest.param(chunked(b"fo")[:-2], id="in-the-last-chunk"),
    ],
)
def test_a_cut_body_is_broken_and_its_bytes_are_counted(wire: NetworkWire, serve: Serve, half: bytes) -> None:
    seen = fail(wire, serve(sending(half)), ConnectionBroken)
    assert (seen.status, bytes(seen.body), seen.body_bytes, seen.complete) == (200, b"fo", 2, False)


def test_a_reset_within_the_body_is_broken(wire: NetworkWire, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer(b"four")[:-2])
        half_read.wait(WAIT_S)
        peer.reset()

    half_read, server = Event(), serve(script)
    with exchange() as seen:
        reply = wire.send(server.request())
        assert reply.read() == b"fo"
        half_read.set()
        with pytest.raises(ConnectionBroken, match="reset"):
            reply.read()
    assert (seen.body_bytes, seen.complete) == (2, False)


@pytest.mark.parametrize(
    "garbage", [b"<html>hello</html>\r\n\r\n", b"SSH-2.0-OpenSSH_9\r\n", b"\x15\x03\x01\x00\x02\x02\x46"]
)
def test_bytes_that_are_not_an_http_answer_are_refused(wire: NetworkWire, serve: Serve, garbage: bytes) -> None:
    server = serve(sending(garbage))
    assert fail(wire, server, NotHTTP).status is None
    server.wait_for_end(0)


def test_a_bad_chunk_length_is_refused_after_what_was_good(wire: NetworkWire, serve: Serve) -> None:
    server = serve(sending(chunked(b"ok")[: -len(b"0\r\n\r\n")] + b"what?\r\n"))
    seen = fail(wire, server, NotHTTP)
    assert (bytes(seen.body), seen.complete) == (b"ok", False)
    assert seen.sent_at is not None
    assert seen.head_at is not None
    assert seen.head_at >= seen.sent_at


def test_a_refused_connection_has_failed_and_sent_nothing(wire: NetworkWire, serve: Serve) -> None:
    with serving(silent) as server:
        pass
    seen = fail(wire, server, ConnectFailed)
    assert (seen.requests, seen.connection, seen.sent_at, seen.connect_s, seen.status) == (1, None, None, None, None)


def test_an_unknown_host_is_a_failed_connect(wire: NetworkWire, serve: Serve) -> None:
    server = serve(silent)
    with exchange(), pytest.raises(ConnectFailed, match=r"nowhere\.invalid"):
        wire.send(server.request(host="nowhere.invalid"))


# Answers of every shape


@pytest.mark.parametrize("interim", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_interim_answers_are_skipped(wire: NetworkWire, serve: Serve, interim: str) -> None:
    before = f"HTTP/1.1 {interim}\r\nLink: </style.css>\r\n\r\n".encode()
    server = serve(answering(before + before + answer(b"ok", "X-Final: yes")))
    seen = [ask(wire, server) for _ in range(2)]
    assert [(one.status, bytes(one.body), one.connection) for one in seen] == [
        (200, b"ok", "new"),
        (200, b"ok", "reused"),
    ]
    assert seen[0].headers == [("X-Final", "yes"), ("Content-Length", "2")]


def test_an_interim_answer_alone_is_not_an_answer(wire: NetworkWire, serve: Serve) -> None:
    server = serve(sending(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"))
    assert fail(wire, server, ConnectionBroken).status is None


def test_a_body_without_a_length_ends_with_the_connection(wire: NetworkWire, serve: Serve) -> None:
    server = serve(sending(b"HTTP/1.1 200 OK\r\n\r\nas long as it is"))
    seen = [ask(wire, server) for _ in range(2)]
    assert [bytes(one.body) for one in seen] == [b"as long as it is"] * 2
    assert all(one.complete for one in seen)
    assert server.connections == 2


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified"])
def test_an_empty_answer_ends_with_its_head(wire: NetworkWire, serve: Serve, status: str) -> None:
    length = "Content-Length: 0\r\n" if status == "200 OK" else ""
    server = serve(answering(f"HTTP/1.1 {status}\r\n{length}\r\n".encode()))
    seen = [ask(wire, server) for _ in range(2)][-1]
    assert (seen.body_bytes, seen.first_byte_at, seen.complete) == (0, None, True)
    assert seen.sent_at is not None
    assert seen.last_byte_at is not None
    assert seen.sent_at <= seen.last_byte_at
    assert server.connections == 1


@pytest.mark.parametrize(
    "whole",
    [
        pytest.param(answer(b"hello", "X-Long-Name: a long value"), id="content-length"),
        pytest.param(chunked(b"he", b"llo"), id="chunked"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(b"hello"), id="interim"),
    ],
)
def test_an_answer_in_one_byte_pieces_is_the_same_answer(wire: NetworkWire, serve: Serve, whole: bytes) -> None:
    def script(peer: Peer) -> None:
        while peer.request():
            peer.send_in_pieces(whole)

    at_once, in_pieces = ask(wire, serve(answering(whole))), ask(wire, server := serve(script))
    for seen in (at_once, in_pieces):
        assert (seen.status, bytes(seen.body), seen.body_bytes, seen.complete) == (200, b"hello", 5, True)
    assert in_pieces.headers == at_once.headers
    assert ask(wire, server).connection == "reused"


def test_a_long_body_arrives_whole(wire: NetworkWire, serve: Serve) -> None:
    body = os.urandom(3_000_000)
    server = serve(answering(answer(body)))
    with exchange():
        assert b"".join(pieces(wire.send(server.request()))) == body
    assert ask(wire, server).connection == "reused"


def test_a_long_request_is_sent_whole(wire: NetworkWire, serve: Serve) -> None:
    body = os.urandom(3_000_000)
    server = serve(answering(answer()))
    headers = [("Host", "test"), ("Content-Length", str(len(body)))]
    ask(wire, server, replace(server.request(), headers=headers, body=body))
    assert server.requests[0].body == body


def test_chunk_framing_is_not_counted(wire: NetworkWire, serve: Serve) -> None:
    seen = ask(wire, serve(answering(chunked(b"one", b"two", b"a" * 1000))))
    assert (seen.body_bytes, len(seen.body)) == (1006, 1006)


def test_a_compressed_body_is_counted_as_it_arrived(wire: NetworkWire, serve: Serve) -> None:
    seen = ask(wire, serve(answering(answer(b"\x1f\x8bnot unpacked", "Content-Encoding: gzip"))))
    assert bytes(seen.body) == b"\x1f\x8bnot unpacked"


def test_headers_that_repeat_are_all_kept(wire: NetworkWire, serve: Serve) -> None:
    seen = ask(wire, serve(answering(answer(b"ok", "Set-Cookie: a=1", "Set-Cookie: b=2", "X-Empty:"))))
    assert seen.headers == [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Empty", ""), ("Content-Length", "2")]


@pytest.mark.parametrize(("keep_body", "kept_bytes"), [(False, KEPT_BYTES), (True, LOGGED_BYTES)])
def test_the_beginning_of_a_long_body_is_kept(
    wire: NetworkWire, serve: Serve, keep_body: bool, kept_bytes: int
) -> None:
    size_bytes = 4 * LOGGED_BYTES
    server = serve(answering(answer(b"x" * size_bytes)))
    with exchange(keep_body=keep_body) as seen:
        pieces(wire.send(server.request()))
    assert seen.body_bytes == size_bytes
    assert kept_bytes <= len(seen.body) < kept_bytes + RECEIVE_BYTES


def test_every_piece_is_stamped_as_it_arrives(wire: NetworkWire, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(chunked()[: -len(b"0\r\n\r\n")])
        for _ in range(3):
            wanted.wait(WAIT_S)
            wanted.clear()
            peer.send(b"2\r\nok\r\n")
        peer.send(b"0\r\n\r\n")

    wanted, server = Event(), serve(script)
    started_at = now()
    stamps = []
    with exchange() as seen:
        reply = wire.send(server.request())
        for _ in range(3):
            assert seen.complete is False
            asked_at = now()
            wanted.set()
            assert reply.read() == b"ok"
            assert seen.last_byte_at is not None
            assert asked_at < seen.last_byte_at < now()
            stamps.append(seen.last_byte_at)
        assert reply.read() == b""
    assert stamps == sorted(set(stamps))
    assert seen.sent_at is not None
    assert started_at < seen.sent_at < stamps[0]
    assert (seen.first_byte_at, seen.last_byte_at) == (stamps[0], stamps[-1])


def test_the_worst_lag_is_kept_and_the_latest_spread() -> None:
    seen = Exchange()
    for lag_s in (0.25, 0.5, 0.125):
        seen.late(lag_s)
        seen.received(b"piece", now(), lag_s / 2)
    assert (seen.read_spread_s, seen.lag_s) == (0.0625, 0.5)
    seen.received(b"piece", now())
    assert (seen.read_spread_s, seen.lag_s) == (None, 0.5)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux stamps what arrives")
def test_the_lag_is_known_over_tls_too(wire: NetworkWire, serve: Serve, certificate: Certificate) -> None:
    for tls in (None, certificate.server_context()):
        seen = ask(wire, serve(answering(answer()), tls=tls))
        assert seen.read_spread_s is not None
        assert seen.lag_s is not None


def test_a_body_that_came_with_the_head_is_stamped_with_that_read(wire: NetworkWire, serve: Serve) -> None:
    seen = ask(wire, serve(answering(answer())))
    assert seen.sent_at is not None
    assert seen.first_byte_at is not None
    assert seen.last_byte_at is not None
    assert seen.sent_at < seen.first_byte_at <= seen.last_byte_at


# One call, one request


@pytest.mark.parametrize(
    "forged",
    [("X-Key", "secret\n"), ("X-Key", "a\r\nX-Forged: b"), ("X-Key", "a\rb"), ("X-Key", "a\0b"), ("X-Key\r\n", "a")],
)
def test_a_line_break_in_a_header_is_refused_before_anything_is_sent(
    wire: NetworkWire, serve: Serve, forged: tuple[str, str]
) -> None:
    server = serve(answering(answer()))
    request = server.request()
    request.headers.append(forged)
    with exchange() as seen, pytest.raises(NotHTTP) as refused:
        wire.send(request)
    assert "secret" not in str(refused.value)
    assert seen.connection is None
    ask(wire, server)
    assert (server.connections, len(server.requests)) == (1, 1)


def test_a_header_beyond_latin_1_is_refused_as_not_http(wire: NetworkWire, serve: Serve) -> None:
    server = serve(answering(answer()))
    request = server.request()
    request.headers.append(("X-Price", "5 €"))
    with exchange(), pytest.raises(NotHTTP):
        wire.send(request)


def test_a_second_request_within_one_call_never_reaches_the_server(wire: NetworkWire, serve: Serve) -> None:
    server = serve(answering(answer()))
    with exchange() as seen:
        pieces(wire.send(server.request()))
        with pytest.raises(SecondRequest):
            wire.send(server.request())
    assert (seen.requests, seen.status, seen.complete) == (1, 200, True)
    assert ask(wire, server).connection == "reused"
    assert len(server.requests) == 2


def test_a_failed_request_counts_as_the_calls_only_one(wire: NetworkWire, serve: Serve) -> None:
    server = serve(closing)
    with exchange():
        with pytest.raises(ConnectionBroken):
            wire.send(server.request())
        with pytest.raises(SecondRequest):
            wire.send(server.request())
    assert len(server.requests) == 1


def test_outside_any_call_every_request_is_let_through(wire: NetworkWire, serve: Serve) -> None:
    server = serve(answering(answer()))
    for _ in range(2):
        assert pieces(wire.send(server.request())) == [b"ok"]
    assert current().requests == 0


def test_greenlets_have_separate_exchanges(wire: NetworkWire, serve: Serve) -> None:
    server = serve(answering(answer()))
    with exchange() as outer:
        inner = gevent.spawn(ask, wire, server).get(timeout=WAIT_S)
    assert (outer.requests, inner.requests) == (0, 1)


# Deadlines and kills


def test_a_deadline_while_connecting_is_a_connect_timeout(
    wire: NetworkWire, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(answering(answer()))
    with monkeypatch.context() as patch:
        patch.setattr(socket, "create_connection", lambda address: Event().wait())
        with deadline():
            seen = fail(wire, server, ConnectTimedOut)
    assert (seen.requests, seen.sent_at, seen.connect_s, seen.status) == (1, None, None, None)
    assert ask(wire, server).connection == "new"
    assert len(server.requests) == 1


def test_a_deadline_within_the_tls_handshake_is_a_connect_timeout_and_closes(
    wire: NetworkWire, serve: Serve, certificate: Certificate
) -> None:
    server = serve(lambda peer: peer.wait_for_close())
    with deadline(server.connected), exchange() as seen, pytest.raises(ConnectTimedOut) as kept:
        wire.send(server.request(scheme="https"))
    assert seen.sent_at is None
    server.wait_for_end(0)
    assert kept.value.__cause__ is not None  # the error, which keeps frames alive, outlives the call; a socket must not


def test_a_deadline_before_the_head_closes_the_connection(wire: NetworkWire, serve: Serve) -> None:
    server = serve(silent)
    with deadline(server.arrived):
        seen = fail(wire, server, DeadlineExceeded)
    assert (seen.status, seen.complete) == (None, False)
    assert seen.sent_at is not None
    server.wait_for_end(0)


def test_a_deadline_within_the_body_closes_the_connection(wire: NetworkWire, serve: Serve) -> None:
    server = serve(half_an_answer)
    with exchange() as seen:
        reply = wire.send(server.request())
        assert reply.read() == b"fo"
        with deadline(), pytest.raises(DeadlineExceeded):
            reply.read()
        reply.close()
    assert (seen.status, seen.body_bytes, seen.complete) == (200, 2, False)
    server.wait_for_end(0)


def test_a_connection_is_not_reused_after_a_deadline(wire: NetworkWire, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer())
        if server.connections == 1:
            silent(peer)

    server = serve(script)
    ask(wire, server)
    with deadline():
        assert fail(wire, server, DeadlineExceeded).connection == "reused"
    assert ask(wire, server).connection == "new"
    server.wait_for_end(0)


def test_a_deadline_while_sending_closes_the_connection(wire: NetworkWire, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer())
        gave_up.wait(WAIT_S)
        peer.wait_for_close()

    gave_up, server = Event(), serve(script)
    ask(wire, server)
    request = replace(server.request(), body=bytes(30_000_000))
    with deadline(), exchange() as seen, pytest.raises(DeadlineExceeded):
        wire.send(request)
    assert (seen.connection, seen.status) == ("reused", None)
    gave_up.set()
    server.wait_for_end(0)


def test_a_deadline_also_ends_the_wait_for_the_rest_of_an_unread_answer(wire: NetworkWire, serve: Serve) -> None:
    server = serve(half_an_answer)
    with exchange() as seen, deadline(server.arrived), suppress(DeadlineExceeded):
        wire.send(server.request()).close()
    assert not seen.complete
    server.wait_for_end(0)


def test_a_killed_greenlet_closes_its_connection(wire: NetworkWire, serve: Serve) -> None:
    server = serve(silent)
    call = gevent.spawn(ask, wire, server)
    server.wait_for_request()
    call.kill()
    server.wait_for_end(0)


def test_a_greenlet_killed_within_the_body_closes_its_connection(wire: NetworkWire, serve: Serve) -> None:
    def read(half_read: Event) -> None:
        reply = wire.send(server.request())
        reply.read()
        half_read.set()
        reply.read()

    server, half_read = serve(half_an_answer), Event()
    call = gevent.spawn(read, half_read)
    assert half_read.wait(WAIT_S)
    call.kill()
    server.wait_for_end(0)


# Answers that the SDK stops reading


def half_an_answer(peer: Peer) -> None:
    """Send half of an answer, and never the rest."""
    peer.request()
    peer.send(answer(b"four")[:-2])
    peer.wait_for_close()


def test_an_answer_left_unread_is_read_on_and_keeps_the_connection(wire: NetworkWire, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        while peer.request():
            peer.send(answer(b"four")[:-2])
            rest_wanted.wait(WAIT_S)
            peer.send(b"ur")

    rest_wanted, server = Event(), serve(script)
    with exchange() as seen:
        reply = wire.send(server.request())
        assert reply.read() == b"fo"
        rest_wanted.set()
        reply.close()
        reply.close()
    assert (seen.body_bytes, seen.complete) == (4, True)
    assert ask(wire, server).connection == "reused"


def test_an_answer_left_unread_whose_rest_does_not_come_closes_the_connection(
    wire: NetworkWire, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "LINGER_S", SOON_S)
    server = serve(half_an_answer)
    with exchange() as seen:
        reply = wire.send(server.request())
        assert reply.read() == b"fo"
        reply.close()
    assert (seen.body_bytes, seen.complete) == (2, False)
    server.wait_for_end(0)


def test_an_answer_left_unread_that_breaks_off_closes_without_an_error(wire: NetworkWire, serve: Serve) -> None:
    server = serve(sending(answer(b"four")[:-2]))
    with exchange() as seen:
        reply = wire.send(server.request())
        reply.close()
    assert not seen.complete
    assert fail(wire, server, ConnectionBroken).connection == "new"


def test_closing_twice_returns_the_connection_once(wire: NetworkWire, serve: Serve) -> None:
    server = serve(answering(answer()))
    with exchange():
        reply = wire.send(server.request())
        pieces(reply)
        reply.close()
        reply.close()
    calls = [gevent.spawn(ask, wire, server) for _ in range(2)]
    assert sorted(str(call.get(timeout=WAIT_S).connection) for call in calls) == ["new", "reused"]


# IPv6 and TLS


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
def test_an_ipv6_address_is_reached(wire: NetworkWire, serve: Serve) -> None:
    server = serve(answering(answer()), host="::1")
    assert [ask(wire, server).connection for _ in range(2)] == ["new", "reused"]


def test_a_hundred_https_requests_share_one_connection(
    wire: NetworkWire, serve: Serve, certificate: Certificate
) -> None:
    server = serve(answering(answer()), tls=certificate.server_context())
    seen = [ask(wire, server) for _ in range(100)]
    assert [one.connection for one in seen] == ["new"] + ["reused"] * 99
    assert {bytes(one.body) for one in seen} == {b"ok"}
    assert (server.connections, len(server.requests)) == (1, 100)


def test_a_long_https_body_arrives_whole(wire: NetworkWire, serve: Serve, certificate: Certificate) -> None:
    body = os.urandom(1_000_000)
    server = serve(answering(answer(body)), tls=certificate.server_context())
    assert bytes(ask(wire, server).body) == body
    assert ask(wire, server).connection == "reused"


def test_a_long_https_request_is_sent_whole(wire: NetworkWire, serve: Serve, certificate: Certificate) -> None:
    body = os.urandom(3_000_000)
    server = serve(answering(answer()), tls=certificate.server_context())
    headers = [("Host", "test"), ("Content-Length", str(len(body)))]
    seen = [ask(wire, server, replace(server.request(), headers=headers, body=body)) for _ in range(2)]
    assert [one.connection for one in seen] == ["new", "reused"]
    assert [request.body == body for request in server.requests] == [True, True]


def test_an_https_connection_that_the_server_closed_meanwhile_is_not_reused(
    wire: NetworkWire, serve: Serve, certificate: Certificate
) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer())

    server = serve(script, tls=certificate.server_context())
    ask(wire, server)
    server.wait_for_end(0)
    assert ask(wire, server).connection == "new"


@pytest.mark.parametrize(("tickets", "is_alive"), [(2, True), (1000, False)])
def test_an_idle_https_connection_is_not_alive_if_session_tickets_never_end(
    certificate: Certificate, tickets: int, is_alive: bool
) -> None:
    """A server that sends them as fast as they are read would stop everything else."""
    context, incoming, outgoing = certificate.server_context(), ssl.MemoryBIO(), ssl.MemoryBIO()
    context.num_tickets = tickets
    tls, peer = TLS("127.0.0.1"), context.wrap_bio(incoming, outgoing, server_side=True)
    tls.shake_hands(None)
    incoming.write(tls.outgoing.read())
    with suppress(ssl.SSLWantReadError):
        peer.do_handshake()
    assert tls.shake_hands(outgoing.read())
    incoming.write(tls.outgoing.read())
    peer.do_handshake()
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 19)
        theirs.setblocking(False)
        theirs.send(outgoing.read())
        connection = Connection(ours, tls)
        assert connection.is_alive() is is_alive
        connection.close()


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [(answer(b"unasked"), NotHTTP, "before it was asked"), (b"", ConnectionBroken, "closed the connection")],
    ids=["an answer", "its end"],
)
def test_what_comes_with_the_end_of_the_tls_handshake_is_not_left_unread(
    wire: NetworkWire, serve: Serve, certificate: Certificate, said: bytes, error: type[Exception], words: str
) -> None:
    """In TLS 1.2 a server ends the handshake, and can go on in the same packet: to refuse a client, it may say nothing
    after that. An answer would have been taken for that to the first request."""
    context, incoming, outgoing = certificate.server_context(), ssl.MemoryBIO(), ssl.MemoryBIO()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    tls = context.wrap_bio(incoming, outgoing, server_side=True)

    def script(peer: Peer) -> None:
        while True:
            with suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                break
            peer.send(outgoing.read())
            incoming.write(peer.receive())
        with suppress(ssl.SSLWantReadError):
            tls.write(said) if said else tls.unwrap()
        peer.send(outgoing.read())
        peer.wait_for_close()

    server = serve(script)
    with exchange() as seen, gevent.Timeout(WAIT_S), pytest.raises(error, match=words):
        wire.send(server.request(scheme="https"))
    assert seen.connection == "new"
    server.wait_for_end()


def test_a_cut_https_body_is_broken(wire: NetworkWire, serve: Serve, certificate: Certificate) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer(b"four")[:-2])

    seen = fail(wire, serve(script, tls=certificate.server_context()), ConnectionBroken)
    assert (seen.body_bytes, seen.complete) == (2, False)


def test_what_came_before_broken_tls_is_kept(wire: NetworkWire, serve: Serve, certificate: Certificate) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer(b"hello"))
        peer.send_in_the_clear(b"no TLS at all")
        peer.wait_for_close()

    with exchange() as seen:
        reply = wire.send(serve(script, tls=certificate.server_context()).request())
        gevent.sleep(SOON_S)
        assert pieces(reply) == [b"hello"]
    assert seen.complete


def test_a_killed_greenlet_closes_its_https_connection(
    wire: NetworkWire, serve: Serve, certificate: Certificate
) -> None:
    server = serve(silent, tls=certificate.server_context())
    call = gevent.spawn(ask, wire, server)
    server.wait_for_request()
    call.kill()
    server.wait_for_end(0)


def test_an_untrusted_certificate_is_a_failed_connect(wire: NetworkWire, serve: Serve, tmp_path: Path) -> None:
    server = serve(answering(answer()), tls=make_certificate(tmp_path).server_context())
    seen = fail(wire, server, ConnectFailed)
    assert (seen.sent_at, seen.connect_s) == (None, None)
    server.wait_for_end(0)
    assert server.requests == []


def test_a_certificate_for_another_name_is_a_failed_connect(wire: NetworkWire, serve: Serve, tmp_path: Path) -> None:
    elsewhere = make_certificate(tmp_path, address="192.0.2.1")
    server = serve(answering(answer()), tls=elsewhere.server_context())
    with trusting(elsewhere), exchange(), pytest.raises(ConnectFailed, match="certificate"):
        wire.send(server.request())
    assert server.requests == []


def test_https_to_a_server_without_tls_is_a_failed_connect(
    wire: NetworkWire, serve: Serve, certificate: Certificate
) -> None:
    server = serve(lambda peer: peer.send(answer(b"", status="400 Bad Request")))
    with exchange(), pytest.raises(ConnectFailed):
        wire.send(server.request(scheme="https"))


def test_a_tls_handshake_without_end_fails(wire: NetworkWire, serve: Serve) -> None:
    """OpenSSL passes over requests to begin anew, and a peer that sends faster than they are read never lets go."""

    def script(peer: Peer) -> None:
        peer.send(HELLO_REQUESTS * 64)
        peer.wait_for_close()

    server = serve(script)
    with exchange(), pytest.raises(ConnectFailed, match="handshake of over 256 kb") as failed:
        wire.send(server.request(scheme="https"))
    assert str(failed.value.failure) == "TLS"


def test_no_server_can_make_a_handshake_compute_with_its_own_numbers() -> None:
    """Diffie-Hellman with a server's number of 10,000 bits held up everything for two seconds per connection."""
    exchanges = {cipher["kea"] for cipher in tls_context().get_ciphers()}
    assert "kx-ecdhe" in exchanges
    assert "kx-dhe" not in exchanges


def test_a_peer_that_closes_before_the_handshake_closed_early_though_the_alert_meets_its_reset(
    wire: NetworkWire, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(Peer.close)
    shake_hands = TLS.shake_hands

    def shake_hands_late(tls: TLS, received: bytes | None) -> bool:
        server.wait_for_end(0)
        gevent.sleep(SOON_S)
        return shake_hands(tls, received)

    monkeypatch.setattr(TLS, "shake_hands", shake_hands_late)
    with exchange(), pytest.raises(ConnectFailed) as failed:
        wire.send(server.request(scheme="https"))
    assert str(failed.value.failure) == "closed early"


# Many files


@pytest.fixture
def many_open_files() -> Iterator[None]:
    """Use up every file descriptor below 1100."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip("this machine allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    taken: list[int] = []
    try:
        while not taken or taken[-1] < 1100:
            taken.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_connections_are_kept_with_more_than_1024_open_files(
    wire: NetworkWire, serve: Serve, many_open_files: None
) -> None:
    server = serve(answering(answer()))
    assert [ask(wire, server).connection for _ in range(3)] == ["new", "reused", "reused"]
    assert server.connections == 1


def test_https_connections_are_kept_with_more_than_1024_open_files(
    wire: NetworkWire, serve: Serve, certificate: Certificate, many_open_files: None
) -> None:
    server = serve(answering(answer()), tls=certificate.server_context())
    assert [ask(wire, server).connection for _ in range(3)] == ["new", "reused", "reused"]
    assert server.connections == 1


# The bytes themselves


def test_a_request_is_written_as_it_was_built() -> None:
    request = Request("POST", "http", "test", 80, "/v1/chat?a=b%20c", [("Host", "test"), ("X-A", "1")], b"{}")
    assert encode(request) == b"POST /v1/chat?a=b%20c HTTP/1.1\r\nHost: test\r\nX-A: 1\r\n\r\n{}"


def parsed(*data: bytes) -> AnswerParser:
    parser = AnswerParser()
    for piece in data:
        parser.parse(piece)
    return parser


def one_byte_each(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize("split", [lambda data: [data], one_byte_each])
def test_the_parser_accepts_an_answer_in_any_pieces(split: Callable[[bytes], list[bytes]]) -> None:
    parser = parsed(*split(answer(b"hello", "X-Long-Name: a long value", "X-Empty:")))
    assert (parser.status, parser.take_body(), parser.complete, parser.reusable) == (200, b"hello", True, True)
    assert parser.headers == [("X-Long-Name", "a long value"), ("X-Empty", ""), ("Content-Length", "5")]


def test_the_parser_hands_out_each_byte_once() -> None:
    parser = parsed(answer(b"hello")[:-3])
    assert [parser.take_body(), parser.take_body()] == [b"he", b""]
    parser.parse(b"llo")
    assert [parser.take_body(), parser.take_body()] == [b"llo", b""]


@pytest.mark.parametrize("split", [lambda data: [data], one_byte_each])
def test_the_parser_ends_a_body_without_a_length_at_the_close(split: Callable[[bytes], list[bytes]]) -> None:
    parser = parsed(*split(b"HTTP/1.1 200 OK\r\n\r\nhello"))
    assert not parser.complete
    parser.finish()
    assert (parser.take_body(), parser.complete, parser.reusable) == (b"hello", True, False)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\n", answer(b"hello")[:-1], chunked(b"hello")[:-1]])
def test_the_parser_reports_an_early_close_as_broken(data: bytes) -> None:
    parser = parsed(data) if data else AnswerParser()
    with pytest.raises(ConnectionBroken):
        parser.finish()


def test_the_head_counts_as_complete_before_the_body() -> None:
    parser = parsed(answer(b"hello")[: -len(b"hello")])
    assert (parser.head_complete, parser.complete, parser.reusable) == (True, False, False)


def test_trailers_are_not_taken_for_headers_of_the_answer(wire: NetworkWire, serve: Serve) -> None:
    with_trailer = chunked(b"ok")[:-2] + b"X-Trailer: 1\r\n\r\n"
    server = serve(answering(with_trailer))
    seen: list[Any] = [ask(wire, server) for _ in range(2)]
    assert [(one.headers, one.connection) for one in seen] == [
        ([("Transfer-Encoding", "chunked")], "new"),
        ([("Transfer-Encoding", "chunked")], "reused"),
    ]
