"""The web UI: a start form that is checked before anything starts."""

from typing import TYPE_CHECKING, Any

from flask import jsonify, request
from locust.runners import STATE_RUNNING, STATE_SPAWNING

from harness.errors import CannotStart

if TYPE_CHECKING:
    from harness.harness import Harness


def attach(web_ui: Any, environment: Any, harness: "Harness") -> None:
    """Check the form of each start. A run that can't begin is refused with its reason, which the page shows."""

    def check_start() -> Any:
        if request.method != "POST" or not request.path.endswith("/swarm") or _is_on(environment):
            return None
        if harness.run is not None:
            return _refusal("the last run's calls are still ending: try again in a moment", environment)
        try:
            harness.prepare(environment, _options(environment))
        except CannotStart as error:
            return _refusal(harness.secrets.redact(str(error)), environment)
        return None

    web_ui.app.before_request(check_start)


def _refusal(reason: str, environment: Any) -> Any:
    """Return what the page shows in red above its button."""
    return jsonify(success=False, message=reason, host=environment.host)


def _is_on(environment: Any) -> bool:
    """During a test the form only changes the number of users."""
    return environment.runner.state in (STATE_RUNNING, STATE_SPAWNING)


def _options(environment: Any) -> dict[str, Any]:
    """Return the options as the form changes them."""
    options = dict(vars(environment.parsed_options))
    for name, value in request.form.items():
        if name in options and name != "user_classes":
            options[name] = value == "true" if isinstance(options[name], bool) else value
    options["user_classes"] = _ticked(options)
    return options


def _ticked(options: dict[str, Any]) -> list[str]:
    """Return the classes chosen in the class picker, whose page posts all of them unless the user unticks some."""
    ticked = request.form.getlist("user_classes") or list(options["user_classes"])
    return [] if options["provider"] and len(ticked) > 1 else ticked
