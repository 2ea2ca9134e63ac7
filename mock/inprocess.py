"""The mock behind the wire's interface: no socket, but the same answers at the same times as from the server."""

import gevent
from gevent.event import Event

from mock.formats.message import Answer, Part
from mock.formats.message import Request as MockRequest
from mock.service import Service
from wire.exchange import ConnectionBroken, Exchange, Request, current, now

MOST_AT_ONCE = 100
"""How many overdue parts are handed out before others have a turn: a deadline or Ctrl-C could otherwise not end an
answer that this process can't keep up with."""


class InProcessWire:
    """Carries requests to a mock in this process."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def send(self, request: Request) -> "InProcessReply":
        """Ask the mock; the answer's parts arrive when they are due."""
        exchange = current()
        exchange.begin()
        headers = {name.lower(): value for name, value in request.headers}
        exchange.sent_at = now()
        answer = self._service.answer(MockRequest(request.method, request.target, headers, request.body))
        if not answer.status:
            _end_badly(answer)
        return InProcessReply(self._service, answer, exchange)


class InProcessReply:
    """An answer that is known in full, and handed out as it is due."""

    def __init__(self, service: Service, answer: Answer, exchange: Exchange) -> None:
        self._service, self._answer, self._exchange = service, answer, exchange
        self._started_at = exchange.sent_at or now()
        self._parts = iter(answer.parts)
        self.status, self.headers = answer.status, answer.headers
        self._overdue = 0
        self._await(answer.parts[0])
        exchange.answered(self.status, self.headers, now())

    def read(self) -> bytes:
        """Return the next part when it is due, b"" after the last."""
        part = next(self._parts, None)
        if part is None:
            _end_badly(self._answer)
            self._exchange.complete = True
            return b""
        self._await(part)
        self._service.stats.sent(len(part.data))
        self._exchange.received(part.data, now())
        return part.data

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def _await(self, part: Part) -> None:
        left_s = self._started_at + part.at_s - now()
        self._overdue = 0 if left_s > 0 else self._overdue + 1
        if left_s > 0 or self._overdue % MOST_AT_ONCE == 0:
            gevent.sleep(max(0.0, left_s))


def _end_badly(answer: Answer) -> None:
    """End a faulty answer: hang until the call's deadline, or break off. A good one just returns."""
    if answer.end == "stall":
        Event().wait()
    if answer.end != "complete":
        message = "the peer closed the connection before the answer was complete"
        raise ConnectionBroken(message, "reset" if answer.end == "reset" else None)
