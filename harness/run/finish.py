"""The end of a run: one sequence, from the last permit to the exit code.

1. `test_stopping`: `Run.stop_calls` closes the permits, so that no more calls start.
2. Locust lets calls in flight finish, up to its stop timeout; a second Ctrl-C aborts them.
3. A master collects its workers' last rows and reports the calls of dead workers as lost (`Drain`).
4. `test_stop`: `conclude`, below.
5. `quitting`: `Harness.end` sets the exit code.
"""

import logging
from argparse import Namespace
from collections.abc import Callable
from errno import EBADF
from pathlib import Path
from typing import TextIO, TypeVar

from harness.errors import BREACHED, HUNG_UP, INTERNAL, CannotStart
from harness.exit_code import ExitCode
from harness.record import report_page
from harness.run.gates import passes
from harness.run.run import Run
from summary.render.render import RENDERERS, as_table
from summary.vocabulary import Summary

Result = TypeVar("Result")

_log = logging.getLogger("llm")


class Finish:
    """Concludes runs, one after another. A step that fails sets the exit code; the steps after it are still taken.

    stdout  where the summary is printed; `None` if it was closed from the start
    """

    def __init__(self, exit_code: ExitCode, stdout: TextIO | None) -> None:
        self._exit_code, self._stdout = exit_code, stdout

    def conclude(self, run: Run, given: Namespace, workers_gone: int) -> None:
        """Take the steps that follow a run's last row.

        workers_gone  how many workers took part, if none are left; else 0
        """
        asked = self._exit_code.is_signalled or not given.headless
        summary = self.attempt(lambda: run.finish(asked, workers_gone))  # figures, verdict, gates; the run's files
        if summary is not None:
            self.attempt(lambda: self._print(summary, given))
            self.attempt(lambda: self._report_gates(run, summary))
            self.attempt(lambda: self._draw(run, summary, given))
        if run.recorder.why_early:
            _log.error("the run is not complete: %s", run.recorder.why_early)
        if run.recorder.broken or run.recorder.why_early:
            self._exit_code.note(INTERNAL)

    def attempt(self, step: Callable[[], Result]) -> Result | None:
        """Take a step, and return what it returns. If it fails, that is logged and costs the exit code."""
        try:
            return step()
        except CannotStart as error:
            _log.error("%s", error)
        except OSError as error:
            if self._exit_code.has(HUNG_UP):
                return None
            where = error.filename or "the summary to stdout"
            _log.error("can't write %s: %s", where, (error.strerror or str(error)).lower())
        except Exception:
            _log.exception("internal error")
        self._exit_code.note(INTERNAL)
        return None

    def _print(self, summary: Summary, given: Namespace) -> None:
        if self._stdout is None:
            raise OSError(EBADF, "it was closed before the start")
        render = RENDERERS[given.output_format]
        in_colour = given.output_format == "table" and self._stdout.isatty()
        self._stdout.write(as_table(summary, colour=True) if in_colour else render(summary))
        self._stdout.flush()
        if given.logfile:
            _log.info("%s", as_table(summary))

    def _draw(self, run: Run, summary: Summary, given: Namespace) -> None:
        """Write the page of --html-report. Raises `UsageError` if that fails; the run's files are already written."""
        table = run.recorder.take_table()
        if given.html_report:
            report_page.write(Path(given.html_report), summary, table)

    def _report_gates(self, run: Run, summary: Summary) -> None:
        if not passes(run.plan, summary):
            self._exit_code.note(BREACHED)
