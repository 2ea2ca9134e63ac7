"""Whether a run ended early without being asked to, and why."""

from typing import NamedTuple

from harness.plan.plan import Plan

TOLERANCE_S, TOLERANCE = 1.0, 0.05
"""Locust's timer for --run-time starts a moment before the run, so a full run can be this much shorter."""


class End(NamedTuple):
    """How a run ended.

    asked         whether a signal, --fail-fast or the web UI's button ended it
    spent         whether all calls of -i, or of the schedule, have ended
    lasted_s      from the run's start until it was told to stop
    made          the number of calls that have a row
    workers_gone  how many workers took part, if none are left; else 0
    """

    asked: bool
    spent: bool
    lasted_s: float
    made: int
    workers_gone: int


def why_early(plan: Plan, end: End) -> str | None:
    """Return why a run ended before its -i, -t or schedule was done; `None` if it did not."""
    if end.asked:
        return None
    if end.workers_gone:
        return f"all workers were gone ({end.workers_gone} took part)"
    if end.spent or _time_is_up(plan, end.lasted_s):
        return None
    planned = plan.most_calls
    return f"it ended by itself after {end.lasted_s:.1f} s, with {end.made} {f'of {planned} ' if planned else ''}calls"


def _time_is_up(plan: Plan, lasted_s: float) -> bool:
    run_time_s = plan.load["run_time"]
    return bool(run_time_s) and lasted_s >= run_time_s - max(TOLERANCE_S, TOLERANCE * run_time_s)
