"""The exit code of the process: what was worst decides."""

import signal
from typing import Any

import gevent
import greenlet
import locust.log

from harness.errors import BAD_USAGE, BREACHED, INTERNAL, INTERRUPTED, REACHED, TERMINATED, UNREACHABLE

PRECEDENCE = (BAD_USAGE, UNREACHABLE, INTERNAL, INTERRUPTED, TERMINATED, BREACHED)


class ExitCode:
    """Collects what happened and decides at the end. An error of our own is never hidden behind a 0."""

    def __init__(self) -> None:
        self._noted: set[int] = set()

    def note(self, code: int) -> None:
        self._noted.add(code)

    def watch_signals(self) -> None:
        """Note SIGINT and SIGTERM. SIGINT then interrupts the main greenlet, never a user in the middle of a row."""
        gevent.signal_handler(signal.SIGINT, self._interrupt, greenlet.getcurrent())
        gevent.signal_handler(signal.SIGTERM, self.note, TERMINATED)

    def decide(self, environment: Any) -> int:
        """Return the code: the first of `PRECEDENCE` that was noted, else Locust's for failed calls, else 0."""
        runner = environment.runner
        if locust.log.unhandled_greenlet_exception or runner.exceptions:
            self.note(INTERNAL)
        for code in PRECEDENCE:
            if code in self._noted:
                return code
        return int(environment.parsed_options.exit_code_on_error) if runner.errors else REACHED

    def _interrupt(self, main: Any) -> None:
        self.note(INTERRUPTED)
        gevent.get_hub().loop.run_callback(main.throw, KeyboardInterrupt)
