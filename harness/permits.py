"""Exactly N calls over many workers: a worker asks for a permit for each call, and keeps no stock of them."""

from collections import defaultdict, deque
from typing import Any

from gevent.event import AsyncResult

from harness.budget import Budget

WANT, GRANT, BACK = "llm_want", "llm_grant", "llm_back"


class PermitDesk:
    """The master's side: gives the budget's numbers out to workers and knows which are still out.

    A permit is out until its call's row arrives. A worker that dies keeps those it had: their calls may have been
    sent, so they are counted as lost and never given to another.
    """

    def __init__(self, runner: Any, run_id: str, budget: Budget) -> None:
        self.lost_count = 0
        self._runner, self._run_id, self._budget = runner, run_id, budget
        self._out: defaultdict[str, set[int]] = defaultdict(set)
        self._given_back: list[int] = []
        self._waiting: deque[str] = deque()

    def want(self, worker: str, run_id: str) -> None:
        """A worker asks. Beyond the budget its user waits: a number may yet come back, else the run ends."""
        if run_id == self._run_id:
            self._waiting.append(worker)
            self._serve()

    def take_back(self, worker: str, run_id: str, number: int) -> None:
        """A worker's user was stopped before it could use its permit."""
        if run_id == self._run_id and number in self._out[worker]:
            self._out[worker].remove(number)
            self._given_back.append(number)
            self._serve()

    def end(self, worker: str, number: int) -> None:
        """A call's row has arrived."""
        if number in self._out[worker]:
            self._out[worker].remove(number)
            self._budget.end()

    def bury(self, living: set[str]) -> None:
        """Count the permits of workers that are gone as lost."""
        for worker in [worker for worker, numbers in self._out.items() if numbers and worker not in living]:
            lost = self._out.pop(worker)
            self.lost_count += len(lost)
            for _ in lost:
                self._budget.end()

    def _serve(self) -> None:
        while self._waiting:
            number = self._given_back.pop() if self._given_back else self._budget.take()
            if number is None:
                return
            worker = self._waiting.popleft()
            self._out[worker].add(number)
            self._runner.send_message(GRANT, {"run_id": self._run_id, "number": number}, client_id=worker)


class RemotePermits:
    """A worker's side: what its users take a permit from."""

    def __init__(self, runner: Any, run_id: str) -> None:
        self._runner, self._run_id = runner, run_id
        self._waiters: deque[AsyncResult[int | None]] = deque()
        self._is_closed = False

    def take(self) -> int | None:
        """Wait for the number of the next call; `None` once the run is over."""
        if self._is_closed:
            return None
        waiter: AsyncResult[int | None] = AsyncResult()
        self._waiters.append(waiter)
        self._runner.send_message(WANT, {"run_id": self._run_id})
        try:
            return waiter.get()
        except BaseException:
            self._forget(waiter)
            raise

    def grant(self, run_id: str, number: int) -> None:
        """The master has sent a permit, for whoever has waited longest."""
        if run_id == self._run_id and self._waiters:
            self._waiters.popleft().set(number)
        else:
            self._runner.send_message(BACK, {"run_id": run_id, "number": number})

    def end(self) -> None:
        """Nothing to count here: the master counts the rows."""

    def close(self) -> None:
        """End the wait of every user: there will be no more calls."""
        self._is_closed = True
        while self._waiters:
            self._waiters.popleft().set(None)

    def _forget(self, waiter: "AsyncResult[int | None]") -> None:
        """A waiting user is being killed: its permit, if it has one by now, goes back."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        elif (number := waiter.get_nowait()) is not None:
            self._runner.send_message(BACK, {"run_id": self._run_id, "number": number})
