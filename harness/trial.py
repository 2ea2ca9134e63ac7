"""One test, from Locust's start of it to its summary: its files, what counts its calls out, and who may watch."""

from collections.abc import Callable
from typing import Any

from harness import live_line
from harness.counting import budget_of, room_here
from harness.gatekeeper import FailFast
from harness.live_line import LiveLine
from harness.master import Master
from harness.open_loop import OpenLoop
from harness.permits import WaitingRoom
from harness.plan import Plan
from harness.progress import Progress
from harness.run import Run
from harness.secrets import Secrets
from harness.session import RunSession, RunStart
from summary.vocabulary import Summary


class Trial:
    """Made at Locust's `test_start`. `end` stops the test, from within. Raises `UsageError` if no file can be made."""

    def __init__(self, plan: Plan, environment: Any, end: Callable[[], None]) -> None:
        given = environment.parsed_options
        self.plan = plan
        self.run = Run(plan, environment, given.results_prefix, given.full_history)
        self._environment = environment
        self._budget = budget_of(plan, self.run, environment, end)
        self._room: WaitingRoom | None = None
        self._live_line: LiveLine | None = None
        if plan.fail_fast:
            self.run.on_row = FailFast(plan, end).see

    def describe_to_workers(self) -> None:
        """Add to the options, which Locust sends to its workers, what they need to know of this run."""
        given = self._environment.parsed_options
        given.run_id, given.run_seed = self.run.run_id, str(self.plan.seed)
        given.run_started_at, given.run_began_at = self.run.started_at, self.run.began_at.timestamp()

    def hand_to(self, master: Master) -> None:
        """Let a master's workers make the calls."""
        master.begin(self.run, self._budget)
        self._show_progress(self.run.in_flight)

    def session(self, client: Any, secrets: Secrets) -> RunSession:
        """Return the session for users of this process, which make the calls."""
        run, budget = self.run, self._budget
        permits = room_here(budget, run.started_at) if isinstance(budget, OpenLoop) else budget
        self._room = permits if isinstance(permits, WaitingRoom) else None
        start = RunStart(run.run_id, run.began_at, run.started_at)
        session = RunSession(self.plan, client, start, secrets, permits, run.keep)
        session.alone = self.plan.load["num_users"] in (None, 1)
        self._show_progress(lambda: session.in_flight)
        return session

    def begin_schedule(self) -> None:
        """All users are there: an open loop's first call is near."""
        if isinstance(self._budget, OpenLoop):
            self._budget.begin()

    def stop_calls(self) -> None:
        """Let no call begin any more."""
        self._budget.close()
        if self._room is not None:
            self._room.close()

    def finish(self) -> Summary:
        """Close the files and return the summary."""
        if self._live_line is not None:
            self._live_line.stop()
        return self.run.finish()

    def _show_progress(self, in_flight: Callable[[], int]) -> None:
        given = self._environment.parsed_options
        if live_line.wanted(given):
            progress = Progress(self.plan, self._environment.stats, self.run.pace, given.run_time, in_flight)
            self._live_line = LiveLine(progress.line)
