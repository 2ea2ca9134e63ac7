"""Checks before the run that the host accepts a connection, TLS included. After a 404: which address has the API, or
which models has the server?"""

from contextlib import suppress
from urllib.parse import urlsplit

import gevent
import httpx2

from harness.errors import Unreachable
from harness.plan.plan import Plan
from providers.base import Provider
from providers.settings import Settings
from wire.connection import connect
from wire.exchange import DEFAULT_PORTS, ConnectTimedOut, DeadlineExceeded, Origin, WireError, exchange

MODELS_TIMEOUT_S = 3.0


def check(plan: Plan) -> None:
    """Look for each side's key, and connect to its host once. Raises `UsageError` or `Unreachable`. The mock needs
    neither."""
    for side, target in plan.targets.items():
        if not target.settings.mock:
            target.check_key()
            _check(target.settings, "the baseline " if side == "baseline" else "")


def _check(settings: Settings, whose: str) -> None:
    url = urlsplit(settings.host)
    port = url.port or DEFAULT_PORTS[url.scheme]
    try:
        with gevent.Timeout(settings.timeout_s, ConnectTimedOut(f"no connection within {settings.timeout_s:g} s")):
            connect(Origin(url.scheme, url.hostname or "", port)).close()
    except WireError as error:
        raise Unreachable(f"{whose}{settings.host} can't be reached: {error}") from error


def answering_address(side: Provider) -> str | None:
    """Return a base address that has the API, after a 404 at the side's: with `/v1` if it has none, or without. It is
    asked for its list of models, which costs nothing."""
    if side.settings.mock or side.models_path is None:
        return None
    host = side.settings.host.rstrip("/")
    other = host.removesuffix("/v1") if host.endswith("/v1") else f"{host}/v1"
    return None if _models(side, f"{other}{side.models_path}") is None else other


def listed_models(side: Provider) -> list[str]:
    """Return the models that a side's server lists; empty if it lists none, or among them the one that was asked."""
    if side.settings.mock or side.models_path is None:
        return []
    listed = _models(side, f"{side.settings.host.rstrip('/')}{side.models_path}") or []
    names = [model["id"] for model in listed if isinstance(model, dict) and isinstance(model.get("id"), str)]
    return [] if side.settings.model in names else names


def _models(side: Provider, url: str) -> list[object] | None:
    """Return the models at an address; `None` for whatever else is there."""
    late = DeadlineExceeded("no list of models in time")
    with suppress(Exception), exchange(), gevent.Timeout(MODELS_TIMEOUT_S, late):
        listed = side.client.get(url, cast_to=httpx2.Response).json()["data"]
        return listed if isinstance(listed, list) else None
    return None
