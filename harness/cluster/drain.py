"""The end of a distributed test: the master waits for its workers' last calls and their rows.

Locust's own master announces that a test has stopped before its workers' last reports have arrived.
"""

import math

import gevent
from locust.rpc.protocol import Message
from locust.runners import STATE_MISSING, MasterRunner

from harness.messages import CUT, DRAIN, DRAINED
from wire.exchange import now

PATIENCE_S = 10.0
"""Grace period for a worker, on top of the stop timeout."""


class Drain:
    """The master's side of the protocol; the worker's is in `harness.cluster.worker`."""

    def __init__(self, runner: MasterRunner) -> None:
        self._runner = runner
        self._drained: set[str] = set()
        self._give_up_at = math.inf
        runner.register_message(DRAINED, self._note)

    def wait(self) -> None:
        """Ask every worker for its last report and wait until all living workers have sent it, or are too late."""
        self._drained.clear()
        self._runner.send_message(DRAIN)
        self._give_up_at = min(self._give_up_at, now() + self._runner.environment.stop_timeout + PATIENCE_S)
        while self.late and now() < self._give_up_at:
            gevent.sleep(0.05)

    def begin(self) -> None:
        """Reset the deadline for a new run."""
        self._give_up_at = math.inf

    def cut(self) -> None:
        """Make every worker abort its calls in flight, and wait only the grace period for their rows."""
        self._runner.send_message(CUT)
        self._give_up_at = now() + PATIENCE_S

    @property
    def late(self) -> set[str]:
        """The workers that are there, and have not sent their last report."""
        workers = self._runner.clients.all
        return {worker.id for worker in workers if worker.state != STATE_MISSING} - self._drained

    def _note(self, msg: Message, **_: object) -> None:
        self._drained.add(msg.node_id)
