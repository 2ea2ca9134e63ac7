"""What hands out a run's calls: a budget, or the schedule of an open loop."""

from collections.abc import Callable
from itertools import islice

from locust.env import Environment

from harness.load.closed_loop import Budget
from harness.load.open_loop import OpenLoop
from harness.load.permits import PermitLedger, PermitQueue
from harness.plan.plan import Plan
from harness.record.dropped import dropped_call, tell_locust
from harness.record.recorder import Recorder
from providers.permit import Permit

HERE = "here"


def budget_of(
    plan: Plan, recorder: Recorder, environment: Environment, on_spent: Callable[[], None]
) -> Budget | OpenLoop:
    """Return what hands out a plan's calls; `on_spent` is called when the last of them has ended."""
    if plan.schedule is None:
        return Budget(plan.warmup_calls + plan.calls if plan.calls else None, on_spent, len(plan.targets))

    targets, grant = plan.targets, plan.grant()

    def drop(permit: Permit) -> None:
        for granted in grant(permit):
            settings = targets[granted.side].settings
            call = dropped_call(recorder.run_id, settings, permit, granted, recorder.began_at)
            recorder.keep(call)
            tell_locust(environment, call)

    times, patience_s = islice(plan.schedule.times(plan.seed), plan.permits), plan.settings.timeout_s
    return OpenLoop(times, plan.warmup_calls, patience_s, recorder.started_at, drop, on_spent, len(targets))


def queue_here(open_loop: OpenLoop, started_at: float) -> PermitQueue:
    """Return a permit queue, with its own ledger, for the users of this process."""
    ledger = PermitLedger(open_loop, lambda _, permit: queue.grant(permit))
    queue = PermitQueue(
        started_at,
        want=lambda begins: ledger.want(HERE, begins),
        unwant=lambda begins: ledger.unwant(HERE, begins),
        back=lambda number: ledger.take_back(HERE, number),
        on_end=lambda number: ledger.end(HERE, number),
    )
    return queue
