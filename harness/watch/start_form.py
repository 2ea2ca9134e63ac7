"""The web UI's start form: validated before anything starts, and limited to the fields it shows."""

from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from flask import jsonify, request
from locust.env import Environment
from locust.runners import STATE_RUNNING, STATE_SPAWNING
from locust.web import WebUI

import locust_inside
from harness.command_line import class_settings
from harness.errors import UsageError
from harness.plan import addresses, extra_body, headers
from harness.plan.baseline import MOCK, check_stray
from harness.plan.gate_options import gates_of, is_fail_fast, junit_of
from harness.plan.plan import run_time_s
from harness.plan.values import Options, count, natural, positive, whole
from harness.watch import key_hosts
from harness.watch.web_guard import WebGuard

LOCUSTS_FIELDS = ("user_count", "spawn_rate", "host", "run_time", "profile", "user_classes", "shape_class")
LOAD_FIELDS = ("user_count", "spawn_rate")
OF_A_RUNNING_TEST = ("num_users", "spawn_rate", "run_time", "profile", "user_classes")
DEFAULT_SHAPE = "Default"
SWITCHES = ("true", "false", "")
CHANGE = "change"
"""In the query of a form that changes the number of users: without a running test, it would start one."""

Check = Callable[[Options], str | None]


def check_names(given: Namespace) -> None:
    """Raise `UsageError` for a host or name that is malformed and would never match."""
    for host in given.web_allow_host:
        key_hosts.named(host)
    for name in given.web_name:
        addresses.check_netloc("--web-name", name)
        if not name.isascii():
            raise UsageError("--web-name must be in ASCII, as browsers send it: xn--…")


def check_unshown(options: Options) -> None:
    """Raise `UsageError`, before the web UI opens, for options that its form doesn't show and so can't correct."""
    for text in (*options["header"], *options["against_header"]):
        headers.parse(text)
    if options["against"] not in ("", MOCK):
        addresses.check(options["against"], "--against")
    extra_body.parse(options["extra_body"])
    check_stray(options)
    gates, relative_gates = gates_of(options)
    is_fail_fast(options, [*gates, *relative_gates])
    junit_of(options, [*gates, *relative_gates])


def attach(web_ui: Any, environment: Environment, check: Check, check_users: Callable[[int], str | None]) -> None:
    """Call `check` at each start, and `check_users` at each change of their number; the reason that is returned is
    shown in red above the form's button."""

    def refuse_start() -> object:
        refusal = _refuse_start(web_ui, environment, check, check_users)
        return refusal and jsonify(success=False, message=refusal, host=environment.host)

    def refuse_class() -> object:
        refusal = _refuse_class(_posted_json(), environment.available_user_tasks or {})
        return refusal and (jsonify(success=False, message=refusal), 400)

    names = [addresses.check_netloc("--web-name", name) for name in vars(environment.parsed_options)["web_name"]]
    locust_inside.keep_user_classes(web_ui, lambda: is_on(environment))
    locust_inside.keep_run_time(web_ui, lambda: is_on(environment) and request.endpoint == "locust.swarm")
    locust_inside.show_current_options(web_ui)
    views = web_ui.app.view_functions
    views["locust.swarm"] = partial(_start, environment, views["locust.swarm"])
    _ask_first(web_ui, "locust.swarm", refuse_start)
    _ask_first(web_ui, "locust.update_user", refuse_class)
    web_ui.app.wsgi_app = WebGuard(web_ui.app.wsgi_app, web_ui.host, names)


def _ask_first(web_ui: Any, endpoint: str, refuse: Callable[[], object]) -> None:
    """Make a view answer only what is not refused; those who have not logged in are not told a reason."""
    views = web_ui.app.view_functions
    views[endpoint] = web_ui.auth_required_if_enabled(partial(_unless_refused, refuse, views[endpoint]))


def _unless_refused(refuse: Callable[[], object], view: Callable[[], object]) -> object:
    return refuse() or view()


def _refuse_start(
    web_ui: WebUI, environment: Environment, check: Check, check_users: Callable[[int], str | None]
) -> str | None:
    if CHANGE in request.args and not is_on(environment):
        return "the run has ended: only a new one can have other users"
    shown = (*LOCUSTS_FIELDS, *web_ui.template_args["extra_options"])
    if refusal := _refuse_fields(request.form, shown):
        return refusal
    if refusal := _refuse_switches(request.form, vars(environment.parsed_options)):
        return refusal
    if refusal := _refuse_shape(request.form, environment.available_shape_classes or {}):
        return refusal
    if refusal := _refuse_load(request.form, natural if is_on(environment) else count, _has_shape(environment)):
        return refusal
    options = _options(environment)
    if is_on(environment):
        return _refuse_changes(environment, options) or check_users(options["num_users"] or 0)
    return check(options)


