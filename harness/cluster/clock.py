"""A worker's estimate of its master's monotonic clock, which on another machine has another origin.

Cristian's algorithm: the master's answer is taken to be half a round trip old when it arrives, so the error is at most
half a round trip (F. Cristian, Probabilistic clock synchronization, 1989).
"""

from contextlib import suppress
from itertools import chain, repeat
from typing import Any

import gevent
from locust.rpc.protocol import Message
from locust.runners import MasterRunner, WorkerRunner

import locust_inside
from harness.messages import ANSWER, ASK
from wire.exchange import now

FIRST_PAUSES_S, LATER_PAUSE_S = (0.05,) * 40, 1.0
"""Processes that have just started sometimes answer late: the first of many answers can be 35 ms off."""

ROUNDS, PATIENCE_S = 3, 5.0
"""A run's start waits for so many new answers, at most so long: those that came while the process imported an SDK were
read only after that, seconds late."""

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
        self._runner: Any = runner
        self._offset_s: float | None = None
        self._doubt_s = self._noted_at = self._answered_at = 0.0
        runner.register_message(ANSWER, self._note)
        runner.greenlet.spawn(self._ask, runner)

    def here(self, master_s: float, fallback_s: float) -> float:
        """Convert a time on the master's clock to this process's; return the fallback if the master doesn't answer.

        Called while a message is handled, a start, before which no other may be read.
        """
        with suppress(gevent.Timeout), gevent.Timeout(PATIENCE_S):
            for _ in range(ROUNDS):
                self._ask_now()
        return fallback_s if self._offset_s is None else master_s - self._offset_s

    def _ask_now(self) -> None:
        asked_at = now()
        self._runner.send_message(ASK, asked_at)
        locust_inside.receive_first(self._runner, ANSWER, lambda: self._answered_at >= asked_at)

    def _ask(self, runner: Any) -> None:
        for pause_s in chain(FIRST_PAUSES_S, repeat(LATER_PAUSE_S)):
            runner.send_message(ASK, now())
            gevent.sleep(pause_s)

    def _note(self, msg: Message, **_: object) -> None:
        came_at, asked_at = now(), msg.data["asked_at"]
        self._answered_at, doubt_s = asked_at, (came_at - asked_at) / 2
        if self._offset_s is None or doubt_s < self._doubt_s + DRIFT * (came_at - self._noted_at):
            self._offset_s = msg.data["at"] - (came_at + asked_at) / 2
            self._doubt_s, self._noted_at = doubt_s, came_at
