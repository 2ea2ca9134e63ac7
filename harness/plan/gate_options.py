"""`--slo`, `--fail-if`, `--baseline` and `--junit`: what a run is judged by."""

from collections.abc import Sequence
from pathlib import Path

from harness.errors import UsageError
from harness.load.schedule import Schedule, Timetable
from harness.plan.values import Options
from summary.gates import relative, slo
from summary.gates.gate import Gate
from summary.gates.language import BadCondition
from summary.gates.relative import RelativeGate
from summary.gates.slo import Slo
from summary.registry import Need


def slo_of(options: Options) -> Slo | None:
    """Return the service level that each call should meet, if one is given. Raises `UsageError`."""
    try:
        return slo.parse(options["slo"]) if options["slo"] else None
    except BadCondition as error:
        raise UsageError(str(error)) from error


def gates_of(options: Options) -> tuple[list[Gate], list[RelativeGate]]:
    """Return the gates, and those relative to a baseline. Raises `UsageError`."""
    try:
        found, relative_gates = relative.parse_all(options["fail_if"])
    except BadCondition as error:
        raise UsageError(str(error)) from error
    if relative_gates and not any(options["baseline"]):
        raise UsageError(f"--fail-if {relative_gates[0].text} compares with a baseline: give --baseline")
    return found, relative_gates


def check_needs(
    level: Slo | None,
    asked: Sequence[Gate | RelativeGate],
    stream: bool,
    schedule: Schedule | Timetable | None,
    has_baseline: bool = False,
) -> None:
    """Raise `UsageError` for a condition on a figure or a stage that the run won't have."""
    has: dict[Need, bool] = {
        "--stream": stream, "--rate": schedule is not None, "--slo": level is not None, "--against": has_baseline,
    }  # fmt: skip
    given = [name for name, is_given in has.items() if is_given]
    try:
        if level:
            level.check(given)
        for gate in asked:
            gate.check(given, len(schedule.stages) if schedule else 0)
    except BadCondition as error:
        raise UsageError(str(error)) from error


def is_fail_fast(options: Options, asked: Sequence[Gate | RelativeGate]) -> bool:
    """Return whether `--fail-fast` is given. Raises `UsageError` if nothing could end the run early."""
    if options["fail_fast"] and not asked:
        raise UsageError("--fail-fast needs --fail-if, such as failure_count>0")
    return bool(options["fail_fast"])


def junit_of(options: Options, asked: Sequence[Gate | RelativeGate]) -> Path | None:
    """Return the file for the gates' verdicts, if one is given. Raises `UsageError`."""
    if not options["junit"]:
        return None
    if not asked:
        raise UsageError("--junit needs --fail-if")
    return Path(options["junit"])
