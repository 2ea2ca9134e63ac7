"""How the event loop reads: when each read arrived, how long it may have waited, and which greenlet goes on when."""

import gzip
import itertools
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import gevent
import gevent.monkey
import pytest
from gevent import socket
from gevent.hub import Waiter
from httpx2 import ReadTimeout, Request

from tests.certificates import make_certificate, trusting
from tests.raw_server import Peer, answer, answering, chunked, deadline, serving, timer
from wire import network, polls
from wire.connection import RECEIVE_BYTES, Connection, PlainSocket, connect
from wire.exchange import DeadlineExceeded, Origin, exchange, now
from wire.httpx2_plug import MOST_OVERDUE_BYTES, client
from wire.network import MOST_HELD_BYTES, MOST_UNREAD_READS, NetworkWire
from wire.polls import Polls
from wire.turns import TURN_BYTES, Turns, turns

block = gevent.monkey.get_original("time", "sleep")
"""Sleep like a busy process: the event loop can't run meanwhile."""

LONG_S = 0.1
NEVER_S = 600.0


class Reads:
    """What a connection's reads returned."""

    def __init__(self, connection: Connection) -> None:
        self.data: list[bytes] = []
        self.at: list[float] = []
        self.spreads_s: list[float] = []
        self.lags_s: list[float] = []
        connection.listen(self._take, self._fail)

    def _take(self, data: bytes, read_at: float, at: float, spread_s: float | None) -> None:
        assert spread_s is not None
        self.data.append(data)
        self.at.append(at)
        self.spreads_s.append(spread_s)
        self.lags_s.append(read_at - at + spread_s)

    def _fail(self, error: Exception) -> None:
        raise error

    def wait(self, count: int) -> None:
        with gevent.Timeout(15):
            while len(self.data) < count:
                gevent.sleep(0.001)


@contextmanager
def connected() -> Iterator[tuple[Connection, socket.socket]]:
    """A connection, and its other end, which sends without the event loop."""
    with PlainSocket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        connection = connect(Origin("http", "127.0.0.1", listening.getsockname()[1]))
        peer, _ = listening.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with peer:
            yield connection, peer
        connection.close()


def test_a_read_that_was_waited_for_has_hardly_any_lag() -> None:
    with connected() as (connection, peer):
        reads = Reads(connection)
        gevent.spawn_later(LONG_S, peer.send, b"first")
        reads.wait(1)
    assert reads.lags_s[0] < LONG_S, "the poll slept until it came, however long that was"


def test_packets_that_one_read_joins_are_stamped_as_the_last_and_their_lag_covers_the_first() -> None:
    with connected() as (connection, peer):
        reads = Reads(connection)
        gevent.sleep(0.01)
        first_sent_at = now()
        peer.send(b"first")
        block(LONG_S)
        peer.send(b"second")
        block(LONG_S)
        reads.wait(1)
    assert reads.data == [b"firstsecond"]
    assert first_sent_at + LONG_S <= reads.at[0] <= first_sent_at + 2 * LONG_S + 0.05
    assert reads.spreads_s[0] >= LONG_S
    assert reads.lags_s[0] >= 2 * LONG_S


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux stamps what arrives")
def test_no_read_is_stamped_before_the_one_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's stamp can be the same for both, and our two clocks are not read at once."""
    steps = itertools.count(1)
    monkeypatch.setattr("wire.connection.time.time", lambda: time.time_ns() * 1e-9 + next(steps))
    with connected() as (connection, peer):
        reads = Reads(connection)
        for count in (1, 2):
            peer.send(b"text")
            reads.wait(count)
    assert reads.at[0] <= reads.at[1]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux stamps what arrives")
