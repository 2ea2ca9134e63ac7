"""`--slo`, `--fail-if` and `--junit`: what a run is to be judged by."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from summary.gates import gate as gates
from summary.gates import slo
from summary.gates.gate import Gate
from summary.gates.language import BadCondition
from summary.gates.slo import Slo
from summary.registry import Need


def slo_of(options: Mapping[str, Any]) -> Slo | None:
    """Return the level that each call should meet, if there is one. Raises `UsageError`."""
    try:
        return slo.parse(options["slo"]) if options["slo"] else None
    except BadCondition as error:
        raise UsageError(str(error)) from error


def gates_of(options: Mapping[str, Any]) -> list[Gate]:
    """Return the gates. Raises `UsageError`."""
    try:
        return [gates.parse(text) for text in options["fail_if"]]
    except BadCondition as error:
        raise UsageError(str(error)) from error


def check_needs(level: Slo | None, asked: list[Gate], stream: bool, open_loop: bool) -> None:
    """Refuse a condition on a figure that the run won't have. Raises `UsageError`."""
    has: dict[Need, bool] = {"--stream": stream, "--rate": open_loop, "--slo": level is not None}
    given = [name for name, is_given in has.items() if is_given]
    try:
        if level:
            level.check(given)
        for gate in asked:
            gate.check(given)
    except BadCondition as error:
        raise UsageError(str(error)) from error


def junit_of(options: Mapping[str, Any], asked: list[Gate]) -> Path | None:
    """Return where the gates' verdicts go. Raises `UsageError`."""
    if not options["junit"]:
        return None
    if not asked:
        raise UsageError("--junit has nothing to tell without --fail-if")
    return Path(options["junit"])
