"""The end of a distributed test: the master waits for its workers' last calls, and for their rows.

Locust's own master tells that a test has stopped before its workers' last reports are in.
"""

from typing import Any

import gevent
from locust.runners import STATE_MISSING

from wire.exchange import now

DRAIN, DRAINED = "llm_drain", "llm_drained"
PATIENCE_S = 10.0
"""How much longer than a call may take the master waits for a worker."""


class Drain:
    """The master's side of the agreement; the worker's is in `harness.worker`."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner
        self._drained: set[str] = set()
        runner.register_message(DRAINED, self._note)

    def wait(self) -> None:
        """Ask every worker for its last report and wait until all that live have sent theirs."""
        self._drained.clear()
        self._runner.send_message(DRAIN)
        give_up_at = now() + self._runner.environment.stop_timeout + PATIENCE_S
        while not self._is_done() and now() < give_up_at:
            gevent.sleep(0.05)

    def _is_done(self) -> bool:
        workers = self._runner.clients.all
        return all(worker.id in self._drained or worker.state == STATE_MISSING for worker in workers)

    def _note(self, msg: Any, **_: Any) -> None:
        self._drained.add(msg.node_id)
