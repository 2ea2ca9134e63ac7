"""A worker's estimate of its master's clock, whose first answers come late."""

from types import SimpleNamespace
from typing import Any, cast

import gevent
import pytest
from gevent.queue import Queue
from locust.rpc.protocol import Message

from harness.cluster.clock import PATIENCE_S, MasterClock
from harness.messages import ANSWER
from wire.exchange import now

LATE_S, AN_HOUR_S = 0.4, 3600.0


class Runner:
    """A worker's runner, as far as the clock uses it, with a master in the same process, an hour ahead.

    late  which questions are answered late, although they were read at once; `None`: there are no answers
    """

    def __init__(self, late: range | None) -> None:
        self._late, self._asked = late, 0
        self._inbox = Queue[Message]()
        self.greenlet, self.client = SimpleNamespace(spawn=gevent.spawn), SimpleNamespace(recv=self._inbox.get)

    def register_message(self, kind: str, listener: Any) -> None:
        self._listen = listener

    def send_message(self, kind: str, asked_at: float) -> None:
        if self._late is None:
            return
        answer = Message(ANSWER, {"asked_at": asked_at, "at": now() + AN_HOUR_S}, "worker")
        gevent.spawn_later(LATE_S if self._asked in self._late else 0, self._inbox.put, answer)
        self._asked += 1

    def handle_message(self, message: Message) -> None:
        if message.type == ANSWER:
            self._listen(msg=message)

    def handle_all(self) -> None:
        while True:
            self.handle_message(self.client.recv())


def clock_of(runner: Runner) -> MasterClock:
    return MasterClock(cast(Any, runner))


@pytest.mark.parametrize("late", [range(0), range(3)])
def test_a_worker_is_not_ready_before_it_knows_its_masters_time(late: range) -> None:
    runner = Runner(late)
    clock = clock_of(runner)
    listening = gevent.spawn(runner.handle_all)
    clock.settle()
    at_s = now()
    assert clock.here(at_s + AN_HOUR_S, 0) == pytest.approx(at_s, abs=LATE_S / 8)
    listening.kill()


@pytest.mark.parametrize("late", [range(0), range(3)])
def test_a_start_that_comes_before_the_first_answer_waits_for_good_ones(late: range) -> None:
    runner = Runner(late)
    clock, at_s = clock_of(runner), now()
    assert clock.here(at_s + AN_HOUR_S, 0) == pytest.approx(at_s, abs=LATE_S / 8)


def test_over_a_slow_link_the_best_of_many_answers_has_to_do() -> None:
    runner = Runner(range(1_000_000))
    clock, at_s = clock_of(runner), now()
    assert clock.here(at_s + AN_HOUR_S, 0) == pytest.approx(at_s, abs=LATE_S)
    assert now() - at_s < PATIENCE_S


def test_a_master_that_does_not_answer_is_not_waited_for_forever() -> None:
    assert clock_of(Runner(None)).here(1.0, fallback_s=42.0) == 42.0
