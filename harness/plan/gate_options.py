"""`--slo`, `--fail-if` and `--junit`: what a run is judged by."""

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
    """Return the service level that each call should meet, if one is given. Raises `UsageError`."""
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


def check_needs(
    level: Slo | None, asked: list[Gate], stream: bool, open_loop: bool, has_baseline: bool = False
) -> None:
    """Raise `UsageError` for a condition on a figure that the run won't have."""
    has: dict[Need, bool] = {
        "--stream": stream, "--rate": open_loop, "--slo": level is not None, "--against": has_baseline,
    }  # fmt: skip
    given = [name for name, is_given in has.items() if is_given]
    try:
        if level:
            level.check(given)
        for gate in asked:
            gate.check(given)
    except BadCondition as error:
        raise UsageError(str(error)) from error


def junit_of(options: Mapping[str, Any], asked: list[Gate]) -> Path | None:
    """Return the file for the gates' verdicts, if one is given. Raises `UsageError`."""
    if not options["junit"]:
        return None
    if not asked:
        raise UsageError("--junit needs --fail-if")
    return Path(options["junit"])
