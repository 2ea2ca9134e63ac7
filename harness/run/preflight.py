"""The check before the first call: does the host accept a connection, TLS included?"""

from urllib.parse import urlsplit

import gevent

from harness.errors import Unreachable
from harness.plan.plan import Plan
from providers.settings import Settings
from wire.connection import connect
from wire.exchange import ConnectTimedOut, Origin, WireError


def check(plan: Plan) -> None:
    """Connect to each side's host once and close the connection. Raises `Unreachable`. The mock needs no host."""
    for side, target in plan.targets.items():
        if not target.settings.mock:
            _check(target.settings, "the baseline " if side == "baseline" else "")


def _check(settings: Settings, whose: str) -> None:
    url = urlsplit(settings.host)
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        with gevent.Timeout(settings.timeout_s, ConnectTimedOut(f"no connection within {settings.timeout_s:g} s")):
            connect(Origin(url.scheme, url.hostname or "", port)).close()
    except WireError as error:
        raise Unreachable(f"{whose}{settings.host} can't be reached: {error}") from error