def _start(environment: Environment, swarm: Callable[[], object]) -> object:
    """Start by Locust's view, without the time limit of an earlier test, which it keeps if the form gives none; or
    change the users of a running test, without the form's classes, which would be the next start's."""
    given = vars(environment.parsed_options)
    if not is_on(environment):
        given["run_time"] = run_time_s(request.form.get("run_time"))
        return swarm()
    classes = given["user_classes"]
    answer = swarm()
    given["user_classes"] = classes
    return answer


def _refuse_fields(given: Iterable[str], shown: Iterable[str]) -> str | None:
    """Refuse fields that only a forged request can set: Locust would accept any of its options, even file paths."""
    hidden = sorted(set(given) - set(shown))
    return f"the form has no field {', '.join(map(repr, hidden))[:100]}" if hidden else None


def _refuse_switches(given: Mapping[str, str], options: Options) -> str | None:
    """Refuse what is neither on nor off, such as `stream=1`: Locust would take it for off."""
    wrong = [name for name, text in given.items() if isinstance(options.get(name), bool) and text not in SWITCHES]
    return f"{wrong[0]} must be true or false" if wrong else None


def _refuse_load(given: Mapping[str, str], users: Callable[[str, str], object], has_shape: bool) -> str | None:
    """Refuse what Locust would read otherwise than the run's files say, as `1_0` for 10, or stumble over.

    users      reads a number of users: a run can't begin without any
    has_shape  whether a shape class decides how many users there are, and when
    """
    missing = [name for name in LOAD_FIELDS if not given.get(name)]
    if missing and not has_shape:
        return f"{missing[0]} is missing"
    try:
        users("user_count", given.get("user_count", ""))
        positive("spawn_rate", given.get("spawn_rate", "1"), "users per second")
        run_time_s(given.get("run_time"))
    except UsageError as error:
        return str(error)
    return None


def _refuse_shape(given: Mapping[str, str], known: Iterable[str]) -> str | None:
    name = given.get("shape_class", DEFAULT_SHAPE)
    return None if name in (DEFAULT_SHAPE, *known) else f"unknown shape class {name!r}"


def _has_shape(environment: Environment) -> bool:
    chosen = request.form.get("shape_class", DEFAULT_SHAPE) != DEFAULT_SHAPE
    return chosen or environment.shape_class is not None


def _posted_json() -> object:
    with suppress(RecursionError):
        return request.get_json(force=True, silent=True)
    return None


def _refuse_class(given: Any, tasks: Mapping[str, Iterable[Any]]) -> str | None:
    """Refuse settings with which Locust could start no users, or that the run would not follow.

    tasks  those that each User class has
    """
    if isinstance(given, dict) and (refusal := _refuse_fields(given, class_settings.FIELDS)):
        return refusal
    if isinstance(given, dict) and given.get("host"):
        return "a User class can't set the host: set it in the start form"
    if refusal := class_settings.refusal(given, tasks):
        return refusal
    name = given["user_class_name"]
    return None if _leaves_one(given.get("tasks"), tasks[name]) else f"{name} would be left without a task"


def _leaves_one(chosen: Any, tasks: Iterable[Any]) -> bool:
    """Return whether users keep a task. Without one, each would log tracebacks in an endless loop."""
    return chosen is None or (isinstance(chosen, list) and any(task.__name__ in chosen for task in tasks))


def is_on(environment: Any) -> bool:
    """Return whether a test is running: then the form only changes the number of users."""
    return environment.runner.state in (STATE_RUNNING, STATE_SPAWNING)


def _refuse_changes(environment: Environment, options: Options) -> str | None:
    given = vars(environment.parsed_options)
    fixed = [name for name in request.form if name in given and name not in OF_A_RUNNING_TEST]
    changed = [name for name in fixed if options[name] != given[name]]
    if request.form.get("run_time"):  # Even the same limit would begin anew.
        changed.append("run_time")
    if changed:
        return f"only the number of users can be changed while a test is running, not {changed[0]}: stop it first"
    known = environment.available_user_classes or {}
    unknown = [name for name in request.form.getlist("user_classes") if name not in known]
    return f"unknown User class {unknown[0]!r}" if unknown else None


def _options(environment: Environment) -> Options:
    """Return the options with the form's changes."""
    options = dict(vars(environment.parsed_options))
    for name, value in request.form.items():
        if name in options and not isinstance(options[name], list):
            options[name] = value == "true" if isinstance(options[name], bool) else value
    options["user_classes"], options["run_time"] = _ticked(options), run_time_s(request.form.get("run_time"))
    if (users := whole(request.form.get("user_count", ""))) is not None:
        options["num_users"] = users
    return options


def _ticked(options: Options) -> list[str]:
    """Return the classes chosen in the class picker, which posts all of them unless the user unticks some."""
    ticked = request.form.getlist("user_classes") or list(options["user_classes"])
    return [] if options["provider"] and len(ticked) > 1 else ticked
