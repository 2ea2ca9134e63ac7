"""The wire and the SDK client that a plan's calls go through."""

import gc
from typing import Any

import gevent

from harness.errors import UsageError
from harness.plan import Plan
from harness.rehearsal import rehearse
from mock.inprocess import InProcessWire
from mock.pace import Pace
from mock.service import Service
from providers.user import LLMUser
from wire.exchange import Wire
from wire.extra_headers import WithHeaders
from wire.network import NetworkWire


def client_of(plan: Plan, user_class: type[LLMUser]) -> Any:
    """Return the provider's SDK client for a plan. Raises `UsageError` with what the SDK says against it."""
    try:
        rehearse(user_class, plan.settings)
        client = user_class.connect(plan.settings, wire_of(plan))
        _spare_the_collector()
        return client
    except Exception as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{plan.settings.provider}'s SDK refuses the options: {reason}") from error
    finally:
        # Importing the SDK took a second that gevent's clock has not seen; a timer set now would end that much early.
        gevent.get_hub().loop.update_now()


def _spare_the_collector() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def wire_of(plan: Plan) -> Wire:
    wire = _mock_wire(plan) if plan.settings.mock else NetworkWire()
    return WithHeaders(wire, plan.settings.headers) if plan.settings.headers else wire


def _mock_wire(plan: Plan) -> Wire:
    mock = plan.mock
    pace = Pace(mock.median_latency_s, seed=plan.seed)
    return InProcessWire(Service(pace, plan.seed, mock.tokens, mock.error_rate, mock.error_status))
