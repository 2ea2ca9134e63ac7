"""Turns Locust's events into the steps of a run, from the command line to the exit code."""

import logging
import sys
from argparse import Namespace
from collections.abc import Iterable
from functools import partial
from typing import Any, NoReturn

from gevent.event import Event
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.event import Events
from locust.runners import MasterRunner, Runner, WorkerRunner
from locust.web import WebUI

import locust_inside
from harness.cluster.worker import Worker, report_no_users
from harness.errors import BAD_USAGE, INTERNAL, INTERRUPTED, CannotStart, UsageError
from harness.exit_code import ExitCode
from harness.plan import addresses, keys, models, options, target
from harness.plan.baseline import MOCK
from harness.plan.values import MODELS_FILE, Options, here_or_beside, one_of
from harness.process import orphan, outlet, quiet, streams, user_errors
from harness.process.signals import Signals
from harness.record import outputs
from harness.record.histograms import bucket, percentile
from harness.run import ending
from harness.run.finish import Finish
from harness.runs import Runs
from harness.secrets import Secrets
from harness.watch import llm_page, llm_tab, menus, schedule_tab, start_form, start_page, tabs
from harness.watch.key_hosts import KeyHosts
from harness.watch.live_charts import LiveCharts
from providers.user import LLMUser
from summary.cells import make_stdout_whole, printable
from summary.render.render import RENDERERS

_log = logging.getLogger("llm")


