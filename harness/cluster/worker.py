"""A worker's side of a distributed run: it makes the calls and sends their rows to the master."""

import logging
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from locust.env import Environment
from locust.rpc.protocol import Message
from locust.runners import STATE_STOPPED

import locust_inside
from harness.cluster.clock import MasterClock
from harness.cluster.outbox import Outbox
from harness.errors import INTERNAL, REACHED, CannotStart, UsageError
from harness.load.closed_loop import Budget
from harness.load.permits import PermitQueue
from harness.messages import BACK, CUT, DRAIN, DRAINED, GRANT, PREPARED, REFUSED, UNWANT, WANT
from harness.plan.plan import Plan, plan_of
from harness.plan.target import ProviderClasses
from harness.plan.values import Options
from harness.process import open_files, orphan
from harness.run import ending, preflight
from harness.run.client import sides_of
from harness.run.session import CallSession, NoSession, RunStart
from harness.secrets import Secrets
from prompts.files import sha256
from providers.call import Json
from providers.permit import Permit
from providers.user import Session
from wire.exchange import now

REPORT_INTERVAL_S = 0.25
"""How often rows are sent: a killed worker loses at most this much. Locust's default is 3 s."""

LATE_START_S = 3.0
"""A worker that begins a run later than this after both have begun stood still: its users were missing until then."""

_log = logging.getLogger("llm")


def report_no_users(data: Json, **_: object) -> None:
    """Listen to `report_to_master` before Locust's own listener, which adds the number of users: a worker told to quit
    while it connects reports without that listener, and its master would fail on the missing entry."""
    data["user_classes_count"] = {}


