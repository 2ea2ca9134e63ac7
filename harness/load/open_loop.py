"""An open loop: calls counted out when they are due, whether or not the answers before them have come."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import gevent

from harness.load.schedule import Due
from providers.permit import Permit
from wire.exchange import now

LEAD_S = 0.1
"""How long before its time a call is given to a user: time for a message to reach a worker."""


class Standing(NamedTuple):
    """How a schedule is kept, in calls: asked are those due by now, and of these some were delivered, which means
    started, some wait for a user, and some were dropped. Warm-up calls have no time, and are none of them."""

    asked: int
    delivered: int
    waiting: int
    dropped: int


class OpenLoop:
    """Gives out a schedule's calls, as `harness.load.closed_loop.Budget` does those of a closed loop.

    The schedule begins when all users are there (`begin`) and the warm-up calls, which have no time, have ended. A
    call that no user has taken up `patience_s` after its time, or by the end of the run, is dropped.

    `on_ready` is called when a call can be taken, `on_dropped` with each that is dropped, `on_spent` once, when the
    last has ended.
    """

    def __init__(
        self,
        times: Iterator[Due],
        warmup_calls: int,
        patience_s: float,
        run_started_at: float,
        on_dropped: Callable[[Permit], None],
        on_spent: Callable[[], None],
    ) -> None:
        self.on_ready: Callable[[], None] = lambda: None
        self._times, self._patience_s, self._run_started_at = times, patience_s, run_started_at
        self._on_dropped, self._on_spent = on_dropped, on_spent
        self._warmup_left = self._warmup_to_end = warmup_calls
        self._counted = self._ended = 0
        self._asked = self._dropped = 0
        self._ahead: deque[float] = deque()
        self._ready: deque[Permit] = deque()
        self._has_users = self._is_drawn = False
        self._begins_s = 0.0
        self._coming: Due | None = None
        self._closed_at: float | None = None
        self._pacer: gevent.Greenlet[[], None] | None = None

    def take(self) -> Permit | None:
        """Return a call that may be made now, or `LEAD_S` from now; `None` when there is none, now or ever."""
        if self._closed_at is not None:
            return None
        if self._warmup_left:
            self._warmup_left -= 1
            return self._next(None)
        while self._ready:
            permit = self._ready.popleft()
            if not self._is_overdue(permit, self._patience_s):
                return permit
            self._drop(permit)
        return None

    def take_back(self, permit: Permit) -> None:
        """A permit that was not used is the next to be taken, or is dropped if the run is over."""
        self._ready.appendleft(permit)
        if self._closed_at is not None:
            self._drop_what_is_due()

    def end(self, number: int) -> None:
        """A call that was taken has ended, in whatever way."""
        self._ended += 1
        if self._warmup_to_end:
            self._warmup_to_end -= 1
            self._begin_if_all_is_ready()
        self._look_whether_spent()

    def begin(self) -> None:
        """All users are there."""
        self._has_users = True
        self._begin_if_all_is_ready()

    def close(self) -> None:
        """The run is over: what is due and not taken by now never will be."""
        self._closed_at = self._closed_at or now()
        if self._pacer is not None:
            self._pacer.kill(block=False)
            self._draw_until(self._closed_at - self._run_started_at)
        self._drop_what_is_due()

    def standing(self) -> Standing:
        """Return how the schedule is kept at the moment, or was when the run was over."""
        self._count_asked()
        waiting = sum(permit.scheduled_s is not None and self._is_overdue(permit, 0.0) for permit in self._ready)
        delivered = self._asked - waiting - self._dropped
        return Standing(self._asked, delivered, waiting, self._dropped)

    def _count_asked(self) -> None:
        """Count those whose time has come of the calls that were drawn ahead of it."""
        run_s = (self._closed_at or now()) - self._run_started_at
        while self._ahead and self._ahead[0] < run_s:
            self._ahead.popleft()
            self._asked += 1

    def _drop_what_is_due(self) -> None:
        while self._ready:
            permit = self._ready.popleft()
            if self._is_overdue(permit, 0.0):
                self._drop(permit)

    def _begin_if_all_is_ready(self) -> None:
        if self._has_users and not self._warmup_to_end and self._pacer is None and self._closed_at is None:
            self._begins_s = now() - self._run_started_at + LEAD_S
            self._coming = next(self._times, None)
            self._pacer = gevent.spawn(self._pace)

    def _pace(self) -> None:
        while self._coming is not None:
            left_s = self._begins_s + self._coming.at_s - LEAD_S - (now() - self._run_started_at)
            if left_s > 0:
                gevent.sleep(left_s)
            self._draw_until(now() - self._run_started_at + LEAD_S)
            self.on_ready()
        self._is_drawn = True
        self._look_whether_spent()

    def _draw_until(self, run_s: float) -> None:
        """Make ready what is due by a time of the run's."""
        self._count_asked()
        while self._coming is not None and self._begins_s + self._coming.at_s <= run_s:
            self._ready.append(self._next(Due(self._begins_s + self._coming.at_s, self._coming.stage)))
            self._ahead.append(self._begins_s + self._coming.at_s)
            self._coming = next(self._times, None)

    def _next(self, due: Due | None) -> Permit:
        self._counted += 1
        return Permit(self._counted, *(due or ()))

    def _lateness_s(self, permit: Permit) -> float:
        """How late its call would be now, or was when the run was over; one without a time never is."""
        if permit.scheduled_s is None:
            return 0.0
        return (self._closed_at or now()) - self._run_started_at - permit.scheduled_s

    def _is_overdue(self, permit: Permit, patience_s: float) -> bool:
        return self._lateness_s(permit) > patience_s

    def _drop(self, permit: Permit) -> None:
        self._dropped += 1
        self._on_dropped(permit)
        self.end(permit.number)

    def _look_whether_spent(self) -> None:
        if self._is_drawn and self._ended == self._counted:
            self._on_spent()
