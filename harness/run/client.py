"""The wire and the SDK client that each side's calls go through."""

import gc

import gevent

from harness.errors import UsageError
from harness.plan import keys
from harness.plan.plan import Plan
from harness.plan.target import Target
from harness.run.rehearsal import rehearse
from harness.run.sent_tokens import WithTokensLearnt
from harness.secrets import Secrets
from mock.inprocess import InProcessWire
from mock.service import Service
from mock.timing import Pace
from providers.base import Provider
from providers.permit import SideName
from providers.settings import Settings
from wire.exchange import Wire
from wire.extra_body import WithExtraBody
from wire.extra_headers import WithHeaders
from wire.extra_query import WithQuery
from wire.network import NetworkWire

COLLECTOR_THRESHOLDS = (50_000, 20, 50)


def sides_of(plan: Plan, secrets: Secrets) -> dict[SideName | None, Provider]:
    """Return what makes the calls to each of a plan's sides, with connections of its own, even if both are at one host.

    Raises `UsageError` with the SDK's reason if it refuses the options.
    """
    sides: dict[SideName | None, Provider] = {}
    for name, target in plan.targets.items():
        wire = wire_of(target, plan.seed, pace_seed=plan.seed + len(sides))
        with keys.in_time():
            sides[name] = target.provider(target.settings, _client_of(target, wire, secrets))
    _spare_the_collector()
    return sides


def _client_of(target: Target, wire: Wire, secrets: Secrets) -> object:
    try:
        rehearse(target.provider, target.settings)
        return target.provider.connect(target.settings, WithTokensLearnt(wire, secrets))
    except Exception as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{target.settings.provider}'s SDK refuses the options: {reason}") from error
    finally:
        # gevent's clock has not seen the second that importing the SDK took: a timer set now would fire that early.
        gevent.get_hub().loop.update_now()


def _spare_the_collector() -> None:
    """Make the garbage collector ignore all existing objects and run less often: during its pauses of 20 to 30 ms
    nothing is read."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


def wire_of(target: Target, seed: int, pace_seed: int) -> Wire:
    """Return the wire to a target, which adds the user's extras to each request.

    seed, pace_seed  of the mock's answers, and of its latencies: two mocks that are compared draw their own latencies
    """
    wire = _mock_wire(target, seed, pace_seed) if target.settings.mock else NetworkWire()
    return with_extras(wire, target.settings, target.provider)


def with_extras(wire: Wire, settings: Settings, provider: type[Provider]) -> Wire:
    """Add the user's headers, query and fields, but what must be in a request before its SDK signs it."""
    if settings.headers:
        wire = WithHeaders(wire, settings.headers)
    if settings.host_query and not provider.signs:
        wire = WithQuery(wire, settings.host_query)
    if settings.extra_body and not provider.signs:
        wire = WithExtraBody(wire, settings.extra_body)
    return wire


def _mock_wire(target: Target, seed: int, pace_seed: int) -> Wire:
    mock = target.mock
    pace = Pace(mock.median_latency_s, seed=pace_seed)
    return InProcessWire(Service(pace, seed, mock.tokens, mock.error_rate, mock.error_status))
