"""Environment variables that are named like an option, but that no option reads: what they say would be lost."""

from argparse import Action
from collections.abc import Container, Iterable, Mapping
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
    return _misspelt({vars(action)["env_var"] for action in ours} - {None}, read, environment)


def _misspelt(ours: Iterable[str], read: Container[str | None], environment: Mapping[str, str]) -> str | None:
    """Return which variable differs from one of ours in nothing but underscores and an S at its end."""
    meant = {_bare(variable): variable for variable in ours if variable.startswith("LOCUST_")}
    for variable in environment:
        is_lost = variable.startswith("LOCUST_") and environment[variable] and variable not in read
        if is_lost and (instead := meant.get(_bare(variable))):
            return f"{variable} is not read: did you mean {instead}?"
    return None


def _bare(variable: str) -> str:
    return variable.replace("_", "").removesuffix("S")
