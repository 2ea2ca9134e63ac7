"""The wire over the network: pooled connections, one request per call, every read stamped on arrival."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import gevent
from gevent.hub import Waiter

from wire.connection import Connection, connect, stamping
from wire.exchange import (
    ConnectionBroken,
    DeadlineExceeded,
    Exchange,
    NotHTTP,
    Origin,
    Request,
    WireError,
    current,
    now,
)
from wire.http1 import AnswerParser, encode
from wire.polls import LONGEST_SLEEP_S
from wire.proxy import proxy_of
from wire.turns import TURN_BYTES, turns

IDLE_S = 5.0
"""Idle connections are closed after this: uvicorn and Node close theirs then, and a race would fail the call."""

LINGER_S = 0.1
"""How long to read on, once the SDK has stopped, for the end of the answer, so that the connection can be reused."""

MOST_UNREAD_READS = 128
MOST_UNREAD_BYTES = 1 << 18
"""A longer answer is replayed in parts, which bounds both memory and the length of a turn."""

MOST_HELD_BYTES = 1 << 20
"""Reading pauses with this much unread, so that calls waiting for their turn don't fill the memory."""

SILENT_S, LOOK_EVERY_S = 0.1, LONGEST_SLEEP_S
"""After `SILENT_S` of silence, what has arrived of an answer is replayed: it may have failed and yet stay open."""

LONGEST_UNREAD_S = 0.5
"""After this, unread data is replayed even without a silence: the answer may have failed and yet send keep-alives."""


class NetworkWire:
    """Carries requests to their origins, reusing idle connections, the most recently used first."""

    def __init__(self) -> None:
        self._idle: defaultdict[Origin, list[Connection]] = defaultdict(list)
        self._silence = _Silence()
        self._stamping = stamping()

    def send(self, request: Request) -> "NetworkReply":
        """Send one request and wait for its answer's head. Never sends it twice."""
        data = encode(_as_the_proxy_wants(request))
        exchange = current()
        exchange.begin()
        connection = self._connection(request.origin, exchange)
        exchange.sent_at = now()
        reply = NetworkReply(connection, exchange, lambda: self._keep(request.origin, connection), self._silence)
        reply.ask(data)
        return reply

    def close(self) -> None:
        """Close the idle connections."""
        for idle in self._idle.values():
            while idle:
                idle.pop().close()

    def _keep(self, origin: Origin, connection: Connection) -> None:
        """Return a connection to the pool once its answer has arrived in full."""
        connection.idle_since = now()
        self._idle[origin].append(connection)

    def _connection(self, origin: Origin, exchange: Exchange) -> Connection:
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if now() - connection.idle_since < IDLE_S and connection.is_alive():
                exchange.connection = "reused"
                return connection
            connection.close()
        started_at = now()
        connection = connect(origin)
        exchange.connection = "new"
        exchange.connect_s = now() - started_at
        return connection


def _as_the_proxy_wants(request: Request) -> Request:
    """Return the request; if it is plain HTTP and goes to a proxy, in absolute form (RFC 9112 3.2.2)."""
    proxy = proxy_of(request.origin) if request.scheme == "http" else None
    if proxy is None:
        return request
    netloc = next(value for name, value in request.headers if name.lower() == "host")
    target = f"http://{netloc}{request.target}"
    return replace(request, target=target, headers=[*request.headers, *proxy.headers])


