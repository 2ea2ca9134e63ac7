"""Permits for users here or on workers: one permit per call, never prefetched."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Protocol

from gevent.event import AsyncResult, Event
from greenlet import getcurrent, greenlet

from providers.permit import Permit
from wire.exchange import now
from wire.turns import turns


class PermitSource(Protocol):
    """What hands out a run's calls: `harness.load.closed_loop.Budget` or `harness.load.open_loop.OpenLoop`."""

    def take(self, begins: bool) -> Permit | None: ...
    def when_ready(self, on_ready: Callable[[], None]) -> None: ...
    def take_back(self, permit: Permit) -> None: ...
    def end(self, number: int) -> None: ...


class PermitLedger:
    """Grants a budget's permits to workers and knows which are outstanding.

    A call is outstanding until its row arrives. Calls granted to a worker that dies are never granted again: they may
    have been sent, so they are reported as lost. A worker that only seemed dead can still send rows.

    Users within a conversation come before those who are to begin one (`begins`). In a run that plays none, nobody
    begins one.

    grant     sends a permit to a worker, for its longest-waiting user
    is_there  whether a worker has been heard from lately; a silent one is granted nothing
    """

    def __init__(
        self,
        budget: PermitSource,
        grant: Callable[[str, Permit], None],
        is_there: Callable[[str], bool] = lambda worker: True,
    ) -> None:
        self._budget, self._grant, self._is_there = budget, grant, is_there
        self._out: defaultdict[str, dict[int, Permit]] = defaultdict(dict)
        self._lost: dict[int, str] = {}
        self._waiting: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
        self._turns: Counter[str] = Counter()
        self._is_serving = False
        budget.when_ready(self.serve)

    @property
    def lost_count(self) -> int:
        return len(self._lost)

    def want(self, worker: str, begins: bool = False) -> None:
        """Note that one of a worker's users wants a permit; it waits until one is free or the run ends."""
        self._waiting[begins][worker] += 1
        self.serve()

    def unwant(self, worker: str, begins: bool = False) -> None:
        """Note that one of a worker's users has left. A permit already on its way goes to another user, or comes
        back."""
        if self._waiting[begins][worker]:
            self._waiting[begins][worker] -= 1

    def take_back(self, worker: str, number: int) -> None:
        """Take back a permit whose user was stopped before it could use it."""
        if permit := self._out[worker].get(number):
            for each in permit.numbers:
                self._out[worker].pop(each, None)
            self._budget.take_back(permit)
            self.serve()

    def has(self, worker: str, number: int) -> bool:
        """Return whether a worker holds the permit for a call that has no row yet."""
        return number in self._out.get(worker, ()) or self._lost.get(number) == worker

    def end(self, worker: str, number: int) -> None:
        """Note that a call's row has arrived."""
        self._lost.pop(number, None)
        if self._out[worker].pop(number, None):
            self._budget.end(number)

    def bury(self, living: set[str]) -> None:
        """Report the permits held by workers that are gone as lost."""
        for worker in [worker for worker, permits in self._out.items() if permits and worker not in living]:
            lost = self._out.pop(worker)
            self._lost.update(dict.fromkeys(lost, worker))
            for number in lost:
                self._budget.end(number)

    def give_up(self) -> set[str]:
        """Report the permits that are still out as lost: their workers have sent their last rows, or none that could be
        read. Return these workers."""
        silent = {worker for worker, permits in self._out.items() if permits}
        for worker in silent:
            self._lost.update(dict.fromkeys(self._out.pop(worker), worker))
        return silent

    def serve(self) -> None:
        """Grant waiting users what is available. A permit that is returned at once is granted again by the same loop
        rather than by recursion: a thousand waiting users may all have left."""
        if self._is_serving:
            return
        self._is_serving = True
        try:
            while (waiting := self._next_waiting()) and (permit := self._budget.take(begins=waiting[1])):
                worker, begins = waiting
                self._waiting[begins][worker] -= 1
                self._turns[worker] += 1
                self._out[worker] |= dict.fromkeys(permit.numbers, permit)
                self._grant(worker, permit)
        finally:
            self._is_serving = False

    def _next_waiting(self) -> tuple[str, bool] | None:
        """Return the worker whose user is next, and whether that user begins a conversation."""
        for begins, users in self._waiting.items():
            if worker := self._least_busy(users):
                return worker, begins
        return None

    def _least_busy(self, users: Counter[str]) -> str | None:
        """Return the waiting worker with the fewest calls outstanding, and among those the one served least often.
        This keeps the load even, and a worker that has just died soon gets no more."""
        waiting = [worker for worker, count in users.items() if count and self._is_there(worker)]
        return min(waiting, key=lambda worker: (len(self._out[worker]), self._turns[worker]), default=None)


