"""Between Locust's events and a run: what happens when Locust starts, when a test starts and stops, at the end."""

import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from errno import EBADF
from pathlib import Path
from typing import Any, TextIO, TypeVar, cast

import gevent
from gevent import Greenlet
from gevent.event import Event
from locust.runners import MasterRunner, WorkerRunner

import locust_inside
from harness.cluster.master import Master
from harness.cluster.worker import Worker, report_no_users
from harness.errors import BREACHED, HUNG_UP, INTERNAL, INTERRUPTED, CannotStart, UsageError
from harness.exit_code import ExitCode
from harness.plan import addresses, keys, menus, models, options
from harness.plan.plan import Plan, plan_of
from harness.plan.target import check_unshown, provider_of
from harness.process import open_files, orphan, quiet, streams, user_errors
from harness.process.signals import Signals
from harness.record import outputs
from harness.record.folder import check_writable
from harness.record.histograms import bucket, percentile
from harness.record.locust_reports import LocustReports
from harness.record.run_histograms import RunHistograms
from harness.run import ending, preflight, refusals
from harness.run.client import client_of
from harness.run.gates import check_junit, passes
from harness.run.run import Run
from harness.run.session import NoSession
from harness.secrets import SHORTEST, Secrets
from harness.watch import llm_tab, schedule_tab, tabs
from harness.watch import start_form as web
from harness.watch.key_hosts import KeyHosts
from providers.user import LLMUser, Session
from summary.render.render import RENDERERS, as_table
from summary.vocabulary import Summary

Result = TypeVar("Result")

_log = logging.getLogger("llm")

DEFAULT_MODELS_FILE = Path("models.json")
SETTLE_S = 0.01