class Worker:
    """Listens to a worker's events. Each test brings its options from the master, but not its secrets.

    lost  is called if the master falls silent
    """

    def __init__(
        self,
        environment: Any,
        classes: ProviderClasses,
        secrets: Secrets,
        secret_options: Options,
        lost: Callable[[], None],
    ) -> None:
        if environment.runner.state == STATE_STOPPED:  # told to quit while connecting: Locust would wait forever
            sys.exit(REACHED)
        self._joined_at = locust_inside.asked_to_join_at(environment.runner)
        locust_inside.report_every(REPORT_INTERVAL_S)
        locust_inside.build_default_options_once()
        locust_inside.start_users_whatever_the_clock_says(environment.runner)
        self._classes, self._secrets, self._secret_options = classes, secrets, secret_options
        self._outbox: Outbox | None = None
        self._run_id: str | None = None
        self._session: CallSession | None = None
        self._queue: PermitQueue | None = None
        self._permits: Budget | PermitQueue | None = None
        self._runner = environment.runner
        self._clock = MasterClock(environment.runner)
        environment.user_classes = list(classes.values())
        self._listen(environment, lost)
        self._import_ahead(vars(environment.parsed_options))
        environment.runner.greenlet.spawn(self._say_prepared)

    def _say_prepared(self) -> None:
        self._clock.settle()
        self._runner.send_message(PREPARED)

    def _listen(self, environment: Any, lost: Callable[[], None]) -> None:
        environment.runner.register_message(GRANT, self.grant)
        environment.runner.register_message(DRAIN, self.drain, concurrent=True)
        environment.runner.register_message(CUT, lambda **_: ending.cut(environment.runner))
        orphan.watch(environment.runner, orphan.is_forked(vars(environment.parsed_options)), lost)
        environment.events.test_stopping.add_listener(self.close_permits)
        environment.events.test_stop.add_listener(self.be_ready_again)
        environment.events.report_to_master.add_listener(self.report)
        # Locust calls the listeners of `quitting` in reverse, so this one runs before the runner signs off.
        environment.events.quitting.add_listener(self.end)

    def start(self, environment: Environment) -> Session:
        """Return the session described by the master's options; an empty one if this worker can't take part."""
        self._session = None
        if vars(environment.parsed_options)["run_id"] is None:
            return NoSession()
        try:
            self._session = self._session_of(environment)
        except CannotStart as error:
            self._refuse(str(error), error.exit_code)
        except Exception as error:
            _log.debug("can't start", exc_info=True)
            self._refuse(f"{error!r}: does it have its master's version of this project?", INTERNAL)
        return self._session or NoSession()

    def _refuse(self, reason: str, exit_code: int) -> None:
        """Make the master end the run."""
        told = f"worker {self._name}: {self._secrets.redact(reason)}"
        self._runner.send_message(REFUSED, {"reason": told, "exit_code": exit_code})

    def grant(self, msg: Message, **_: object) -> None:
        if self._queue is not None and msg.data["run_id"] == self._run_id:
            self._queue.grant(Permit(*msg.data["permit"]))

    def close_permits(self, **_: object) -> None:
        """Start no more calls, not even for a user that starts only now."""
        if self._permits is not None:
            self._permits.close()

    def drain(self, **_: object) -> None:
        """Let the calls in flight finish, send their rows, and report that: the master's run ends with it."""
        self.close_permits()
        self._runner.stop_users(self._runner.user_classes_count)
        locust_inside.send_report(self._runner)
        self._runner.send_message(DRAINED)

    def report(self, data: Json, **_: object) -> None:
        if self._outbox is not None:
            self._outbox.fill(data, self._session.in_flight if self._session else 0)

    def be_ready_again(self, environment: Environment, **_: object) -> None:
        """Zero the stop timeout, for which Locust makes a worker sleep after each test; the next test sets its own."""
        environment.stop_timeout = 0

    def end(self, **_: object) -> None:
        """Let the calls in flight finish, and send the remaining rows."""
        ending.stop(self._runner)
        locust_inside.send_report(self._runner)

    @property
    def _name(self) -> str:
        """The machine's name and this worker's index on the master."""
        return locust_inside.worker_name(self._runner.client_id, self._runner.worker_index)

    def _plan(self, options: Options) -> Plan:
        return plan_of({**options, **self._secret_options}, self._classes)

    def _import_ahead(self, options: Options) -> None:
        """Import the SDK before a test has to wait for it, if the options are already known."""
        try:
            sides_of(self._plan(options), self._secrets)
        except CannotStart as error:
            _log.debug("the options come from the master: %s", error)

    def _session_of(self, environment: Environment) -> CallSession:
        given: Any = environment.parsed_options
        plan = self._plan({**vars(given), "host": environment.host, "seed": given.run_seed})
        if self._outbox is not None:
            self._outbox.close()
        for target in plan.targets.values():
            self._secrets.add_all(target.secrets())
        _check(plan, given)
        sides = sides_of(plan, self._secrets)
        run_id, started_at = given.run_id, self._started_at(given)
        self._outbox = Outbox(run_id, self._name, started_at, self._missed_s(started_at))
        self._run_id, self._queue = run_id, self._queue_of(plan, started_at)
        self._permits = self._queue or Budget(None, lambda: None)
        stream = 0 if plan.is_counted_out else self._runner.worker_index + 1
        start = RunStart(run_id, datetime.fromtimestamp(given.run_began_at, UTC), started_at)
        return CallSession(plan, sides, start, self._secrets, self._permits, self._outbox.keep, stream)

    def _missed_s(self, started_at: float) -> float:
        """Return how much of the run this worker has missed because it stood still, or was slow to import an SDK."""
        late_s = now() - max(started_at, self._joined_at)
        return late_s if late_s > LATE_START_S else 0.0

    def _queue_of(self, plan: Plan, started_at: float) -> PermitQueue | None:
        if not plan.is_counted_out:
            return None
        return PermitQueue(started_at, self._want, self._unwant, self._give_back)

    def _started_at(self, given: Namespace) -> float:
        """Return the run's start on this process's clock."""
        by_wall_clock = now() - (time.time() - given.run_began_at)
        return self._clock.here(given.run_started_at, by_wall_clock)

    def _want(self, begins: bool) -> None:
        self._runner.send_message(WANT, {"run_id": self._run_id, "begins": begins})

    def _unwant(self, begins: bool) -> None:
        self._runner.send_message(UNWANT, {"run_id": self._run_id, "begins": begins})

    def _give_back(self, number: int) -> None:
        self._runner.send_message(BACK, {"run_id": self._run_id, "number": number})


def _check(plan: Plan, given: Namespace) -> None:
    """Raise `CannotStart` if this process can't make the calls that the master wants."""
    if given.has_host_query != bool(plan.settings.host_query):
        raise UsageError(
            f"the master's -H has {'a' if given.has_host_query else 'no'} query: give each worker the same -H"
        )
    if plan.header_names != given.run_header_names:
        raise UsageError("the master has other headers: give each worker the same --header and --against-header")
    if sha256(plan.files) != given.run_seeds_sha256:
        raise UsageError("the seed files differ from the master's: give each worker the same ones")
    open_files.allow(len(plan.targets) * (plan.load["num_users"] or 1))
    preflight.check(plan)
