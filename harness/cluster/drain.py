"""The end of a distributed test: the master waits for its workers' last calls, and for their rows.

Locust's own master tells that a test has stopped before its workers' last reports are in.
"""

import math
from typing import Any

import gevent
from locust.runners import STATE_MISSING

from harness.messages import CUT, DRAIN, DRAINED
from wire.exchange import now

PATIENCE_S = 10.0
"""How much longer than a call may take the master waits for a worker."""


class Drain:
    """The master's side of the agreement; the worker's is in `harness.cluster.worker`."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner
        self._drained: set[str] = set()
        self._give_up_at = math.inf
        runner.register_message(DRAINED, self._note)

    def wait(self) -> None:
        """Ask every worker for its last report and wait until all that live have sent theirs."""
        self._drained.clear()
        self._runner.send_message(DRAIN)
        self._give_up_at = min(self._give_up_at, now() + self._runner.environment.stop_timeout + PATIENCE_S)
        while not self._is_done() and now() < self._give_up_at:
            gevent.sleep(0.05)

    def begin(self) -> None:
        """A new run has all the time again."""
        self._give_up_at = math.inf

    def cut(self) -> None:
        """Let every worker abort its calls in flight, and wait for their rows no longer than for the last messages."""
        self._runner.send_message(CUT)
        self._give_up_at = now() + PATIENCE_S

    def _is_done(self) -> bool:
        workers = self._runner.clients.all
        return all(worker.id in self._drained or worker.state == STATE_MISSING for worker in workers)

    def _note(self, msg: Any, **_: Any) -> None:
        self._drained.add(msg.node_id)