def test_nothing_of_an_answer_waited_since_before_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that never sleeps knows only that its sockets were empty long ago."""
    with connected() as (connection, peer):
        reads = Reads(connection)
        monkeypatch.setattr(connection._polls, "since", lambda at: at - NEVER_S)
        before_s = now()
        connection.send(b"request")
        peer.send(b"answer")
        reads.wait(1)
        assert 0 < reads.lags_s[0] <= now() - before_s


def test_what_came_while_the_loop_was_busy_is_stamped_as_it_came() -> None:
    with connected() as (connection, peer):
        reads = Reads(connection)
        gevent.sleep(0.01)
        peer.send(b"first")
        sent_at = now()
        block(3 * LONG_S)
        reads.wait(1)
    assert reads.at[0] < sent_at + LONG_S


def test_what_a_read_or_a_pause_left_waited_itself_and_makes_no_other_read_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A large answer is read in parts, and the kernel can hold megabytes of it meanwhile."""
    with connected() as (connection, peer):
        judged: list[float] = []

        def since(at: float) -> float:
            judged.append(at)
            return at

        def send(data: bytes) -> None:
            peer.sendall(data)
            while len(connection._socket.recv(2 * RECEIVE_BYTES, socket.MSG_PEEK)) < len(data):
                block(0.001)

        monkeypatch.setattr(polls.polls(), "since", since)
        connection._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * RECEIVE_BYTES)
        send(bytes(RECEIVE_BYTES + 1))
        block(LONG_S)
        reads = Reads(connection)
        reads.wait(2)
        connection.pause()
        send(b"during the pause")
        connection.resume()
        reads.wait(3)
        connection.pause()
        connection.resume()
        gevent.sleep(0.01)
        send(b"after a pause in which nothing came")
        reads.wait(4)
    assert [len(data) for data in reads.data[:2]] == [RECEIVE_BYTES, 1]
    assert judged == [reads.at[0], reads.at[3]]
    assert reads.spreads_s[1:3] == [reads.at[1] - reads.at[0], reads.at[2] - reads.at[0]]


def test_between_two_turns_every_socket_is_read() -> None:
    seen: list[str] = []
    turns = Turns()
    with connected() as (connection, peer):
        connection.listen(lambda data, *_: seen.append(data.decode()), lambda error: None)

        def work(name: str) -> None:
            turns.take()
            seen.append(name)
            peer.send(f"after {name}".encode())
            block(0.005)

        gevent.joinall([gevent.spawn(work, name) for name in ("one", "two", "three")])
        gevent.sleep(0.01)
    assert seen == ["one", "after one", "two", "after two", "three", "after three"]


