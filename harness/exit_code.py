"""The exit code of the process: what was worst decides."""

import signal
from typing import Any

import gevent
import greenlet
import locust.log
from locust.runners import STATE_INIT, MasterRunner

from harness.errors import BAD_USAGE, BREACHED, INTERNAL, INTERRUPTED, REACHED, TERMINATED, UNREACHABLE

PRECEDENCE = (BAD_USAGE, UNREACHABLE, INTERNAL, INTERRUPTED, TERMINATED, BREACHED)


class ExitCode:
    """Collects what happened and decides at the end. An error of our own is never hidden behind a 0."""

    def __init__(self) -> None:
        self._noted: set[int] = set()

    def note(self, code: int) -> None:
        self._noted.add(code)

    def watch_signals(self, runner: Any) -> None:
        """Note SIGINT and SIGTERM. SIGINT then interrupts the main greenlet, never a user in the middle of a row.

        A headless master that still waits for its workers has nothing to end: it leaves at once.
        """
        main = greenlet.getcurrent()
        gevent.signal_handler(signal.SIGINT, self._interrupt, main, runner)
        gevent.signal_handler(signal.SIGTERM, self._terminate, main, runner)

    def decide(self, environment: Any) -> int:
        """Return the code: the first of `PRECEDENCE` that was noted, else Locust's for failed calls, else 0."""
        runner = environment.runner
        if locust.log.unhandled_greenlet_exception or runner.exceptions:
            self.note(INTERNAL)
        for code in PRECEDENCE:
            if code in self._noted:
                return code
        return int(environment.parsed_options.exit_code_on_error) if runner.errors else REACHED

    def _interrupt(self, main: Any, runner: Any) -> None:
        self.note(INTERRUPTED)
        if _waits_for_workers(runner):
            _leave(main, runner, INTERRUPTED)
        else:
            gevent.get_hub().loop.run_callback(main.throw, KeyboardInterrupt)

    def _terminate(self, main: Any, runner: Any) -> None:
        """Locust ends a run by a handler of its own, which it has not set before its workers are there."""
        self.note(TERMINATED)
        if _waits_for_workers(runner):
            _leave(main, runner, TERMINATED)


def _leave(main: Any, runner: Any, code: int) -> None:
    """Tell the workers that are there already, and end the process."""
    runner.quit()
    gevent.get_hub().loop.run_callback(main.throw, SystemExit(code))


def _waits_for_workers(runner: Any) -> bool:
    is_headless = runner.environment.parsed_options.headless
    return isinstance(runner, MasterRunner) and runner.state == STATE_INIT and is_headless
