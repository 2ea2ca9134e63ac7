"""Turns for long work: between two of them the event loop reads every socket that has something."""

from collections import deque
from functools import cache

import gevent
from gevent.hub import Waiter

HIGHEST_PRIORITY = 2
"""libev's EV_MAXPRI."""


class Turns:
    """Lets one greenlet go on for each round of the event loop.

    Greenlets that are woken together would otherwise run one after the other before the next poll, and everything that
    arrives in that time would be read late. The idle watcher has the highest priority, so it is called once in each
    round, whatever else is ready; the sockets' watchers are called in between.
    """

    def __init__(self) -> None:
        self._watcher = gevent.get_hub().loop.idle(priority=HIGHEST_PRIORITY)
        self._waiting: deque[Waiter[None]] = deque()

    def take(self) -> None:
        """Wait for the running greenlet's turn: until one round after those who wait already."""
        waiter: Waiter[None] = Waiter()
        self.queue(waiter)
        waiter.get()

    def queue(self, waiter: "Waiter[None]") -> None:
        """Switch to a waiting greenlet when its turn has come. One that has stopped waiting by then has none."""
        self._waiting.append(waiter)
        if len(self._waiting) == 1:
            self._watcher.start(self._next)

    def _next(self) -> None:
        waiter = self._waiting.popleft()
        if not self._waiting:
            self._watcher.stop()
        waiter.switch(None)


@cache
def turns() -> Turns:
    """Return the process's turns."""
    return Turns()
