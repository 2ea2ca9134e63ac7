"""The wire and the SDK client that a plan's calls go through."""

import gc
from typing import Any

import gevent

from harness.errors import UsageError
from harness.plan.plan import Plan
from harness.run.rehearsal import rehearse
from harness.run.sent_tokens import WithTokensLearnt
from harness.secrets import Secrets
from mock.inprocess import InProcessWire
from mock.service import Service
from mock.timing import Pace
from providers.base import Provider
from providers.settings import Settings
from wire.exchange import Wire
from wire.extra_body import WithExtraBody
from wire.extra_headers import WithHeaders
from wire.extra_query import WithQuery
from wire.network import NetworkWire

COLLECTOR_THRESHOLDS = (50_000, 20, 50)


def client_of(plan: Plan, secrets: Secrets) -> Any:
    """Return the provider's SDK client for a plan. Raises `UsageError` with the SDK's reason if it refuses."""
    try:
        rehearse(plan.provider, plan.settings)
        client = plan.provider.connect(plan.settings, WithTokensLearnt(wire_of(plan), secrets))
        _spare_the_collector()
        return client
    except Exception as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{plan.settings.provider}'s SDK refuses the options: {reason}") from error
    finally:
        # gevent's clock has not seen the second that importing the SDK took: a timer set now would fire that early.
        gevent.get_hub().loop.update_now()


def _spare_the_collector() -> None:
    """Make the garbage collector ignore all existing objects and run less often: during its pauses of 20 to 30 ms
    nothing is read."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


def wire_of(plan: Plan) -> Wire:
    """Return the wire for a plan, which adds the user's extras to each request."""
    return with_extras(_mock_wire(plan) if plan.settings.mock else NetworkWire(), plan.settings, plan.provider)


def with_extras(wire: Wire, settings: Settings, provider: type[Provider]) -> Wire:
    """Add the user's headers, query and fields, but what must be in a request before its SDK signs it."""
    if settings.headers:
        wire = WithHeaders(wire, settings.headers)
    if settings.host_query and not provider.signs:
        wire = WithQuery(wire, settings.host_query)
    if settings.extra_body and not provider.signs:
        wire = WithExtraBody(wire, settings.extra_body)
    return wire


def _mock_wire(plan: Plan) -> Wire:
    mock = plan.mock
    pace = Pace(mock.median_latency_s, seed=plan.seed)
    return InProcessWire(Service(pace, plan.seed, mock.tokens, mock.error_rate, mock.error_status))