class NetworkReply:
    """An answer that is being received.

    The event loop reads, stamps and parses the HTTP of everything that arrives; no greenlet runs in between. The call's
    greenlet sleeps until the answer ends, falls silent, or grows too large to keep. Then, in its turn, it is given each
    read with its timestamp, as if it had been awake.

    keep  returns the connection to the pool; called once the answer has arrived in full, if the connection is reusable
    """

    def __init__(
        self, connection: Connection, exchange: Exchange, keep: Callable[[], None], silence: "_Silence"
    ) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self._connection: Connection | None = connection
        self._exchange, self._keep, self._silence = exchange, keep, silence
        self._parser = AnswerParser()
        # Lists of plain values, which the garbage collector does not track: it would track a tuple for each read.
        self._bodies: list[bytes] = []
        self._arrivals: list[float] = []
        self._spreads_s: list[float | None] = []
        self._replayed = self._unread_bytes = self._turn_bytes = 0
        self._head_at = self._latest_at = 0.0
        self._failure: WireError | None = None
        self._waiter: Waiter[None] | None = None
        self._is_closed = self._is_paused = False

    def ask(self, data: bytes) -> None:
        """Send the request and wait for the answer's head, which can arrive before the request is sent in full."""
        connection = self._connection
        assert connection is not None
        connection.listen(self._take, self._fail)
        self._silence.watch(self)
        connection.send(data)
        if self._exchange.connection == "new":
            connection.read_early()
        try:
            while not self._parser.head_complete:
                self._wait()
        except BaseException:
            self._give_up()
            raise
        self.status, self.headers = self._parser.status, self._parser.headers
        self._exchange.answered(self.status, self.headers, self._head_at)

    def read(self) -> bytes:
        """Return the next piece of the body as it arrived, b"" after the last. Raises `WireError`."""
        if self._turn_bytes >= TURN_BYTES:
            self._take_turn()
        while self._replayed == len(self._bodies):
            if self._parser.complete:
                return b""
            self._forget_replayed()
            self._wait()
        replayed = self._replayed
        self._replayed += 1
        body = self._bodies[replayed]
        self._turn_bytes += len(body)
        self._exchange.received(body, self._arrivals[replayed], self._spreads_s[replayed])
        return body

    def close(self) -> None:
        """Stop reading. The connection is kept if the rest of the answer arrives within `LINGER_S`."""
        if self._is_closed:  # The object that read the body closes it again when it is collected, in any greenlet.
            return
        self._is_closed = True
        try:
            with gevent.Timeout(LINGER_S, False):  # type: ignore[arg-type]  # gevent's own way to ask for no exception
                while self.read():
                    pass
        except WireError:
            pass
        finally:
            self._give_up()

    def _forget_replayed(self) -> None:
        for part in (self._bodies, self._arrivals, self._spreads_s):
            part.clear()
        self._replayed = self._unread_bytes = 0
        if self._is_paused and self._connection is not None:
            self._is_paused = False
            self._connection.resume()

    def _wait(self) -> None:
        """Sleep until woken in this greenlet's turn. Raises the failure that ended the answer, if there was one."""
        if self._failure is not None:
            raise self._failure
        self._waiter = Waiter()
        self._sleep(self._waiter)

    def _take_turn(self) -> None:
        """Let the event loop and other calls run before the rest of what has arrived is replayed. After the deadline,
        none of it is."""
        waiter: Waiter[None] = Waiter()
        turns().queue(waiter)
        self._sleep(waiter)
        if isinstance(self._failure, DeadlineExceeded):
            raise self._failure

    def _sleep(self, waiter: "Waiter[None]") -> None:
        """Sleep until woken. A deadline that passes is a failure, unless the answer has arrived in full: what arrived
        before it counts."""
        self._turn_bytes = 0
        try:
            waiter.get()
        except DeadlineExceeded as error:
            self._exchange.overdue = error
            if not self._parser.complete:
                self._fail(error)
        except BaseException:
            self._give_up()
            raise
        finally:
            self._waiter = None

    # The methods below run in the event loop and must not block it: they neither raise nor sleep.

    def _take(self, data: bytes, read_at: float, at: float, spread_s: float | None) -> None:
        parser, failure = self._parser, self._parsing_failed(data, at)
        self._latest_at = at
        if spread_s is not None:
            self._exchange.late(read_at - at + spread_s)
        if parser.head_complete and not self._head_at:
            self._head_at = at
        if body := parser.take_body():
            self._hold(body, at, spread_s)
        if failure is not None:
            self._fail(failure)
        elif parser.complete:
            self._settle()
        elif len(self._bodies) >= MOST_UNREAD_READS or self._unread_bytes >= MOST_UNREAD_BYTES:
            self._pause_if_full()
            self._wake()

    def _parsing_failed(self, data: bytes, at: float) -> WireError | None:
        """Parse a read and return what is wrong with it, if anything; what comes before that counts."""
        try:
            self._check_order(at, data)
            self._parser.parse(data) if data else self._parser.finish()
        except WireError as error:
            return error
        return None

    def _check_order(self, at: float, data: bytes) -> None:
        """Refuse what arrived before the request left: it answers nothing, or another request. Raises `NotHTTP`."""
        sent_at = self._exchange.sent_at
        if data and not self._latest_at and sent_at is not None and at < sent_at:
            raise NotHTTP("the peer answered before it was asked")

    def _hold(self, body: bytes, at: float, spread_s: float | None) -> None:
        self._bodies.append(body)
        self._arrivals.append(at)
        self._spreads_s.append(spread_s)
        self._unread_bytes += len(body)

    def _pause_if_full(self) -> None:
        if self._unread_bytes >= MOST_HELD_BYTES and not self._is_paused and self._connection is not None:
            self._is_paused = True
            self._connection.pause()

    def look(self, at: float) -> None:
        """Wake the greenlet if nothing has arrived for `SILENT_S`, or data has been unread for `LONGEST_UNREAD_S`."""
        if self._bodies:
            is_due = at - self._latest_at > SILENT_S or at - self._arrivals[0] > LONGEST_UNREAD_S
        else:
            is_due = self._parser.head_complete and not self.status and at - self._latest_at > SILENT_S
        if is_due:
            self._wake()

    def _fail(self, error: WireError) -> None:
        """Note what ended the answer. A failure to send the request explains a broken connection better."""
        send_error = self._connection.send_error if self._connection is not None else None
        self._failure = self._failure or (send_error if isinstance(error, ConnectionBroken) else None) or error
        self._give_up()
        self._wake()

    def _settle(self) -> None:
        connection, self._connection = self._connection, None
        self._exchange.complete = True
        assert connection is not None
        connection.mute()
        self._silence.forget(self)
        if self._parser.reusable and connection.has_sent:
            self._keep()
        else:
            connection.close()
        self._wake()

    def _give_up(self) -> None:
        if self._connection is not None:
            self._silence.forget(self)
            self._connection.close()
            self._connection = None

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            turns().queue(waiter)


class _Silence:
    """Checks every `LOOK_EVERY_S` for answers that have fallen silent."""

    def __init__(self) -> None:
        self._replies: dict[NetworkReply, None] = {}
        self._timer = gevent.get_hub().loop.timer(LOOK_EVERY_S, LOOK_EVERY_S, ref=False)

    def watch(self, reply: NetworkReply) -> None:
        if not self._replies:
            self._timer.start(self._look)
        self._replies[reply] = None

    def forget(self, reply: NetworkReply) -> None:
        self._replies.pop(reply, None)
        if not self._replies:
            self._timer.stop()

    def _look(self) -> None:
        at = now()
        for reply in list(self._replies):
            reply.look(at)
