"""The wire over the network: kept connections, one request a call, every byte stamped as it is received."""

from collections import defaultdict
from dataclasses import replace

import gevent

from wire.connection import Connection, connect
from wire.exchange import ConnectionBroken, Exchange, Origin, Request, WireError, current, now
from wire.http1 import AnswerParser, encode
from wire.proxy import proxy_of

IDLE_S = 5.0
"""Idle connections are given up after this: uvicorn and Node close theirs then, and a race would fail the call."""

READS_BEFORE_A_BREAK = 32
"""A body that comes faster than we read would otherwise keep every other call, and the deadline itself, waiting."""

LINGER_S = 0.1
"""How long to read on for the end of an answer that the SDK has stopped reading, to keep the connection."""


class NetworkWire:
    """Carries requests to their origins; an idle connection is reused, the latest one first."""

    def __init__(self) -> None:
        self._idle: defaultdict[Origin, list[Connection]] = defaultdict(list)

    def send(self, request: Request) -> "NetworkReply":
        """Send one request and wait for its answer's head. Never sends twice, whatever happens."""
        data = encode(_as_the_proxy_wants(request))
        exchange = current()
        exchange.begin()
        connection = self._connection(request.origin, exchange)
        try:
            exchange.sent_at = now()
            connection.send(data)
            return NetworkReply(self, request.origin, connection, exchange)
        except BaseException:
            connection.close()
            raise

    def keep(self, origin: Origin, connection: Connection) -> None:
        """Take back a connection whose answer has been read to its end."""
        connection.idle_since = now()
        self._idle[origin].append(connection)

    def close(self) -> None:
        """Close the idle connections."""
        for idle in self._idle.values():
            while idle:
                idle.pop().close()

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
    """Return a plain http request as it goes to a proxy, with its whole address as target (RFC 9112 3.2.2)."""
    proxy = proxy_of(request.origin) if request.scheme == "http" else None
    if proxy is None:
        return request
    netloc = next(value for name, value in request.headers if name.lower() == "host")
    target = f"http://{netloc}{request.target}"
    return replace(request, target=target, headers=[*request.headers, *proxy.headers])


class NetworkReply:
    """An answer on its way in. Read to its end it gives its connection back, closed before that, usually, up."""

    def __init__(self, wire: NetworkWire, origin: Origin, connection: Connection, exchange: Exchange) -> None:
        self._wire, self._origin, self._exchange = wire, origin, exchange
        self._connection: Connection | None = connection
        self._parser = AnswerParser()
        self._reads = 0
        self._head_at = self._read_head()
        self.status, self.headers = self._parser.status, self._parser.headers
        exchange.answered(self.status, self.headers, self._head_at)

    def read(self) -> bytes:
        """Return the next piece of the body as it arrived, b"" after the last."""
        at = self._head_at
        body = self._parser.take_body()
        while not body and self._connection is not None:
            at = self._receive()
            body = self._parser.take_body()
        if body:
            self._exchange.received(body, at)
        return body

    def close(self) -> None:
        """Stop reading. The connection is kept if the rest of the answer comes within `LINGER_S`."""
        if self._connection is None:
            return
        try:
            with gevent.Timeout(LINGER_S, False):  # type: ignore[arg-type]  # gevent's own way to ask for no exception
                while self.read():
                    pass
        except WireError:
            pass
        finally:
            self._give_up()

    def _read_head(self) -> float:
        while not self._parser.head_complete:
            at = self._receive()
        return at

    def _receive(self) -> float:
        assert self._connection is not None
        self._reads += 1
        try:
            if self._reads % READS_BEFORE_A_BREAK == 0:
                gevent.sleep(0)
            data, at, lag_s = self._connection.receive()
            self._parser.parse(data) if data else self._parser.finish()
        except ConnectionBroken as error:
            send_error = self._connection.send_error
            self._give_up()
            if send_error is not None:
                raise send_error from error
            raise
        except BaseException:
            self._give_up()
            raise
        self._exchange.late(lag_s)
        if self._parser.complete:
            self._settle(self._connection)
        return at

    def _settle(self, connection: Connection) -> None:
        self._connection = None
        self._exchange.complete = True
        if self._parser.reusable and connection.has_sent:
            self._wire.keep(self._origin, connection)
        else:
            connection.close()

    def _give_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
