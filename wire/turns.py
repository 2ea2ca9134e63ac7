"""Turns for long work: between two turns, the event loop reads every socket that has data."""

from collections import deque
from functools import cache

import gevent
from gevent.hub import Waiter

from wire.polls import HIGHEST_PRIORITY, LOWEST_PRIORITY

TURN_BYTES = 1 << 16
"""How much of a body is read in one turn: some text takes its reader a microsecond per byte, such as `x` and two line
feeds over and over, and a few hundred bytes can decompress to as many megabytes."""


class Turns:
    """Resumes one greenlet per round of the event loop, just before the loop polls its sockets.

    Greenlets that are woken together would otherwise all run before the next poll, and everything that arrives in that
    time would be read late.
    """

    def __init__(self) -> None:
        loop = gevent.get_hub().loop
        self._before_poll = loop.prepare(priority=HIGHEST_PRIORITY)
        self._sleepless = loop.idle(priority=LOWEST_PRIORITY)
        self._waiting: deque[Waiter[None]] = deque()

    def take(self) -> None:
        """Wait for the running greenlet's turn, behind all that are waiting already."""
        waiter: Waiter[None] = Waiter()
        self.queue(waiter)
        waiter.get()

    def queue(self, waiter: "Waiter[None]") -> None:
        """Switch to a waiting greenlet in its turn. A greenlet that has stopped waiting by then is skipped."""
        self._waiting.append(waiter)
        if len(self._waiting) == 1:
            self._before_poll.start(self._next)
            self._sleepless.start(_nothing)

    def _next(self) -> None:
        waiter = self._waiting.popleft()
        if not self._waiting:
            self._before_poll.stop()
            self._sleepless.stop()
        waiter.switch(None)


def _nothing() -> None:
    """Do nothing; while an idle watcher is active, polls do not sleep."""


@cache
def turns() -> Turns:
    """Return the process's one instance."""
    return Turns()
