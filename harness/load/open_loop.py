"""An open loop: calls start when they are due, whether or not earlier answers have arrived."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import gevent

from harness.load.conversations import Conversations
from harness.load.schedule import Due
from providers.permit import Permit
from wire.exchange import now

LEAD_S = 0.1
"""How far ahead of its due time a call is handed to a user, so that a message can reach a worker."""

MOST_AT_ONCE = 100
"""How many calls are drawn or dropped before others have a turn (a dropped call takes some 60 µs): at a rate that can't
be kept up with, answers would otherwise wait for seconds, and the end of the run (-t, Ctrl-C) forever."""

TURN_S = 1e-4
"""How long others have a turn. A sleep of 0 s lets only greenlets run: up to 50 such turns pass before a read."""


class Standing(NamedTuple):
    """How well a schedule is being kept, in calls or pairs of calls. `asked` are those due by now; each of them was
    delivered (started), is waiting for a user, or was dropped. Warm-up calls have no due time and are not counted."""

    asked: int
    delivered: int
    waiting: int
    dropped: int


class OpenLoop:
    """Hands out a schedule's calls, as `harness.load.closed_loop.Budget` does for a closed loop.

    The schedule begins when all users have started (`begin`) and the warm-up calls have ended. A call that no user has
    taken within `patience_s` of its due time, or by the end of the run, is dropped.

    `on_dropped` is called with each permit whose calls are dropped, and `on_spent` once, when the last call has ended.

    per_permit    the calls of each permit, one or two; due times are those of permits
    warmup_calls  a multiple of that
    """

    def __init__(
        self,
        times: Iterator[Due],
        warmup_calls: int,
        patience_s: float,
        run_started_at: float,
        on_dropped: Callable[[Permit], None],
        on_spent: Callable[[], None],
        per_permit: int = 1,
    ) -> None:
        self._per_permit = per_permit
        self._on_ready: Callable[[], None] = lambda: None
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
        self._conversations = Conversations()

    def take(self, begins: bool = False) -> Permit | None:
        """Return a call that is due within `LEAD_S`; `None` when there is none yet, or none any more.

        begins  whether it is to begin a conversation
        """
        if self._closed_at is not None:
            return None
        if self._warmup_left:
            self._warmup_left -= self._per_permit
            return self._conversations.given(self._next(None), begins)
        return self._conversations.given(permit, begins) if (permit := self._next_in_time()) else None

    def _next_in_time(self) -> Permit | None:
        """Return the next call that is not overdue, dropping those before it."""
        for _ in range(min(MOST_AT_ONCE, len(self._ready))):
            permit = self._ready.popleft()
            if not self._is_overdue(permit, self._patience_s):
                return permit
            self._drop(permit)
        if self._ready:
            gevent.spawn_later(TURN_S, self._on_ready)
        return None

    def when_ready(self, on_ready: Callable[[], None]) -> None:
        """Call `on_ready` from now on when a call can be taken."""
        self._on_ready = on_ready

    def take_back(self, permit: Permit) -> None:
        """Take back an unused permit: it is the next to be handed out, or is dropped if the run is over."""
        self._ready.appendleft(self._conversations.taken_from(permit))
        if self._closed_at is not None:
            self._drop_what_is_due()

    def end(self, number: int) -> None:
        """Count a call as ended, however it ended."""
        self._ended += 1
        if self._warmup_to_end:
            self._warmup_to_end -= 1
            self._begin_if_all_is_ready()
        self._look_whether_spent()

    def begin(self) -> None:
        """Note that all users have started."""
        self._has_users = True
        self._begin_if_all_is_ready()

    def close(self) -> None:
        """End the schedule: calls that are due and not taken by now never will be."""
        self._closed_at = self._closed_at or now()
        if self._pacer is not None:
            self._pacer.kill(block=False)
        while self._pacer is not None and self._draw_until(self._closed_at - self._run_started_at, MOST_AT_ONCE):
            self._drop_what_is_due()
        self._drop_what_is_due()

    def standing(self) -> Standing:
        """Return how well the schedule is being kept, or was when the run ended."""
        self._count_asked()
        waiting = sum(permit.scheduled_s is not None and self._is_overdue(permit, 0.0) for permit in self._ready)
        delivered = self._asked - waiting - self._dropped
        return Standing(self._asked, delivered, waiting, self._dropped)

    def _count_asked(self) -> None:
        """Count the calls drawn ahead of time that have come due since."""
        run_s = (self._closed_at or now()) - self._run_started_at
        while self._ahead and self._ahead[0] < run_s:
            self._ahead.popleft()
            self._asked += 1

    def _drop_what_is_due(self) -> None:
        while self._ready:
            for _ in range(min(MOST_AT_ONCE, len(self._ready))):
                permit = self._ready.popleft()
                if self._is_overdue(permit, 0.0):
                    self._drop(permit)
            gevent.sleep(TURN_S)

    def _begin_if_all_is_ready(self) -> None:
        if self._has_users and not self._warmup_to_end and self._pacer is None and self._closed_at is None:
            self._begins_s = now() - self._run_started_at + LEAD_S
            self._coming = next(self._times, None)
            self._pacer = gevent.spawn(self._pace)

    def _pace(self) -> None:
        while self._coming is not None:
            left_s = self._begins_s + self._coming.at_s - LEAD_S - (now() - self._run_started_at)
            gevent.sleep(max(TURN_S, left_s))
            self._draw_until(now() - self._run_started_at + LEAD_S, MOST_AT_ONCE)
            self._on_ready()
        self._is_drawn = True
        self._look_whether_spent()

    def _draw_until(self, run_s: float, most: int) -> bool:
        """Make ready the calls that are due by a time, in seconds from the run's start, or the first `most` of them.
        Return whether there were any."""
        self._count_asked()
        counted = self._counted
        end = self._counted + most * self._per_permit
        while self._coming is not None and self._begins_s + self._coming.at_s <= run_s and self._counted < end:
            self._ready.append(self._next(Due(self._begins_s + self._coming.at_s, self._coming.stage)))
            self._ahead.append(self._begins_s + self._coming.at_s)
            self._coming = next(self._times, None)
        return self._counted > counted

    def _next(self, due: Due | None) -> Permit:
        at_s, stage = due or (None, None)
        permit = Permit(self._counted + 1, at_s, stage, self._per_permit)
        self._counted += self._per_permit
        return permit

    def _lateness_s(self, permit: Permit) -> float:
        """Return how late the call is, or was when the run ended; a call without a due time is never late."""
        if permit.scheduled_s is None:
            return 0.0
        return (self._closed_at or now()) - self._run_started_at - permit.scheduled_s

    def _is_overdue(self, permit: Permit, patience_s: float) -> bool:
        return self._lateness_s(permit) > patience_s

    def _drop(self, permit: Permit) -> None:
        self._dropped += 1
        self._on_dropped(permit)
        for number in permit.numbers:
            self.end(number)

    def _look_whether_spent(self) -> None:
        if self._is_drawn and self._ended == self._counted:
            self._on_spent()
