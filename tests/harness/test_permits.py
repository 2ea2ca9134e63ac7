"""Permits between a ledger and its permit queues: none is used twice or lost on the way, and no user waits forever."""

from itertools import islice
from typing import Any

import gevent
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.load.closed_loop import Budget
from harness.load.open_loop import OpenLoop
from harness.load.permits import PermitLedger, PermitQueue
from harness.load.schedule import Due, Schedule, Stage
from harness.run.counting import queue_here
from providers.permit import Permit
from wire.exchange import now

FAST = Schedule((Stage(1000, 1000, float("inf")),), "constant")


class Network:
    """A ledger and its workers' permit queues, with every message in transit until it is delivered."""

    def __init__(self, budget: Budget, workers: int) -> None:
        self.ledger = PermitLedger(budget, self._send_grant)
        self._on_the_way: list[tuple[str, int, Any]] = []
        self.rooms = [self._queue(worker) for worker in range(workers)]

    def _queue(self, worker: int) -> PermitQueue:
        return PermitQueue(
            now(),
            want=lambda begins: self._on_the_way.append(("want", worker, begins)),
            unwant=lambda begins: self._on_the_way.append(("unwant", worker, begins)),
            back=lambda number: self._on_the_way.append(("back", worker, number)),
            on_end=lambda number: self.ledger.end(str(worker), number),
        )

    def _send_grant(self, worker: str, permit: Permit) -> None:
        self._on_the_way.append(("grant", int(worker), permit))

    def deliver(self, messages: int) -> None:
        for _ in range(min(messages, len(self._on_the_way))):
            what, worker, sent = self._on_the_way.pop(0)
            if what == "want":
                self.ledger.want(str(worker), sent)
            elif what == "unwant":
                self.ledger.unwant(str(worker), sent)
            elif what == "back":
                self.ledger.take_back(str(worker), sent)
            else:
                self.rooms[worker].grant(sent)

    def deliver_all(self) -> None:
        while self._on_the_way:
            self.deliver(1)
            gevent.sleep(0)


def open_loop(calls: int, dropped: list[Permit], spent: list[bool], warmup: int = 0) -> OpenLoop:
    times = islice(FAST.times(1), calls)
    return OpenLoop(times, warmup, 30.0, now(), dropped.append, lambda: spent.append(True))


STEPS = st.lists(
    st.tuples(st.sampled_from(["user", "beginner", "stop", "kill", "deliver"]), st.integers(0, 5)), max_size=40
)


@settings(max_examples=30)
@given(steps=STEPS, calls=st.integers(1, 12))
def test_every_permit_is_used_once_whichever_users_come_and_go(steps: list[tuple[str, int]], calls: int) -> None:
    used: list[int] = []
    begun: list[int] = []
    spent: list[bool] = []
    network = Network(Budget(calls, lambda: spent.append(True)), workers=2)
    users: list[tuple[PermitQueue, gevent.Greenlet[[PermitQueue, bool], None]]] = []

    def use_one(queue: PermitQueue, begins: bool) -> None:
        if permit := queue.take(begins):
            assert (permit.conversation is not None) == begins
            begun.extend(filter(None, [permit.conversation]))
            used.append(permit.number)
            queue.end(permit.number)

    def start(worker: int, begins: bool) -> None:
        users.append((network.rooms[worker], gevent.spawn(use_one, network.rooms[worker], begins)))
        gevent.sleep(0)

    for step, which in steps:
        if step in ("user", "beginner"):
            start(which % 2, begins=step == "beginner")
        elif step == "deliver":
            network.deliver(which)
        elif users and step == "stop":
            queue, user = users[which % len(users)]
            queue.withdraw(user)
        elif users and step == "kill":
            users[which % len(users)][1].kill()
        gevent.sleep(0)
    for number in range(calls):
        start(number % 2, begins=number % 3 == 0)
    with gevent.Timeout(10):
        while not spent:
            network.deliver_all()
            gevent.sleep(0)
    assert sorted(used) == list(range(1, calls + 1))
    assert len(set(begun)) == len(begun)
    assert spent == [True]
    for queue in network.rooms:
        queue.close()
    network.deliver_all()
    gevent.joinall([user for _, user in users], timeout=1)
    assert all(user.dead for _, user in users)


