"""One run, from Locust's `test_start` to the summary: its files, its calls and its live line."""

from collections.abc import Callable, Mapping
from typing import Any

from harness.earlier_runs import EarlierRuns
from harness.load.closed_loop import Budget
from harness.load.open_loop import OpenLoop, Standing
from harness.load.permits import PermitQueue
from harness.plan.plan import Plan
from harness.record.recorder import Recorder
from harness.run import early_end
from harness.run.counting import budget_of, queue_here
from harness.run.early_end import End
from harness.run.gates import FailFast
from harness.run.session import CallSession, RunStart
from harness.secrets import Secrets
from harness.watch import live_line
from harness.watch.live_line import LiveLine
from harness.watch.progress import Progress
from prompts.files import sha256
from providers.base import Provider
from providers.permit import SideName
from summary.vocabulary import Summary
from wire.exchange import now


class Run:
    """One run, created at Locust's `test_start`; it stops the test by calling `end`. Raises `UsageError` if its files
    can't be written."""

    def __init__(
        self, plan: Plan, environment: Any, end: Callable[[], None], earlier_runs: EarlierRuns | None = None
    ) -> None:
        given = environment.parsed_options
        self.plan = plan
        on_row = FailFast(plan, self._fail_fast).see if plan.fail_fast else None
        self.recorder = Recorder(plan, environment, given.results_prefix, given.full_history, on_row, earlier_runs)
        self._environment, self._end = environment, end
        self._is_spent = self._fails_fast = False
        self._stopped_at: float | None = None
        self._budget = budget_of(plan, self.recorder, environment, self._spend)
        self._queue: PermitQueue | None = None
        self._live_line: LiveLine | None = None

    def describe_to_workers(self) -> None:
        """Add what workers need to know about this run to the options, which Locust sends to them."""
        given = self._environment.parsed_options
        given.run_id, given.run_seed = self.recorder.run_id, str(self.plan.seed)
        given.run_seeds_sha256, given.run_header_names = sha256(self.plan.files), self.plan.header_names
        given.run_started_at, given.run_began_at = self.recorder.started_at, self.recorder.began_at.timestamp()

    def hand_to(self, begin: Callable[[Recorder, Budget | OpenLoop], None]) -> None:
        """Have a master's workers make the calls; `begin` is the master's."""
        begin(self.recorder, self._budget)
        self._show_progress(self.recorder.in_flight)

    def session(self, sides: Mapping[SideName | None, Provider], secrets: Secrets) -> CallSession:
        """Return the session with which users of this process make the calls."""
        recorder, budget = self.recorder, self._budget
        permits = queue_here(budget, recorder.started_at) if isinstance(budget, OpenLoop) else budget
        self._queue = permits if isinstance(permits, PermitQueue) else None
        start = RunStart(recorder.run_id, recorder.began_at, recorder.started_at)
        alone = self.plan.load["num_users"] in (None, 1)
        session = CallSession(self.plan, sides, start, secrets, permits, recorder.keep, alone=alone)
        self._show_progress(lambda: session.in_flight)
        return session

    def begin_schedule(self) -> None:
        """Start an open loop's schedule: all users have started."""
        if isinstance(self._budget, OpenLoop):
            self._budget.begin()

    def stop_calls(self) -> None:
        """Start no more calls."""
        self._stopped_at = self._stopped_at or now()
        self._budget.close()
        if self._queue is not None:
            self._queue.close()

    @property
    def lasts_s(self) -> float:
        """The time from the run's start until now, or until it was told to stop."""
        return (self._stopped_at or now()) - self.recorder.started_at

    def standing(self) -> Standing | None:
        """Return how well an open loop keeps its schedule; `None` for a closed loop."""
        return self._budget.standing() if isinstance(self._budget, OpenLoop) else None

    def finish(self, asked: bool, workers_gone: int) -> Summary:
        """Close the files and return the summary. The parameters are those of `harness.run.early_end.End`."""
        if self._live_line is not None:
            self._live_line.stop()
        end = End(asked or self._fails_fast, self._is_spent, self.lasts_s, self.recorder.row_count, workers_gone)
        return self.recorder.finish(early_end.why_early(self.plan, end))

    def _spend(self) -> None:
        self._is_spent = True
        self._end()

    def _fail_fast(self) -> None:
        self._fails_fast = True
        self._end()

    def _show_progress(self, in_flight: Callable[[], int]) -> None:
        given = self._environment.parsed_options
        if live_line.wanted(given):
            standing = self._budget.standing if isinstance(self._budget, OpenLoop) else None
            progress = Progress(
                self.plan, self._environment.stats, self.recorder.histograms, given.run_time, in_flight, standing
            )
            self._live_line = LiveLine(progress.line)
