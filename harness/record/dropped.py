"""Dropped calls: those of an open loop that no user was free for."""

from datetime import datetime, timedelta

from locust.env import Environment

from providers.call import Call
from providers.permit import Granted, Permit
from providers.settings import Settings


class CallDropped(Exception):
    """The exception by which Locust counts a dropped call."""

    def __repr__(self) -> str:
        return str(self)


def dropped_call(run_id: str, settings: Settings, permit: Permit, granted: Granted, run_began: datetime) -> Call:
    """Return the record of a call that was never sent: it has no prompt, and nothing about it was observed."""
    scheduled_s = permit.scheduled_s or 0.0
    scheduled_at = run_began + timedelta(seconds=scheduled_s)
    return Call(
        run_id, granted.number, settings.provider, settings.model, settings.api, settings.mode, "", "",
        scheduled_at, scheduled_s, outcome="dropped", error="Dropped: no user was free for it",
        scheduled_at=scheduled_at, stage=permit.stage, side=granted.side, pair=granted.pair, order=granted.order,
    )  # fmt: skip


def tell_locust(environment: Environment, call: Call) -> None:
    """Count the call among Locust's failures, without a response time, so that it enters no percentile."""
    environment.events.request.fire(
        request_type=call.provider,
        name=call.title,
        response_time=None,
        response_length=0,
        exception=CallDropped("Dropped"),
        context={},
        call=call,
    )
