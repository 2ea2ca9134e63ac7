"""A worker's idea of its master's clock, which on another machine started at another time.

Cristian's algorithm: the master's answer was written, on average, half a round trip before it came; so the error is at
most half a round trip (F. Cristian, Probabilistic clock synchronization, 1989).
"""

from itertools import chain, repeat
from typing import Any

import gevent

from harness.messages import ANSWER, ASK
from wire.exchange import now

FIRST_PAUSES_S, LATER_PAUSE_S = (0.05,) * 40, 1.0
"""Processes that have just started answer late, now and then: the first of many answers may be 35 ms off."""

DRIFT = 100e-6
"""Two clocks part by no more than this share of the time: what was learnt earlier counts for less by as much."""


def answer(runner: Any) -> None:
    """Let a master answer its workers."""
    runner.register_message(
        ASK, lambda msg, **_: runner.send_message(ANSWER, {"asked_at": msg.data, "at": now()}, client_id=msg.node_id)
    )


class MasterClock:
    """Asks the master for its time, often at first, and keeps the answer that is least in doubt."""

    def __init__(self, runner: Any) -> None:
        self._offset_s: float | None = None
        self._doubt_s = self._noted_at = 0.0
        runner.register_message(ANSWER, self._note)
        runner.greenlet.spawn(self._ask, runner)

    def here(self, master_s: float, fallback_s: float) -> float:
        """Return a time of the master's on this process's clock; the fallback if the master has not answered yet."""
        return fallback_s if self._offset_s is None else master_s - self._offset_s

    def _ask(self, runner: Any) -> None:
        for pause_s in chain(FIRST_PAUSES_S, repeat(LATER_PAUSE_S)):
            runner.send_message(ASK, now())
            gevent.sleep(pause_s)

    def _note(self, msg: Any, **_: Any) -> None:
        came_at, asked_at = now(), msg.data["asked_at"]
        doubt_s = (came_at - asked_at) / 2
        if self._offset_s is None or doubt_s < self._doubt_s + DRIFT * (came_at - self._noted_at):
            self._offset_s = msg.data["at"] - (came_at + asked_at) / 2
            self._doubt_s, self._noted_at = doubt_s, came_at