class PermitQueue:
    """Where a process's users wait for a permit, and then until their call is due.

    started_at    the run's start on this process's clock; a permit's due time counts from it
    want, unwant  asks the ledger for a permit; asks for one fewer; with `begins`, as there
    back          returns a permit to the ledger
    on_end        is called with the number of each call that has ended
    """

    def __init__(
        self,
        started_at: float,
        want: Callable[[bool], None],
        unwant: Callable[[bool], None],
        back: Callable[[int], None],
        on_end: Callable[[int], None] = lambda number: None,
    ) -> None:
        self._on_end = on_end
        self._started_at, self._want, self._unwant, self._back = started_at, want, unwant, back
        self._waiters: dict[bool, dict[greenlet, AsyncResult[Permit | None]]] = {False: {}, True: {}}
        self._in_flight = 0
        self._closed = Event()

    def take(self, begins: bool = False) -> Permit | None:
        """Wait for a permit, and until its call is due; `None` once the run is over."""
        if self._closed.is_set():
            return None
        waiter: AsyncResult[Permit | None] = AsyncResult()
        self._waiters[begins][getcurrent()] = waiter
        self._want(begins)
        permit = None
        try:
            granted = waiter.get()
            permit = granted if granted and self._wait_until_due(granted) else None
        finally:
            if permit is None:
                self._forget(waiter, begins)
        self._in_flight += permit.calls if permit else 0
        return permit

    def end(self, number: int) -> None:
        """Note that a call has ended."""
        self._in_flight -= 1
        self._on_end(number)
        self._dismiss_when_idle()

    def grant(self, permit: Permit) -> None:
        """Give a permit to the longest-waiting user of those that it is for."""
        if waiters := self._waiters[permit.conversation is not None]:
            waiters.pop(next(iter(waiters))).set(permit)
        else:
            self._back(permit.number)

    def close(self) -> None:
        """Hand out no more permits: the run is over. Waiting users leave once the last call in flight has ended: a
        thousand users leaving at once take a sixth of a second, which would be added to its latency."""
        self._closed.set()
        self._dismiss_when_idle()

    def withdraw(self, user: greenlet) -> None:
        """End one user's wait, if it is waiting."""
        if not self._closed.is_set():
            self._release(user)

    def _dismiss_when_idle(self) -> None:
        if self._closed.is_set() and not self._in_flight:
            for user in [user for waiters in self._waiters.values() for user in waiters]:
                self._release(user)

    def _release(self, user: greenlet) -> None:
        for begins, waiters in self._waiters.items():
            if waiter := waiters.pop(user, None):
                self._unwant(begins)
                waiter.set(None)

    def _wait_until_due(self, permit: Permit) -> bool:
        """Wait until the call is due, and then for a turn; return False if the run ended first."""
        while permit.scheduled_s is not None and (left_s := self._started_at + permit.scheduled_s - now()) > 0:
            if self._closed.wait(left_s):
                return False
        turns().take()
        return True

    def _forget(self, waiter: "AsyncResult[Permit | None]", begins: bool) -> None:
        """Remove a user that leaves; a permit that it has been granted meanwhile goes back."""
        if self._waiters[begins].pop(getcurrent(), None):
            self._unwant(begins)
        elif (permit := waiter.get_nowait()) is not None:
            self._back(permit.number)
