"""What counts a run's calls out: a budget, or the schedule of an open loop."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from harness.load.closed_loop import Budget
from harness.load.open_loop import OpenLoop
from harness.load.permits import PermitLedger, PermitQueue
from harness.plan.plan import Plan
from harness.record.dropped import dropped_call, tell_locust
from harness.record.recorder import Run
from providers.permit import Permit

HERE = "here"


def budget_of(plan: Plan, run: Run, environment: Any, on_spent: Callable[[], None]) -> Budget | OpenLoop:
    """Return what a plan's calls are counted out by; `on_spent` is called when the last of them has ended."""
    if plan.schedule is None:
        return Budget(plan.warmup_calls + plan.calls if plan.calls else None, on_spent)

    def drop(permit: Permit) -> None:
        call = dropped_call(run.run_id, plan.settings, permit, run.began_at)
        run.keep(call)
        tell_locust(environment, call)

    times = islice(plan.schedule.times(plan.seed), plan.calls)
    return OpenLoop(times, plan.warmup_calls, plan.settings.timeout_s, run.started_at, drop, on_spent)


def room_here(open_loop: OpenLoop, started_at: float) -> PermitQueue:
    """Return a waiting room for the users of this process, with a desk of its own."""
    desk = PermitLedger(open_loop, lambda _, permit: room.grant(permit))
    room = PermitQueue(
        started_at,
        want=lambda: desk.want(HERE),
        unwant=lambda: desk.unwant(HERE),
        back=lambda number: desk.take_back(HERE, number),
        on_end=lambda number: desk.end(HERE, number),
    )
    open_loop.on_ready = desk.serve
    return room
