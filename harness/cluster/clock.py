"""A worker's estimate of its master's monotonic clock, which on another machine has another origin.

Cristian's algorithm: the master's answer is taken to be half a round trip old when it arrives, so the error is at most
half a round trip (F. Cristian, Probabilistic clock synchronization, 1989).
"""

from contextlib import suppress
from itertools import chain, repeat
from typing import Any

import gevent
from gevent.event import Event
from locust.rpc.protocol import Message
from locust.runners import MasterRunner, WorkerRunner

import locust_inside
from harness.messages import ANSWER, ASK
from wire.exchange import now

FIRST_PAUSES_S, LATER_PAUSE_S = (0.05,) * 40, 1.0
"""Processes that have just started sometimes answer late: the first of many answers can be 35 ms off."""

GOOD_DOUBT_S, ENOUGH_ANSWERS = 0.002, 10
"""An estimate is good with so small an error bound; over a slow link, the best of so many answers has to do."""

PATIENCE_S = 5.0
"""A worker, and a run's start, wait for a good estimate for at most so long."""

DRIFT = 100e-6
"""The most that two clocks drift apart, in seconds per second: the doubt about an earlier answer grows by as much."""


def answer(runner: MasterRunner) -> None:
    """Make a master answer its workers."""
    runner.register_message(
        ASK, lambda msg, **_: runner.send_message(ANSWER, {"asked_at": msg.data, "at": now()}, client_id=msg.node_id)
    )


class MasterClock:
    """Asks the master for its time, frequently at first, and keeps the answer with the smallest error bound."""

    def __init__(self, runner: WorkerRunner) -> None:
        self._runner = runner
        self._offset_s: float | None = None
        self._doubt_s = self._noted_at = 0.0
        self._answers, self._is_good = 0, Event()
        runner.register_message(ANSWER, self._note)
        runner.greenlet.spawn(self._ask, runner)

    def settle(self) -> None:
        """Wait for a good estimate, while messages are handled elsewhere: then a start needn't wait for one."""
        self._is_good.wait(PATIENCE_S)

    def here(self, master_s: float, fallback_s: float) -> float:
        """Convert a time on the master's clock to this process's; return the fallback if the master doesn't answer.

        Called while a message is handled that can come before a good answer: a start, for who connects last.
        """
        if not self._is_good.is_set():
            with suppress(gevent.Timeout), gevent.Timeout(PATIENCE_S):
                locust_inside.receive_first(self._runner, ANSWER, self._is_good.is_set)
        return fallback_s if self._offset_s is None else master_s - self._offset_s

    def _ask(self, runner: Any) -> None:
        for pause_s in chain(FIRST_PAUSES_S, repeat(LATER_PAUSE_S)):
            runner.send_message(ASK, now())
            gevent.sleep(pause_s)

    def _note(self, msg: Message, **_: object) -> None:
        came_at, asked_at = now(), msg.data["asked_at"]
        doubt_s = (came_at - asked_at) / 2
        if self._offset_s is None or doubt_s < self._doubt_s + DRIFT * (came_at - self._noted_at):
            self._offset_s = msg.data["at"] - (came_at + asked_at) / 2
            self._doubt_s, self._noted_at = doubt_s, came_at
        self._answers += 1
        if doubt_s <= GOOD_DOUBT_S or self._answers >= ENOUGH_ANSWERS:
            self._is_good.set()
