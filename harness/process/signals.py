"""Signals: SIGINT, SIGTERM and SIGHUP end the run; a further SIGINT aborts its calls in flight."""

import os
import signal
import sys
from collections.abc import Callable

import gevent
import greenlet
from gevent.event import Event
from locust.runners import STATE_INIT, STATE_STOPPED, MasterRunner, Runner

from harness.errors import HUNG_UP, INTERRUPTED, TERMINATED

ENDS = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED, signal.SIGHUP: HUNG_UP}


def end_at_once() -> None:
    """Make signals end the process silently until `Signals` handles them: there is nothing to lose yet.

    Nothing is raised: a KeyboardInterrupt during an import prints a traceback, and during a fork it can leave a lock
    held forever. A program that imports the locustfile without being Locust's command keeps its own handlers.

    An ignored SIGHUP, as under nohup, stays so. An ignored SIGINT, as in the background of a script, does not: it is
    the script's way to end the run.
    """
    if "locust.main" not in sys.modules:
        return
    for number, code in ENDS.items():
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_, code=code: os._exit(code))


class Signals:
    """Handles a process's signals from Locust's `init` on.

    SIGINT interrupts the main greenlet, never a user halfway through a row, and only once: after that the main greenlet
    waits for the end of the run. On SIGTERM Locust itself ends the run. Only one signal ends it: of several that arrive
    together, SIGTERM, or else the first.

    note  is called with the exit code
    cut   aborts the calls in flight
    """

    def __init__(self, runner: Runner, note: Callable[[int], None], cut: Callable[[], None], is_forked: bool) -> None:
        self._runner, self._note, self._cut = runner, note, cut
        self._main = greenlet.getcurrent()
        self._has_begun = self._will_end = self._is_ending = self._is_quitting = False
        self._ended_by = TERMINATED
        gevent.signal_handler(signal.SIGINT, self._interrupt)
        gevent.signal_handler(signal.SIGTERM, self._terminate)
        if is_forked:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # The master has received it too, and ends its workers.
        elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as it is under nohup
            gevent.signal_handler(signal.SIGHUP, self._hang_up)

    def begin(self) -> None:
        """Note that Locust's `init` is over: Locust is about to handle SIGTERM itself."""
        self._has_begun = True

    def quit(self, **_: object) -> None:
        """Listen to `quitting`, before all others. Of two shutdowns, as when `timeout` sends two SIGTERMs at once, the
        first ends the process; the second waits for that."""
        if self._is_quitting:
            Event().wait()
        self._is_quitting = True
        self.end()

    def end(self) -> None:
        """Note that the run is ending, and must not be interrupted."""
        self._is_ending = True
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Locust would start its shutdown again, and fail.

    def _interrupt(self) -> None:
        self._ended_by = INTERRUPTED
        self._note(INTERRUPTED)
        if self._is_ending:
            self._cut()
        else:
            self._end_once(self._break_off)

    def _break_off(self) -> None:
        if self._waits_for_workers():
            self._leave(INTERRUPTED)
        else:
            self.end()
            self._throw(KeyboardInterrupt())

    def _terminate(self) -> None:
        self._note(self._ended_by)
        if self._is_ending:
            return
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
        self._end_once(lambda: os.kill(os.getpid(), signal.SIGTERM))

    def _end_once(self, end: Callable[[], None]) -> None:
        """End the run unless another signal does. It waits for a SIGTERM that has arrived, too, but is yet to be seen:
        Locust would start its shutdown twice."""
        if not self._will_end:
            self._will_end = True
            gevent.spawn(self._end_unless_ending, end)

    def _end_unless_ending(self, end: Callable[[], None]) -> None:
        if not self._is_ending:
            end()

    def _waits_for_workers(self) -> bool:
        """Return whether this is a headless master still waiting for its workers: it has no run to end, and Locust
        doesn't react to signals."""
        is_headless = vars(self._runner.environment.parsed_options)["headless"]
        has_started = self._runner.target_user_count or self._runner.state not in (STATE_INIT, STATE_STOPPED)
        return isinstance(self._runner, MasterRunner) and is_headless and not has_started  # stopped: a worker has left

    def _leave(self, code: int) -> None:
        """Tell the workers that have connected to quit, and end the process."""
        self.end()
        self._runner.quit()
        self._throw(SystemExit(code))

    def _throw(self, error: BaseException) -> None:
        gevent.get_hub().loop.run_callback(self._main.throw, error)