class Harness:
    """One process's harness. From Locust's `init` on it has `runs`, or is a `worker` of another process's runs."""

    def __init__(self, user_classes: Iterable[type[LLMUser]]) -> None:
        self.classes = {user_class.provider.name: user_class for user_class in user_classes}
        self._providers = [user_class.provider for user_class in self.classes.values()]
        self.secrets = Secrets()
        self.exit_code = ExitCode()
        self.runs: Runs | None = None
        self.worker: Worker | None = None
        self._models_file, self._any_model = MODELS_FILE, False
        self._has_begun = Event()

    def listen(self, events: Events) -> None:
        """Take part in a Locust process, from its command line to its exit code.

        Locust calls the listeners of `quitting` in reverse, so the harness, registered first, runs last.
        """
        orphan.watch_from_the_fork()
        locust_inside.read_any_message()
        locust_inside.end_at_a_port_without_a_master()
        locust_inside.end_at_a_port_in_use(_refuse)
        locust_inside.outlive_bad_connections()
        locust_inside.list_options_once()
        make_stdout_whole()
        streams.guard_log_files(lambda: self.exit_code.note(INTERNAL))
        events.init_command_line_parser.add_listener(self.add_arguments)
        events.report_to_master.add_listener(report_no_users)
        events.init.add_listener(self.begin)
        events.test_start.add_listener(self.start_run)
        events.spawning_complete.add_listener(self.begin_schedule)
        events.test_stopping.add_listener(self.stop_calls)
        events.test_stop.add_listener(self.finish_run)
        events.quitting.add_listener(self.end)

    def add_arguments(self, parser: LocustArgumentParser, **_: object) -> None:
        """Listen to `init_command_line_parser`, which fires again for each view of the web UI's form."""
        known = self._known_models()
        offered = {provider: [] if self._any_model else known.of(provider) for provider in self.classes}
        options.add_arguments(parser, offered, (user_class.__name__ for user_class in self.classes.values()))

    def begin(self, environment: Environment, runner: Runner, web_ui: WebUI | None, **_: object) -> None:
        """Listen to `init`: check all that can be checked before the first call; exit with one line if it's wrong."""
        outlet.let_go()  # Locust has opened its log by now.
        finish = Finish(self.exit_code, streams.take_stdout())
        locust_inside.survive_a_lost_terminal()
        try:
            signals = self._watch_signals(environment, runner)
            self._begin(environment, runner, web_ui, finish)
            signals.begin()
            environment.events.quitting.add_listener(signals.quit)
            self._has_begun.set()
        except CannotStart as error:
            _refuse(self.secrets.redact(str(error)), error.exit_code)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except Exception:
            _log.exception("internal error")
            sys.exit(INTERNAL)

    def _begin(self, environment: Environment, runner: Runner, web_ui: WebUI | None, finish: Finish) -> None:
        given: Any = environment.parsed_options
        self._models_file, self._any_model = given.models_file, given.any_model
        secret_options = self._take_secrets(given)
        user_errors.redact(environment, self.secrets)
        if not orphan.is_forked(vars(given)):  # the process that forked it reports the same
            _check(given, secret_options)
        quiet.calm(given, (name for provider in self._providers for name in provider.loggers))
        locust_inside.forget_callers()
        if not isinstance(runner, MasterRunner):
            locust_inside.keep_stopping_users(runner)
        locust_inside.refine_percentiles(bucket, percentile)
        if isinstance(runner, WorkerRunner):
            given.html_file = given.json_file = None  # Its calls are in its master's.
            lost = partial(self.exit_code.note, INTERNAL)
            self.worker = Worker(environment, self.classes, self.secrets, secret_options, lost)
            return
        environment.host = given.host
        outputs.check(given)
        self.runs = Runs(environment, self.classes, self.secrets, secret_options, self.exit_code, finish)
        locust_inside.start_one_at_a_time(runner)
        if isinstance(runner, MasterRunner):
            locust_inside.share_users_beside_messages(runner)
        self._begin_runs(self.runs, environment, web_ui, secret_options)

    def _begin_runs(self, runs: Runs, environment: Environment, web_ui: WebUI | None, secret_options: Options) -> None:
        """Prepare the command line's run, or the page on which runs are started."""
        given: Any = environment.parsed_options
        if given.headless or given.autostart:
            _complete(given)
            menus.ask_for_missing(given, self.classes)
            runs.prepare_unattended()
        else:
            self._await_the_form(environment, given, secret_options)
        key_hosts = self._key_hosts(given, secret_options)
        runs.wait_for_workers()
        if web_ui:
            locust_inside.check_before_serving(web_ui, partial(check_login, web_ui))
            check = partial(runs.check_form, key_hosts=key_hosts)
            start_form.attach(web_ui, environment, check, runs.check_users)
            self._attach_pages(runs, environment, web_ui)

    def _attach_pages(self, runs: Runs, environment: Environment, web_ui: WebUI) -> None:
        """Add our tabs to Locust's page, and our own pages beside it."""
        base_path = (vars(environment.parsed_options)["web_base_path"] or "").rstrip("/")
        tabs.attach(web_ui, llm_tab.tab_of(web_ui, base_path, runs.histograms), schedule_tab.tab_of(runs.standing))
        source = llm_page.Source(environment, runs.shown, runs.refusal)
        llm_page.attach(web_ui, base_path, source, LiveCharts(runs.shown))
        start_page.attach(web_ui, base_path, environment, self._providers, self._known_models, self._chosen_provider)

    def _known_models(self) -> models.Models:
        return models.read_if_well(here_or_beside(self._models_file, MODELS_FILE))

    def _chosen_provider(self, given: Options) -> str:
        """Return the provider that the options name or imply, for a form to show; the first if they don't."""
        try:
            return target.provider_of({**given, "mock": True}, self.classes)
        except UsageError:
            return next(iter(self.classes))

    def _watch_signals(self, environment: Environment, runner: Runner) -> Signals:
        def cut() -> None:
            self.runs.cut() if self.runs else ending.cut(runner)

        return Signals(runner, self.exit_code.note, cut, orphan.is_forked(vars(environment.parsed_options)))

    def _take_secrets(self, given: Namespace) -> Options:
        """Take the secrets out of Locust's options, all of which it shows and sends."""
        secret_options = {name: getattr(given, name) for name in options.SECRET}
        for name in options.SECRET:
            delattr(given, name)
        address = secret_options["host_query"] = addresses.split_query(given.host)
        given.host, given.has_host_query = address.host, bool(address.query)
        self.secrets.add_all([secret_options["api_key"], secret_options["against_api_key"]])
        headers = (*secret_options["header"], *secret_options["against_header"])
        self.secrets.add_all(header.partition(":")[2] for header in headers)
        self.secrets.add_all(keys.secrets_in_environment(self._providers))
        for url in (address.host, given.against):
            self.secrets.add_all(keys.credentials_in(url))
        for provider in self._providers:
            provider.hear_secrets(self.secrets.learn)
        self.secrets.guard_logs()
        return secret_options

    def _await_the_form(self, environment: Environment, given: Namespace, secret_options: Options) -> None:
        """Leave the rest to the web UI's form; nothing is sent before a provider is chosen."""
        start_form.check_unshown({**vars(given), **secret_options})
        environment.user_classes = []
        if given.provider or given.user_classes or given.mock:
            environment.user_classes = [self.classes[target.provider_of(vars(given), self.classes)]]

    def _key_hosts(self, given: Namespace, secret_options: Options) -> KeyHosts:
        try:
            provider = self.classes[target.provider_of({**vars(given), "mock": False}, self.classes)].provider
        except UsageError:
            provider = None
        allowed, baseline = given.web_allow_host, None
        if given.against not in ("", MOCK):
            named = self.classes.get(given.against_provider)
            of_baseline = named.provider if named else provider
            baseline = KeyHosts(given.against, of_baseline, secret_options["against_api_key"], allowed)
        return KeyHosts(given.host, provider, secret_options["api_key"], allowed, baseline)

    def start_run(self, environment: Environment, **_: object) -> None:
        """Listen to `test_start`: give the users their session.

        A worker that joins a run can be told to start before Locust's `init`, and even before it has its runner.
        """
        self._has_begun.wait()
        if self.worker is not None:
            LLMUser.session = self.worker.start(environment)
        elif self.runs is not None:
            LLMUser.session = self.runs.start()

    def begin_schedule(self, **_: object) -> None:
        """Listen to `spawning_complete`, which fires again when the number of users changes."""
        if self.runs is not None:
            self.runs.begin_schedule()

    def stop_calls(self, **_: object) -> None:
        """Listen to `test_stopping`: start no more calls."""
        if self.runs is not None:
            self.runs.stop_calls()

    def finish_run(self, **_: object) -> None:
        """Listen to `test_stop`, which fires when the last user has stopped, and can fire again."""
        if self.runs is not None:
            self.runs.finish()

    def end(self, environment: Environment, **_: object) -> None:
        """Listen to `quitting`: stop a current run, and set the exit code."""
        ending.stop(environment.runner)
        self.finish_run()
        if self.runs is not None:
            self.runs.write_locusts_reports()
        environment.process_exit_code = self.exit_code.decide(environment)


def _check(given: Namespace, secret_options: Options) -> None:
    """Raise `UsageError` for what no later check sees."""
    addresses.check(given.host)
    addresses.check_query(secret_options["host_query"].query)
    start_form.check_names(given)
    one_of("--output-format", given.output_format, tuple(RENDERERS))


def _complete(given: Namespace) -> None:
    """Default to one call if no option limits the run."""
    if given.headless and not (given.iterations or given.run_time or given.rate or given.rate_stages or given.replay):
        given.iterations = "1"
        _log.info("one call, as neither -i nor -t nor a rate is given")


def check_login(web_ui: WebUI) -> None:
    """Refuse --web-login without a way to log in: Locust would show an error as every page."""
    if web_ui.web_login and not (web_ui.login_manager.user_callback or web_ui.login_manager.request_callback):
        _refuse("--web-login needs a locustfile of your own that sets the login up")


def _refuse(reason: str, exit_code: int = BAD_USAGE) -> NoReturn:
    sys.stderr.write(f"locust: error: {printable(reason)}\n")
    sys.exit(exit_code)
