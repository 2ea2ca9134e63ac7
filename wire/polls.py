"""When the event loop polled its sockets: how long the data it reads can have been waiting."""

from collections import deque
from functools import cache

import gevent

from wire.exchange import now

LOWEST_PRIORITY, HIGHEST_PRIORITY = -2, 2
"""libev's EV_MINPRI and EV_MAXPRI."""

SLEPT_S = 0.0002
"""A poll that took longer than this slept: it had nothing to return at first."""

LATE_WAKE_S = 0.001
"""A packet that arrived this long before its poll returned did not wake it: the process was waiting for a CPU."""

HELD_BACK_FOR_S = 1.0
"""How long after a late delivery others are taken to be as late. Without a free CPU the kernel delivers packets late,
one by one or several at once; their timestamps don't show which."""

LONGEST_SLEEP_S = 0.05
"""No poll sleeps longer while an answer is awaited: whoever awaits one keeps a timer of this period."""

OVERSLEPT_S = LONGEST_SLEEP_S + 0.01
"""One that took longer than this was not asleep all the time: the process was stopped, or got no CPU."""


class Polls:
    """Stamps the poll of each round of the event loop.

    unread_since  the earliest time at which a byte that this round reads can have arrived. A poll that slept was woken
                  by the first byte, so nothing had arrived before. One that returned at once can return bytes that
                  arrived at any time since the previous poll, which would have returned any earlier ones.
                  One that overslept can return bytes that arrived since it began, or leave them to the next: the poll
                  of a stopped process ends with nothing.
    slept_since   when the latest poll that slept began: nothing was unread then, except where a read left something
    """

    def __init__(self) -> None:
        loop = gevent.get_hub().loop
        self.unread_since = self.slept_since = self._polled_at = self._returned_at = now()
        self._held_back: deque[tuple[float, float]] = deque()  # how late, and until when; each by less than the last
        # Run last before the poll, after gevent's own callbacks, and first after it, before any socket is read.
        self._before = loop.prepare(ref=False, priority=LOWEST_PRIORITY)
        self._after = loop.check(ref=False, priority=HIGHEST_PRIORITY)
        self._before.start(self._poll)
        self._after.start(self._return)

    def since(self, at: float) -> float:
        """Return the earliest time at which the first byte of a read can have arrived, if its last packet did at `at`.

        When a poll begins to sleep, nothing is unread. If the packet did not wake it promptly, others can have joined
        it at any time since. And if a packet was delivered late, so can those be that are read soon after it.
        """
        if at < self.unread_since - LATE_WAKE_S:
            self._hold_back(self.unread_since - at)
            return min(self.slept_since, self._trusted_since())
        return self._trusted_since()

    def _trusted_since(self) -> float:
        while self._held_back and self._held_back[0][1] <= self._returned_at:
            self._held_back.popleft()
        return self.unread_since - (self._held_back[0][0] if self._held_back else 0.0)

    def _hold_back(self, late_s: float) -> None:
        while self._held_back and self._held_back[-1][0] <= late_s:
            self._held_back.pop()
        self._held_back.append((late_s, self._returned_at + HELD_BACK_FOR_S))

    def _poll(self) -> None:
        self._polled_at = now()

    def _return(self) -> None:
        at = now()
        took_s = at - self._polled_at
        if took_s > SLEPT_S:
            self.slept_since = self._polled_at
        if took_s > OVERSLEPT_S:
            self.unread_since = self._returned_at = self._polled_at
            return
        self.unread_since = at if took_s > SLEPT_S else self._returned_at
        self._returned_at = at


@cache
def polls() -> Polls:
    """Return the process's one instance."""
    return Polls()
