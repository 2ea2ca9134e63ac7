"""Environment variables that are named like an option, but that no option reads: what they say would be lost."""

from argparse import Action
from collections.abc import Iterable, Mapping
from typing import Any


def refusal(parser: Any, ours: Iterable[Action], environment: Mapping[str, str]) -> str | None:
    """Return which variable is not read. Those of Locust's options are not looked at: Kubernetes sets
    `LOCUST_MASTER_PORT` for a service of that name."""
    if environment.get("LOCUST_CONFIG"):
        return "LOCUST_CONFIG is not read: give --config"
    read = {getattr(action, "env_var", None) for action in parser._actions}
    for action in ours:
        for option in action.option_strings:
            variable = "LOCUST_" + option.strip("-").replace("-", "_").upper()
            if environment.get(variable) and variable not in read:
                return f"{variable} is not read: the variable of {option} is {vars(action)['env_var']}"
    return None
