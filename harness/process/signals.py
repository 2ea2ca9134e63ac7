"""What signals do: SIGINT, SIGTERM and SIGHUP end the run, and a SIGINT after that cuts its calls off."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import gevent
import greenlet
from locust.runners import STATE_INIT, MasterRunner

from harness.errors import HUNG_UP, INTERRUPTED, TERMINATED

ENDS = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED, signal.SIGHUP: HUNG_UP}


def end_at_once() -> None:
    """Let a signal end the process without a word until `Signals` handles them: there is nothing yet to be lost.

    Nothing is raised: a KeyboardInterrupt in the middle of an import is a traceback, and in that of a fork it can leave
    a lock that nobody releases. What imports the locustfile without being Locust's command keeps its own handlers.
    """
    if "locust.main" not in sys.modules:
        return
    for number, code in ENDS.items():
        if signal.getsignal(number) is not signal.SIG_IGN:  # As SIGHUP under nohup.
            signal.signal(number, lambda *_, code=code: os._exit(code))


class Signals:
    """Handles the signals of a process, from Locust's `init` on.

    SIGINT interrupts the main greenlet, never a user in the middle of a row, and once: from then on the main greenlet
    waits for the run's end. Locust itself ends a run at SIGTERM.

    note  is told the exit code
    cut   aborts the calls in flight
    """

    def __init__(self, runner: Any, note: Callable[[int], None], cut: Callable[[], None], is_forked: bool) -> None:
        self._runner, self._note, self._cut = runner, note, cut
        self._main = greenlet.getcurrent()
        self._has_begun = self._is_ending = False
        self._ended_by = TERMINATED
        gevent.signal_handler(signal.SIGINT, self._interrupt)
        gevent.signal_handler(signal.SIGTERM, self._terminate)
        if is_forked:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # Its master has got it too, and ends its workers.
        elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # As under nohup.
            gevent.signal_handler(signal.SIGHUP, self._hang_up)

    def begin(self) -> None:
        """Locust's `init` is over: in a moment Locust handles SIGTERM."""
        self._has_begun = True

    def end(self, **_: Any) -> None:
        """Listen to `quitting`: the run ends anyway, and must not be interrupted in that."""
        self._is_ending = True
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Locust would begin to end once more, and stumble.

    def _interrupt(self) -> None:
        self._note(INTERRUPTED)
        if self._is_ending:
            self._cut()
        elif self._waits_for_workers():
            self._leave(INTERRUPTED)
        else:
            self.end()
            self._throw(KeyboardInterrupt())

    def _terminate(self) -> None:
        self._note(self._ended_by)
        if self._waits_for_workers():
            self._leave(self._ended_by)
        elif not self._has_begun:
            self.end()
            self._throw(SystemExit(self._ended_by))
        else:
            self.end()

    def _hang_up(self) -> None:
        self._ended_by = HUNG_UP
        self._note(HUNG_UP)
        os.kill(os.getpid(), signal.SIGTERM)

    def _waits_for_workers(self) -> bool:
        """A headless master that has no workers yet has nothing to end, and Locust does not listen."""
        is_headless = self._runner.environment.parsed_options.headless
        return isinstance(self._runner, MasterRunner) and self._runner.state == STATE_INIT and is_headless

    def _leave(self, code: int) -> None:
        """Tell the workers that are there already, and end the process."""
        self.end()
        self._runner.quit()
        self._throw(SystemExit(code))

    def _throw(self, error: BaseException) -> None:
        gevent.get_hub().loop.run_callback(self._main.throw, error)
