"""A process's runs, one after another: each is prepared, started and ended."""

import logging
import math
from collections.abc import Collection, Mapping
from typing import Any

import gevent
from gevent import Greenlet
from locust.env import Environment
from locust.runners import STATE_CLEANUP, MasterRunner

from harness.cluster.master import IMPORT_S, Master
from harness.earlier_runs import EarlierRuns
from harness.errors import INTERNAL, CannotStart, UsageError
from harness.exit_code import ExitCode
from harness.load.open_loop import Standing
from harness.plan.options import STOP_TIMEOUT_OF_THE_RUN
from harness.plan.plan import Plan, plan_of
from harness.plan.target import ProviderClasses, Target
from harness.plan.values import Options
from harness.process import open_files, orphan
from harness.record.folder import check_writable
from harness.record.locust_reports import LocustReports
from harness.record.run_histograms import RunHistograms
from harness.run import ending, preflight, refusals
from harness.run.client import sides_of
from harness.run.finish import Finish
from harness.run.gates import check_junit
from harness.run.run import Run
from harness.run.session import NoSession
from harness.secrets import SHORTEST, Secrets
from harness.watch.key_hosts import KeyHosts
from harness.watch.live_charts import ShownRun
from providers.base import Provider
from providers.permit import SideName
from providers.user import Session

_log = logging.getLogger("llm")

SETTLE_S = 0.01
BUSY = "calls of the last run are still in flight: try again in a moment"
ALONE = "no worker has connected: start one first"
OVERTAKEN = "a later start took the place of this one"


