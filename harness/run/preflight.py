"""Checks of the host's address: does it accept a connection, TLS included, and if not the API, which address has it?"""

from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import gevent
import httpx2

from harness.errors import Unreachable
from providers.base import Provider
from providers.settings import Settings
from wire.connection import connect
from wire.exchange import ConnectTimedOut, DeadlineExceeded, Origin, WireError, exchange

MODELS_TIMEOUT_S = 3.0


def check(settings: Settings) -> None:
    """Connect to the host once and close the connection. Raises `Unreachable`. The mock needs no host."""
    if settings.mock:
        return
    url = urlsplit(settings.host)
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        with gevent.Timeout(settings.timeout_s, ConnectTimedOut(f"no connection within {settings.timeout_s:g} s")):
            connect(Origin(url.scheme, url.hostname or "", port)).close()
    except WireError as error:
        raise Unreachable(f"{settings.host} can't be reached: {error}") from error


def answering_address(settings: Settings, provider: type[Provider], client: Any) -> str | None:
    """Return a base address that has the API, after a 404 at the run's: with `/v1` if it has none, or without. It is
    asked for its list of models, which costs nothing."""
    if settings.mock or provider.models_path is None:
        return None
    host = settings.host.rstrip("/")
    other = host.removesuffix("/v1") if host.endswith("/v1") else f"{host}/v1"
    return other if _lists_models(client, f"{other}{provider.models_path}") else None


def _lists_models(client: Any, url: str) -> bool:
    late = DeadlineExceeded("no list of models in time")
    with suppress(Exception), exchange(), gevent.Timeout(MODELS_TIMEOUT_S, late):
        return isinstance(client.get(url, cast_to=httpx2.Response).json()["data"], list)
    return False