def test_a_greenlet_killed_before_its_turn_takes_no_other_turn() -> None:
    turns, seen = Turns(), list[str]()

    def work(name: str) -> None:
        turns.take()
        seen.append(name)

    greenlets = [gevent.spawn(work, name) for name in ("one", "two", "three")]
    gevent.sleep(0)
    greenlets[1].kill()
    gevent.joinall(greenlets)
    assert seen == ["one", "three"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_answer_is_replayed_with_the_times_of_its_reads(scheme: str, tmp_path: Path) -> None:
    """Also over TLS: the kernel stamps the records."""
    sent_at: list[float] = []

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            gevent.sleep(0.02)
            peer.send(b"1\r\nx\r\n")
            sent_at.append(now())
        block(2 * LONG_S)
        gevent.sleep(0.02)
        peer.send(b"0\r\n\r\n")

    certificate = make_certificate(tmp_path)
    tls = certificate.server_context() if scheme == "https" else None
    wire = NetworkWire()
    with trusting(certificate), serving(script, tls=tls) as server, exchange() as seen:
        reply = wire.send(server.request())
        read_at = []
        while reply.read():
            read_at.append(seen.last_byte_at)
    assert seen.lag_s is not None
    for arrived_at, sent in zip(read_at, sent_at, strict=True):
        assert arrived_at is not None
        assert abs(arrived_at - sent) < LONG_S, "the loop was busy afterwards, and the answer replayed at its end"


def test_an_answer_that_falls_silent_is_replayed_up_to_there() -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nerror\r\n")
        peer.wait_for_close()

    wire = NetworkWire()
    with serving(script) as server, exchange(), gevent.Timeout(15):
        reply = wire.send(server.request())
        assert reply.read() == b"error"
        reply.close()


def test_a_long_answer_is_replayed_in_parts() -> None:
    """Memory stays bounded however long a stream is."""
    pieces = 10 * MOST_UNREAD_READS

    def script(peer: Peer) -> None:
        peer.request()
        head, *chunks = chunked(*[b"x"] * pieces).split(b"\r\n1\r\n")
        peer.send(head + b"\r\n")
        for piece in chunks:
            peer.send(b"1\r\n" + piece + b"\r\n")
            gevent.sleep(0)

    wire = NetworkWire()
    with serving(script) as server, exchange() as seen, gevent.Timeout(30):
        reply = wire.send(server.request())
        most, size = 0, 0
        while piece := reply.read():
            size += len(piece)
            most = max(most, len(reply._bodies))
    assert (size, seen.body_bytes) == (pieces, pieces)
    assert most <= 2 * MOST_UNREAD_READS


def test_an_answer_whose_call_waits_for_its_turn_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading pauses, and goes on with the call; what is read after it says since when it can have lain there."""
    whole = bytes(16 << 20)
    waiting: list[Waiter[None]] = []
    real = turns()

    def flood(peer: Peer) -> None:
        peer.request()
        peer.send(answer(whole))

    with serving(flood) as server, exchange() as exchanged:
        reply = NetworkWire().send(server.request())
        monkeypatch.setattr(network, "turns", lambda: SimpleNamespace(queue=waiting.append))
        reading = gevent.spawn(lambda: b"".join(iter(reply.read, b"")))
        gevent.sleep(LONG_S)
        held_bytes = sum(map(len, reply._bodies))
        monkeypatch.setattr(network, "turns", lambda: real)
        for waiter in waiting:
            real.queue(waiter)
        assert reading.get(timeout=15) == whole
    assert MOST_HELD_BYTES <= held_bytes < 2 * MOST_HELD_BYTES
    assert (exchanged.lag_s or 0.0) > LONG_S / 2


def test_what_has_arrived_of_a_long_answer_is_replayed_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long its reader takes over a few bytes, such as a line that says nothing."""
    whole, taken, real = bytes(MOST_HELD_BYTES), 0, turns()

    def queue(waiter: "Waiter[None]") -> None:
        nonlocal taken
        taken += 1
        real.queue(waiter)

    monkeypatch.setattr(network, "turns", lambda: SimpleNamespace(queue=queue))
    with serving(answering(answer(whole))) as server, exchange():
        reply = NetworkWire().send(server.request())
        assert b"".join(iter(reply.read, b"")) == whole
    assert taken >= len(whole) // (TURN_BYTES + RECEIVE_BYTES)


@pytest.mark.parametrize("is_complete", [True, False])
def test_a_deadline_between_two_turns_fails_only_what_has_not_arrived_in_full(
    monkeypatch: pytest.MonkeyPatch, is_complete: bool
) -> None:
    size_bytes = 2 * TURN_BYTES
    sent = answer(bytes(size_bytes))

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(sent if is_complete else sent[:-1])
        peer.wait_for_close()

    def strike(waiter: "Waiter[None]") -> None:
        gevent.get_hub().loop.run_callback(here.throw, DeadlineExceeded("too late"))

    here = gevent.getcurrent()
    with serving(script) as server, exchange(), gevent.Timeout(15):
        reply = NetworkWire().send(server.request())
        while sum(map(len, reply._bodies)) < size_bytes - (not is_complete):
            gevent.sleep(0)
        monkeypatch.setattr(network, "turns", lambda: SimpleNamespace(queue=strike))
        with nullcontext() if is_complete else pytest.raises(DeadlineExceeded):
            assert len(b"".join(iter(reply.read, b""))) == size_bytes


def test_a_deadline_comes_after_what_has_arrived() -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntext\r\n")
        peer.wait_for_close()

    wire = NetworkWire()
    with serving(script) as server, exchange() as seen, deadline(server.arrived):
        reply = wire.send(server.request())
        assert reply.read() == b"text"
        with pytest.raises(DeadlineExceeded):
            reply.read()
    assert (seen.status, seen.body_bytes) == (200, 4)


def test_a_complete_answer_whose_deadline_strikes_late_is_a_success() -> None:
    wire = NetworkWire()
    begin, close = timer(0.1)

    def script(peer: Peer) -> None:
        peer.request()
        begin()
        peer.send(chunked(b"text"))
        block(0.2)

    with serving(script) as server, exchange() as seen:
        reply = wire.send(server.request())
        assert [reply.read(), reply.read()] == [b"text", b""]
    close()
    assert seen.complete


def test_a_complete_answer_that_swells_when_decompressed_still_ends_soon_after_its_deadline() -> None:
    begin, close = timer(0.1)
    swollen_bytes = 16 * MOST_OVERDUE_BYTES
    packed = gzip.compress(bytes(swollen_bytes))

    def script(peer: Peer) -> None:
        peer.request()
        begin()
        peer.send(answer(packed, "Content-Encoding: gzip"))
        block(0.2)

    read: list[bytes] = []
    with serving(script) as server, exchange() as seen:
        response = client(NetworkWire()).send(Request("POST", server.url), stream=True)
        with pytest.raises(ReadTimeout):
            read.extend(response.iter_bytes())
    close()
    assert seen.complete
    assert seen.failure == "timed out within the body"
    assert len(b"".join(read)) < swollen_bytes / 2


def test_sleeping_uses_the_projects_clock() -> None:
    assert abs(now() - time.perf_counter()) < 1


def test_a_tls_close_notify_with_the_answer_is_not_a_failure(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(chunked(b"text"))
        peer.close()
        block(0.01)

    wire = NetworkWire()
    with trusting(certificate), serving(script, tls=certificate.server_context()) as server:
        for connection in ("new", "new"):
            with exchange() as seen:
                reply = wire.send(server.request())
                assert [reply.read(), reply.read()] == [b"text", b""]
            assert (seen.complete, seen.connection) == (True, connection)
            gevent.sleep(0.05)


def test_a_poll_that_overslept_says_since_when_bytes_may_have_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped process sleeps on, and its poll ends without what arrived meanwhile; the next poll returns it."""
    stamped = Polls()
    for began_at, ended_at, since in [
        (10.0, 10.04, 10.04),
        (10.05, 10.0501, 10.04),
        (10.1, 11.6, 10.1),
        (11.6, 11.6001, 10.1),
        (11.61, 11.62, 11.62),
    ]:
        monkeypatch.setattr(polls, "now", iter([began_at, ended_at]).__next__)
        stamped._poll()
        stamped._return()
        assert stamped.unread_since == since


def test_a_poll_that_got_no_cpu_when_a_packet_came_looks_back_to_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that waits for a CPU returns late from its poll; meanwhile more packets join the one that woke it."""
    for stamped, polls_until_read in [(Polls(), 1), (Polls(), 2)]:
        for began_at, ended_at in [(10.0, 10.04), (10.04, 10.0401)][:polls_until_read]:
            _poll(stamped, began_at, ended_at, monkeypatch)
        assert stamped.since(10.0399) == stamped.unread_since
        assert stamped.since(10.02) == 10.0


def test_reads_soon_after_a_late_delivery_can_be_late_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel without a free CPU delivers packets late, and a later packet can hide an earlier one."""
    stamped = Polls()
    _poll(stamped, 10.0, 10.04, monkeypatch)
    assert stamped.since(10.015) == 10.0, "it arrived before the poll returned, and did not wake it"
    _poll(stamped, 10.5, 10.52, monkeypatch)
    assert stamped.since(10.52) == pytest.approx(10.495), "as late as that one was: 25 ms"
    _poll(stamped, 11.5, 11.52, monkeypatch)
    assert stamped.since(11.52) == stamped.unread_since, "trusted again, a second later"


def test_later_deliveries_make_none_as_late_as_an_earlier_one_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where something is a little late in every second, what was very late once would hold on to the end of the run."""
    stamped = Polls()
    _poll(stamped, 10.0, 10.04, monkeypatch)
    stamped.since(9.04)
    _poll(stamped, 10.9, 10.94, monkeypatch)
    assert stamped.since(10.935) == pytest.approx(9.94), "still as late as the first: 1 s"
    _poll(stamped, 11.1, 11.14, monkeypatch)
    assert stamped.since(11.14) == pytest.approx(11.135), "as late as the second: 5 ms"


def _poll(stamped: Polls, began_at: float, ended_at: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polls, "now", iter([began_at, ended_at]).__next__)
    stamped._poll()
    stamped._return()