class Runs:
    """A master's or a single process's runs.

    secret_options  options that Locust never sees: key, headers, the host's query
    """

    def __init__(
        self,
        environment: Environment,
        classes: ProviderClasses,
        secrets: Secrets,
        secret_options: Options,
        exit_code: ExitCode,
        finish: Finish,
    ) -> None:
        self._environment, self._classes, self._secrets = environment, classes, secrets
        self._secret_options, self._exit_code, self._finish = secret_options, exit_code, finish
        self._given: Any = environment.parsed_options
        self._runner: Any = environment.runner
        is_master = isinstance(self._runner, MasterRunner)
        self._master = Master(self._runner, self._refuse, lambda: exit_code.is_signalled) if is_master else None
        self.plan: Plan | None = None
        self._sides: Mapping[SideName | None, Provider] = {}
        self._earlier_runs: EarlierRuns | None = None
        self._preparing: object = None
        self._run: Run | None = None
        self._latest: Run | None = None
        self._finishing: Greenlet[..., None] | None = None
        self._reports = LocustReports(self._given)
        self._reset_s = 0.0
        self._refusal = ""
        environment.events.reset_stats.add_listener(self._reset)

    def wait_for_workers(self) -> None:
        """Wait until the workers of `--processes` are ready, or those of `--expect-workers` for a run without a page.
        Raises `NoWorkers` if the wait is limited: Locust's exit code would say that the host is unreachable."""
        given = self._given
        if self._master is None:
            return
        orphan.forget_stopped_workers()
        orphan.remember_dead_workers()
        if given.processes:
            self._master.wait_for_workers(given.processes)
        elif given.expect_workers_max_wait and (given.headless or given.autostart):
            self._master.wait_for_workers(given.expect_workers, given.expect_workers_max_wait)
        elif given.headless or given.autostart:
            self._master.wait_for_workers(given.expect_workers, math.inf, IMPORT_S)

    def prepare_unattended(self) -> None:
        """Prepare the run described by the command line, which starts by itself. Raises `CannotStart`."""
        given, plan = self._given, self.prepare(vars(self._given))
        refusals.check_autoquit(plan, given.autoquit)
        if plan.schedule is not None and not (plan.schedule.has_end or plan.calls or given.run_time):
            raise UsageError("--rate alone never ends: give -i or -t, or --rate-stages")
        given.num_users, given.spawn_rate = plan.load["num_users"], plan.load["spawn_rate"]

    def prepare(self, options: Options, key_hosts: KeyHosts | None = None) -> Plan:
        """Set the plan and the client for the next run. Raises `CannotStart` if it must not start, also because another
        run was prepared or started meanwhile: connecting can take long, and the web UI answers several forms at once.

        key_hosts  the hosts that keys can be sent to, if the options come from the web UI
        """
        self._preparing = this = object()
        plan = plan_of({**options, **self._secret_options}, self._classes)
        user_class = self._classes[plan.settings.provider]
        self._take_secrets(plan.targets.values())
        for warning in plan.warnings():
            _log.warning("%s", warning)
        if key_hosts:
            _check_keys(plan, key_hosts)
        _check_outputs(plan, options)
        self._check_open_files(plan, plan.load["num_users"] or 1)
        earlier_runs = EarlierRuns(plan) if plan.earlier_runs else None
        preflight.check(plan)
        refusals.check_tags(user_class, options)
        self._refuse_if_overtaken(this)
        sides = sides_of(plan, self._secrets)
        self._refuse_if_overtaken(this)
        self._sides, self._earlier_runs = sides, earlier_runs
        self._environment.user_classes = [user_class]
        self.plan = plan
        return plan

    def _check_open_files(self, plan: Plan, users: int) -> None:
        if self._master is None:
            connections = sum(not target.settings.mock for target in plan.targets.values())
            open_files.check(connections * users)

    def _take_secrets(self, targets: Collection[Target]) -> None:
        for target in targets:
            self._secrets.add_all(target.secrets())
        if any(0 < len(target.settings.api_key or "") < SHORTEST for target in targets):
            _log.warning("the key has fewer than %d characters: too short to be masked in logs and files", SHORTEST)

    def _refuse_if_overtaken(self, preparing: object) -> None:
        if self._preparing is not preparing or self._run is not None:
            raise UsageError(OVERTAKEN)

    def check_form(self, options: Options, key_hosts: KeyHosts) -> str | None:
        """Prepare the run described by the web UI's form; return why it can't start, `None` if it can."""
        is_finishing = self._finishing is not None and not self._finishing.ready()
        if self._run is not None or is_finishing or self._is_stopping or self._runner.state == STATE_CLEANUP:
            return BUSY
        if self._master is not None and not self._runner.worker_count:
            return ALONE
        try:
            self.prepare(options, key_hosts)
        except CannotStart as error:
            return self._secrets.redact(str(error))
        return None

    @property
    def _is_stopping(self) -> bool:
        return self._master is not None and self._master.is_stopping

    def check_users(self, users: int) -> str | None:
        """Return why the current run can't have this number of users; `None` if it can."""
        if self._is_stopping:
            return BUSY
        try:
            if self._run is not None:
                self._check_open_files(self._run.plan, users)
        except UsageError as error:
            return str(error)
        return None

    def start(self) -> Session:
        """Open the run's files, and return the session for the users of this process."""
        try:
            return self._start()
        except CannotStart as error:
            self._refuse(str(error), error.exit_code)
        except Exception as error:
            _log.exception("internal error")
            self._refuse(f"the run can't start: {error}", INTERNAL)
        return NoSession()

    def _start(self) -> Session:
        self._given.run_id, self._reset_s, self._refusal = None, 0.0, ""
        plan = self.plan or self.prepare(vars(self._given))
        self._environment.user_classes = [self._classes[plan.settings.provider]]
        if self._given.stop_timeout == STOP_TIMEOUT_OF_THE_RUN:
            self._environment.stop_timeout = plan.longest_s + 1
        self._run = self._latest = run = Run(plan, self._environment, self._end_run, self._earlier_runs)
        run.describe_to_workers()
        if self._master is None:
            return run.session(self._sides, self._secrets)
        run.hand_to(self._master.begin)
        return NoSession()

    def begin_schedule(self) -> None:
        """Note that all users have started."""
        if self._run is not None:
            self._run.begin_schedule()

    def stop_calls(self) -> None:
        """Start no more calls."""
        if self._run is not None:
            self._run.stop_calls()

    def cut(self) -> None:
        """Abort the calls in flight."""
        self._master.cut() if self._master is not None else ending.cut(self._runner)

    def finish(self) -> None:
        """Conclude the run that has ended, if any, and wait until that is done.

        It is concluded in a new greenlet: Locust kills those of a runner that quits, and the caller can be one.
        """
        if self._run is not None:
            self._finishing = gevent.spawn(self._conclude, self._run)
            self._run = self.plan = None
        if self._finishing is not None:
            self._finishing.join()

    def _conclude(self, run: Run) -> None:
        self._finish.conclude(run, self._given, self._master.workers_gone if self._master else 0)
        if self._master is not None:
            self._master.end()
            if self._runner.worker_count == 0:
                self._end_run()

    def write_locusts_reports(self) -> None:
        """Write `--html` and `--json-file`, at the end of the process."""
        for write in self._reports.writers(self._environment):
            self._finish.attempt(write)

    def _refuse(self, reason: str, code: int) -> None:
        self._refusal = self._secrets.redact(reason)
        _log.error("%s", self._refusal)
        self._exit_code.note(code)
        self._end_run()

    def _end_run(self) -> None:
        """Stop the run, and a headless Locust with it, from a new greenlet a moment later: the caller can be a user,
        and Locust logs an error for each user that is just ending."""
        gevent.spawn_later(SETTLE_S, ending.end_by_itself, self._environment)

    def _reset(self, **_: object) -> None:
        """Listen to `reset_stats`, the page's RESET: what is shown starts anew, and the run's files keep everything."""
        if self._run is not None:
            self._reset_s = self._run.recorder.reset_shown()

    def shown(self) -> ShownRun | None:
        """Return what the LLM page shows of the latest run; `None` before the first."""
        if self._latest is None:
            return None
        recorder = self._latest.recorder
        return ShownRun(
            facts=recorder.facts,
            path=recorder.path,
            is_over=self._run is None and (self._finishing is None or self._finishing.ready()),
            rows=recorder.row_count,
            since_s=self._reset_s,
            lasts_s=self._latest.lasts_s,
            standing=self._latest.standing(),
            observed=recorder.observed_so_far,
        )

    def refusal(self) -> str:
        """Return why the latest run that was to start could not; "" if it could."""
        return self._refusal

    def histograms(self) -> RunHistograms | None:
        """Return the latest run's histograms, since RESET."""
        return self._latest.recorder.shown if self._latest else None

    def standing(self) -> Standing | None:
        """Return how well the latest run kept its schedule; `None` for a closed loop."""
        return self._latest.standing() if self._latest else None


def _check_outputs(plan: Plan, options: Options) -> None:
    check_writable(options["results_prefix"])
    if plan.junit:
        check_junit(plan.junit)


def _check_keys(plan: Plan, key_hosts: KeyHosts) -> None:
    """Raise `UsageError` if a run started from the web UI would send a key to a host that it was not given for."""
    refusal = key_hosts.refusal(plan.settings, plan.provider)
    if plan.baseline and key_hosts.baseline:
        refusal = refusal or key_hosts.baseline.refusal(plan.baseline.settings, plan.baseline.provider)
    if refusal:
        raise UsageError(refusal)
