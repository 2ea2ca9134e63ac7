"""The end of a distributed test: the master waits for its workers' last calls, and for their rows.

Locust's own master tells that a test has stopped before its workers' last reports are in.
"""

from typing import Any

import gevent
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

from wire.exchange import now

DRAIN, DRAINED = "llm_drain", "llm_drained"
PATIENCE_S = 10.0
"""How much longer than a call may take the master waits for a worker."""


class Drain:
    """Both sides of the agreement: `install` it in each process, then `wait` on the master."""

    def __init__(self) -> None:
        self._drained: set[str] = set()

    def install(self, runner: Any) -> None:
        if isinstance(runner, MasterRunner):
            runner.register_message(DRAINED, self._note)
        elif isinstance(runner, WorkerRunner):
            runner.register_message(DRAIN, self._drain, concurrent=True)

    def wait(self, runner: Any) -> None:
        """Ask every worker for its last report and wait until all that live have sent theirs."""
        self._drained.clear()
        runner.send_message(DRAIN)
        give_up_at = now() + runner.environment.stop_timeout + PATIENCE_S
        while not self._is_done(runner) and now() < give_up_at:
            gevent.sleep(0.05)

    def _is_done(self, runner: Any) -> bool:
        return all(worker.id in self._drained or worker.state == STATE_MISSING for worker in runner.clients.all)

    def _note(self, msg: Any, **_: Any) -> None:
        self._drained.add(msg.node_id)

    def _drain(self, environment: Any, **_: Any) -> None:
        runner = environment.runner
        runner.stop_users(runner.user_classes_count)
        runner._send_stats()
        runner.send_message(DRAINED)
