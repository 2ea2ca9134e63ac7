"""A wire that answers with given bytes, each piece a separate read at its own time: no socket, and no waiting."""

from collections.abc import Iterable
from functools import cache

from mock.inprocess import InProcessWire
from mock.service import Service
from mock.timing import Pace
from providers.call import Call
from tests.asking import Asker
from wire.exchange import Exchange, Request, current, now

STEP_S = 10.0
"""Only in stamps, so it can be longer than anything the SDK does before."""

JSON = "application/json"


class Canned:
    """Answers every request the same way; piece n arrives n steps after the request."""

    def __init__(
        self, pieces: Iterable[bytes], status: int = 200, kind: str = JSON, lag_s: float | None = None
    ) -> None:
        self.pieces, self.status, self.lag_s = list(pieces), status, lag_s
        self.headers = [("content-type", kind)]

    def send(self, request: Request) -> "CannedReply":
        exchange = current()
        exchange.begin()
        exchange.answered(self.status, self.headers, now())
        return CannedReply(self, exchange)


class CannedReply:
    """The answer's pieces; an empty piece is a pause."""

    def __init__(self, canned: Canned, exchange: Exchange) -> None:
        self.status, self.headers = canned.status, canned.headers
        self._exchange, self._lag_s = exchange, canned.lag_s
        started_at = now()
        self._arrivals = iter([(started_at + n * STEP_S, piece) for n, piece in enumerate(canned.pieces, 1)])

    def read(self) -> bytes:
        for at, piece in self._arrivals:
            if piece:
                self._exchange.received(piece, at, self._lag_s)
                return piece
        self._exchange.complete = True
        return b""

    def close(self) -> None:
        """Read on to the end, as the network does to keep its connection."""
        while self.read():
            pass


def answered(provider: str, api: str, wire: Canned, **options: object) -> Call:
    """Make one call that gets this answer."""
    return Asker(provider, "http://mock.invalid", wire, **{"api": api, "stream": True, **options}).ask()


@cache
def mocked(provider: str, api: str, stream: bool, **options: object) -> bytes:
    """What the mock answers, as bytes; the same every time."""
    wire = InProcessWire(Service(Pace(0), exact_tokens=True, tokens=3))
    asker = Asker(provider, "http://mock.invalid", wire, **{"api": api, "stream": stream, **options})
    asker.session.keep_bodies = True
    assert asker.ask().outcome == "ok"
    return bytes(asker.session.exchanges[-1].body)
