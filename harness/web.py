"""The web UI: a start form that is checked before anything starts."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import jsonify, request
from locust.runners import STATE_RUNNING, STATE_SPAWNING

OF_A_RUNNING_TEST = ("num_users", "spawn_rate", "run_time", "host", "profile", "user_classes")
Check = Callable[[Any, Mapping[str, Any]], str | None]


def attach(web_ui: Any, environment: Any, check: Check) -> None:
    """Ask `check` at each start. The reason for its refusal shows in red above the form's button."""

    def check_start() -> Any:
        if request.method != "POST" or not request.path.endswith("/swarm"):
            return None
        options = _options(environment)
        refusal = _refuse_changes(environment, options) if _is_on(environment) else check(environment, options)
        return refusal and jsonify(success=False, message=refusal, host=environment.host)

    web_ui.app.before_request(check_start)


def _is_on(environment: Any) -> bool:
    """During a test the form only changes the number of users."""
    return environment.runner.state in (STATE_RUNNING, STATE_SPAWNING)


def _refuse_changes(environment: Any, options: Mapping[str, Any]) -> str | None:
    given = vars(environment.parsed_options)
    changed = [name for name in request.form if name in given and name not in OF_A_RUNNING_TEST]
    if any(options[name] != given[name] for name in changed):
        return "a test is running, of which only the number of users can be changed: stop it first"
    return None


def _options(environment: Any) -> dict[str, Any]:
    """Return the options as the form changes them."""
    options = dict(vars(environment.parsed_options))
    for name, value in request.form.items():
        if name in options and not isinstance(options[name], list):
            options[name] = value == "true" if isinstance(options[name], bool) else value
    options["user_classes"] = _ticked(options)
    return options


def _ticked(options: dict[str, Any]) -> list[str]:
    """Return the classes chosen in the class picker, whose page posts all of them unless the user unticks some."""
    ticked = request.form.getlist("user_classes") or list(options["user_classes"])
    return [] if options["provider"] and len(ticked) > 1 else ticked