class Harness:
    """One process's harness. `plan` is what the next test will do, `run` the one that is on, `latest` that or the
    one before, `histograms` those of the latest.

    Locust types its environment's runner and options as optional; in its events both are there, hence `Any`.
    """

    def __init__(self, user_classes: Iterable[type[LLMUser]]) -> None:
        self.classes = {user_class.provider: user_class for user_class in user_classes}
        self.secrets = Secrets()
        self.exit_code = ExitCode()
        self.master: Master | None = None
        self.worker: Worker | None = None
        self.plan: Plan | None = None
        self.client: Any = None
        self.run: Run | None = None
        self.latest: Run | None = None
        self.histograms: RunHistograms | None = None
        self._models_file = DEFAULT_MODELS_FILE
        self._secret_options: dict[str, Any] = {}
        self._key_hosts: KeyHosts | None = None
        self._stdout: TextIO | None = None
        self._reports: LocustReports | None = None
        self._has_begun = Event()
        self._finishing: Greenlet[..., None] | None = None

    def listen(self, events: Any) -> None:
        """Take part in a Locust process, from its command line to its exit code.

        As the first to listen to `quitting`, which asks its listeners in reverse, the harness has the last word.
        """
        orphan.watch_from_the_fork()
        streams.tell_of_a_lost_log(lambda: self.exit_code.note(INTERNAL))
        events.init_command_line_parser.add_listener(self.add_arguments)
        events.report_to_master.add_listener(report_no_users)
        events.init.add_listener(self.begin)
        events.test_start.add_listener(self.start_run)
        events.spawning_complete.add_listener(self.begin_schedule)
        events.test_stopping.add_listener(self.stop_calls)
        events.test_stop.add_listener(self.finish_run)
        events.quitting.add_listener(self.end)

    def add_arguments(self, parser: Any, **_: Any) -> None:
        """Listen to `init_command_line_parser`, which fires again for each view of the web UI's form."""
        known = models.read_if_well(self._models_file)
        offered = {provider: known.get(provider, []) for provider in self.classes}
        options.add_arguments(parser, offered, (user_class.__name__ for user_class in self.classes.values()))

    def begin(self, environment: Any, runner: Any, web_ui: Any, **_: Any) -> None:
        """Listen to `init`: check everything that can be checked before the first call, or leave with one line."""
        self._stdout = streams.take_stdout()
        locust_inside.survive_a_lost_terminal()
        try:
            signals = self._watch_signals(environment, runner)
            self._begin(environment, runner, web_ui)
            signals.begin()
            environment.events.quitting.add_listener(signals.end)
            self._has_begun.set()
        except CannotStart as error:
            sys.stderr.write(f"locust: error: {self.secrets.redact(str(error))}\n")
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except Exception:
            _log.exception("an error of our own")
            sys.exit(INTERNAL)

    def _begin(self, environment: Any, runner: Any, web_ui: Any) -> None:
        given = environment.parsed_options
        self._models_file = Path(given.models_file)
        self._take_secrets(given)
        user_errors.redact(environment, self.secrets)
        if not isinstance(runner, WorkerRunner):  # A worker's is its master's, which may have told it already.
            environment.host = given.host
        if not orphan.is_forked(given):  # What forked it says the same.
            addresses.check(given.host)
            addresses.check_query(self._secret_options["host_query"].query)
            web.check_names(given)
        quiet.calm(given)
        locust_inside.forget_callers()
        locust_inside.refine_percentiles(bucket, percentile)
        if isinstance(runner, WorkerRunner):
            given.html_file = given.json_file = None  # Its calls are in its master's.
            self.worker = Worker(environment, self.classes, self.secrets, self._secret_options)
            return
        if isinstance(runner, MasterRunner):
            self.master = Master(runner, lambda reason, code: self._refuse_run(environment, reason, code))
        outputs.check(given)
        self._reports = LocustReports(given)
        if given.output_format not in RENDERERS:
            raise UsageError(f"--output-format must be one of {', '.join(RENDERERS)}, not {given.output_format!r}")
        if given.headless or given.autostart:
            self._begin_unattended(environment)
        else:
            self._begin_attended(environment)
        if web_ui:
            self._key_hosts = self._hosts_of_keys(given)
        if self.master is not None:
            orphan.forget_stopped_workers()
            self.master.wait_for_workers(given.processes or 0)
        if web_ui:
            web.attach(web_ui, environment, self._check_form)
            llm = llm_tab.tab_of(web_ui, given.web_base_path or "", lambda: self.histograms)
            tabs.attach(web_ui, llm, schedule_tab.tab_of(lambda: self.latest.standing() if self.latest else None))

    def _watch_signals(self, environment: Any, runner: Any) -> Signals:
        def cut() -> None:
            self.master.cut() if self.master is not None else ending.cut(runner)

        return Signals(runner, self.exit_code.note, cut, orphan.is_forked(environment.parsed_options))

    def _begin_unattended(self, environment: Any) -> None:
        given = environment.parsed_options
        if given.headless and not (given.iterations or given.run_time or given.rate or given.rate_stages):
            given.iterations = "1"
        menus.ask_for_missing(given, self.classes)
        self.prepare(environment, vars(given))
        plan = cast(Plan, self.plan)
        refusals.check_autoquit(plan, given.autoquit)
        if plan.schedule is not None and not (plan.schedule.has_end or plan.calls or given.run_time):
            raise UsageError("--rate alone never ends: give -i or -t, or --rate-stages")
        given.num_users, given.spawn_rate = plan.load["num_users"], plan.load["spawn_rate"]

    def _begin_attended(self, environment: Any) -> None:
        """In the web UI the rest is asked for in the form; nothing is sent before a provider is chosen."""
        given = vars(environment.parsed_options)
        check_unshown({**given, **self._secret_options})
        if given["provider"] or given["user_classes"] or given["mock"]:
            environment.user_classes = [self.classes[provider_of(given, self.classes)]]
        else:
            environment.user_classes = []

    def _hosts_of_keys(self, given: Any) -> KeyHosts:
        try:
            provider = provider_of({**vars(given), "mock": False}, self.classes)
        except UsageError:
            provider = None
        return KeyHosts(given.host, provider, self._secret_options["api_key"], given.web_allow_host)

    def prepare(self, environment: Any, given: Mapping[str, Any]) -> None:
        """Decide what the next test will do. Raises `CannotStart`; then the test must not start."""
        self.plan = None
        plan = plan_of({**given, **self._secret_options}, self.classes)
        self.secrets.add_all(keys.secrets_of(plan.settings))
        if (key := plan.settings.api_key) and len(key) < SHORTEST:
            _log.warning("the key has fewer than %d characters: too short to be masked in logs and files", SHORTEST)
        if self._key_hosts and (refusal := self._key_hosts.refusal(plan.settings)):
            raise UsageError(refusal)
        check_writable(given["results_prefix"])
        if plan.junit:
            check_junit(plan.junit)
        if self.master is None and not plan.settings.mock:
            open_files.check(plan.load["num_users"] or 1)
        preflight.check(plan.settings)
        user_class = self.classes[plan.settings.provider]
        refusals.check_tags(user_class, given)
        self.client = client_of(plan, user_class, self.secrets)
        environment.user_classes = [user_class]
        self.plan = plan

    def _check_form(self, environment: Any, given: Mapping[str, Any]) -> str | None:
        """Prepare what the web UI's form asks for; return the reason why it can't start, if there is one."""
        if self.run is not None or (self._finishing is not None and not self._finishing.ready()):
            return "the last run's calls are still ending: try again in a moment"
        try:
            self.prepare(environment, given)
        except CannotStart as error:
            return self.secrets.redact(str(error))
        return None

    def start_run(self, environment: Any, **_: Any) -> None:
        """Listen to `test_start`: open the run's files and hand the users their session.

        A worker that joins a run may be told to start before Locust's `init`, and even before it has its runner.
        """
        self._has_begun.wait()
        if self.worker is not None:
            self.worker.start(environment)
            return
        try:
            self._start_run(environment)
        except CannotStart as error:
            self._refuse_run(environment, str(error), error.exit_code)
        except Exception as error:
            _log.exception("an error of our own")
            self._refuse_run(environment, f"the run can't start: {error}", INTERNAL)

    def _start_run(self, environment: Any) -> None:
        given = environment.parsed_options
        given.run_id = None
        if self.plan is None:
            self.prepare(environment, vars(given))
        plan = cast(Plan, self.plan)
        environment.user_classes = [self.classes[plan.settings.provider]]
        if given.stop_timeout == options.STOP_TIMEOUT_OF_THE_RUN:
            environment.stop_timeout = plan.settings.timeout_s + 1
        self.run = self.latest = run = Run(plan, environment, lambda: self._end_run(environment))
        self.histograms = run.recorder.histograms
        run.describe_to_workers()
        if self.master is not None:
            run.hand_to(self.master.begin)
        else:
            LLMUser.session = run.session(self.client, self.secrets)

    def begin_schedule(self, **_: Any) -> None:
        """Listen to `spawning_complete`: an open loop's users are there. It fires again when their number changes."""
        if self.run is not None:
            self.run.begin_schedule()

    def stop_calls(self, **_: Any) -> None:
        """Listen to `test_stopping`: no call begins any more."""
        if self.run is not None:
            self.run.stop_calls()

    def _refuse_run(self, environment: Any, reason: str, code: int) -> None:
        _log.error("%s", self.secrets.redact(reason))
        self.exit_code.note(code)
        LLMUser.session = cast(Session, NoSession())
        self._end_run(environment)

    def _end_run(self, environment: Any) -> None:
        """Stop the test, and a headless Locust with it; a moment later, in a greenlet of its own: a user may be asking,
        and Locust logs an error for each user that it finds half gone."""
        gevent.spawn_later(SETTLE_S, ending.end_by_itself, environment)

    def finish_run(self, environment: Any, **_: Any) -> None:
        """Listen to `test_stop`, which fires when the last user has stopped, and may fire again.

        Locust kills the greenlets of a runner that quits, and one of them may be here: a run is finished by another.
        """
        if self.run is not None:
            self._finishing = gevent.spawn(self._finish, self.run, environment)
            self.run = self.plan = None
        if self._finishing is not None:
            self._finishing.join()

    def _finish(self, run: Run, environment: Any) -> None:
        """Write the summary, show it and judge it. None of these depends on the others' luck."""
        given = environment.parsed_options
        asked = self.exit_code.is_signalled or not given.headless
        summary = self._attempt(lambda: run.finish(asked, self.master.workers_gone if self.master else 0))
        if summary is not None:
            self._attempt(lambda: self._tell(summary, given))
            self._attempt(lambda: self._judge(run.plan, summary))
        if run.recorder.why_early:
            _log.error("the run is not complete: %s", run.recorder.why_early)
        if run.recorder.broken or run.recorder.why_early:
            self.exit_code.note(INTERNAL)
        if self.master is not None:
            self.master.end()
            if environment.runner.worker_count == 0:
                self._end_run(environment)

    def _attempt(self, step: Callable[[], Result]) -> Result | None:
        """Take a step of the run's end; one that fails is told and costs the exit code, and the next is taken."""
        try:
            return step()
        except CannotStart as error:
            _log.error("%s", error)
        except OSError as error:
            if self.exit_code.has(HUNG_UP):
                return None
            _log.error("can't write the summary to stdout: %s", (error.strerror or str(error)).lower())
        except Exception:
            _log.exception("an error of our own")
        self.exit_code.note(INTERNAL)
        return None

    def _judge(self, plan: Plan, summary: Summary) -> None:
        if not passes(plan, summary):
            self.exit_code.note(BREACHED)

    def _tell(self, summary: Summary, given: Any) -> None:
        if self._stdout is None:
            raise OSError(EBADF, "it was closed before the start")
        render = RENDERERS[given.output_format]
        in_colour = given.output_format == "table" and self._stdout.isatty()
        self._stdout.write(as_table(summary, colour=True) if in_colour else render(summary))
        self._stdout.flush()
        if given.logfile:
            _log.info("%s", as_table(summary))

    def end(self, environment: Any, **_: Any) -> None:
        """Listen to `quitting`: stop a test that is still on, and set the exit code."""
        ending.stop(environment.runner)
        self.finish_run(environment)
        for write in self._reports.writers(environment) if self._reports else ():
            self._attempt(write)
        environment.process_exit_code = self.exit_code.decide(environment)

    def _take_secrets(self, given: Any) -> None:
        """Move the secret options out of Locust's hands: it shows and sends whatever is in its options."""
        for name in options.SECRET:
            self._secret_options[name] = getattr(given, name)
            delattr(given, name)
        address = self._secret_options["host_query"] = addresses.split_query(given.host)
        given.host, given.has_host_query = address.host, bool(address.query)
        self.secrets.add(self._secret_options["api_key"])
        self.secrets.add_all(header.partition(":")[2] for header in self._secret_options["header"])
        self.secrets.add_all(keys.secrets_in_environment())
        self.secrets.add_all(keys.credentials_in(address.host))
        self.secrets.guard_logs()