def test_a_thousand_users_that_stop_waiting_leave_the_calls_to_the_others() -> None:
    dropped: list[Permit] = []
    spent: list[bool] = []
    loop = open_loop(50, dropped, spent)
    queue = queue_here(loop, now())
    made: list[int] = []

    def ask() -> None:
        while permit := queue.take():
            made.append(permit.number)
            queue.end(permit.number)

    users = [gevent.spawn(ask) for _ in range(1000)]
    gevent.sleep(0)
    for user in users[5:]:
        queue.withdraw(user)
    loop.begin()
    with gevent.Timeout(10):
        while not spent:
            gevent.sleep(0.01)
    assert sorted(made) == list(range(1, 51))
    assert not dropped
    queue.close()
    gevent.joinall(users, timeout=1)
    assert all(user.dead for user in users)


def test_a_row_from_a_worker_that_only_seemed_dead_is_not_a_lost_call() -> None:
    spent: list[bool] = []
    granted: list[tuple[str, int]] = []
    ledger = PermitLedger(
        Budget(3, lambda: spent.append(True)), lambda worker, permit: granted.append((worker, permit.number))
    )
    for _ in range(2):
        ledger.want("silent")
    ledger.bury({"other"})
    assert ledger.lost_count == 2
    ledger.end("silent", 1)
    assert ledger.lost_count == 1
    ledger.want("other")
    ledger.end("other", 3)
    assert granted == [("silent", 1), ("silent", 2), ("other", 3)]
    assert spent == [True]


def test_calls_that_a_living_worker_never_reports_are_lost() -> None:
    """As if it were of another version, whose reports can't be read."""
    ledger = PermitLedger(Budget(3, lambda: None), lambda worker, permit: None)
    for worker in ("silent", "other", "silent"):
        ledger.want(worker)
    ledger.end("other", 2)
    assert ledger.give_up() == {"silent"}
    assert ledger.lost_count == 2
    assert ledger.give_up() == set()


def test_a_worker_that_only_seemed_dead_still_gets_its_users_permits() -> None:
    granted: list[str] = []
    there = {"silent", "other"}
    budget = Budget(2, lambda: None)
    ledger = PermitLedger(budget, lambda worker, permit: granted.append(worker), lambda worker: worker in there)
    there.discard("silent")
    for worker in ("silent", "silent", "other"):
        ledger.want(worker)
    ledger.bury({"other"})
    assert granted == ["other"]
    there.add("silent")
    ledger.serve()
    assert granted == ["other", "silent"]


def test_a_call_that_was_due_when_its_permit_came_back_after_the_end_is_dropped() -> None:
    dropped: list[Permit] = []
    loop = OpenLoop(iter([Due(0.0, 1), Due(0.0, 1)]), 0, 30.0, now(), dropped.append, lambda: None)
    loop.begin()
    with gevent.Timeout(10):
        while (permit := loop.take()) is None:
            gevent.sleep(0.01)
    gevent.sleep(0.15)
    loop.close()
    loop.take_back(permit)
    assert sorted(permit.number for permit in dropped) == [1, 2]


def test_a_warm_up_call_that_comes_back_is_made_by_another_before_the_schedule_begins() -> None:
    dropped: list[Permit] = []
    loop = open_loop(1, dropped, [], warmup=2)
    first, second = loop.take(), loop.take()
    assert first
    assert second
    loop.begin()
    loop.take_back(first)
    loop.end(second.number)
    assert loop.take() == first
    assert loop.take() is None
    loop.end(first.number)
    with gevent.Timeout(10):
        while (measured := loop.take()) is None:
            gevent.sleep(0.01)
    assert measured.number == 3
    assert measured.scheduled_s is not None
