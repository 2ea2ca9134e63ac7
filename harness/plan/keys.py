"""Keys and other secrets: where they come from, and which values must never be shown."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, unquote
from urllib.request import getproxies_environment

import gevent

from harness.errors import UsageError
from harness.plan.extra_body import named_secrets
from providers.base import Provider
from providers.settings import Settings

MOCK_KEY = "mock-key"

PATIENCE_S = 30.0
"""How long an SDK can take over the credentials that it finds itself: for a silent token server it waits minutes."""


@contextmanager
def in_time() -> Iterator[None]:
    """Limit the time in which an SDK may fetch its credentials. Raises `UsageError` when it is over."""
    late = gevent.Timeout(PATIENCE_S)
    try:
        with late:
            yield
    except gevent.Timeout as error:
        if error is not late:
            raise
        raise UsageError(f"the SDK had no credentials after {PATIENCE_S:g} s: does their server answer?") from None


def find(provider: type[Provider], given: str | None, mock: bool) -> str | None:
    """Return a run's key: the given one, else the provider's variable; `None` if there is none. Raises `UsageError`."""
    key = (given or os.environ.get(provider.key_variable) or "").strip() or None
    if key and not all("!" <= character <= "~" for character in key):
        source = "-k or LLM_API_KEY" if given else provider.key_variable
        raise UsageError(f"{source} contains characters that an HTTP header can't carry")
    return key or (MOCK_KEY if mock else None)


def check(settings: Settings, provider: type[Provider]) -> None:
    """Raise `UsageError` if there is neither a key nor credentials that the SDK finds itself: AWS's to sign with, or
    Google's defaults (Vertex AI). The reason can repeat secrets, which must be known by then."""
    if not settings.api_key and (missing := provider.missing_key()):
        raise UsageError(missing)


def secrets_of(settings: Settings, provider: type[Provider]) -> list[str]:
    """Return a run's secrets: its key, the values of its headers and of its address's query, fields of its extra body
    that are named like a secret, and the credentials that its SDK finds itself; one that signs doesn't, with a key."""
    values = [settings.api_key, *(value for _, value in settings.headers)]
    values += [settings.host_query, *_secrets_in(settings.host_query)]
    values += named_secrets(settings.extra_body)
    if not (provider.signs and settings.api_key):
        values += provider.credentials()
    return [value for value in values if value]


def _secrets_in(query: str) -> list[str]:
    """Return a query's values, and its parameters without a value."""
    return [value or name for name, value in parse_qsl(query, keep_blank_values=True)]


def secrets_in_environment(providers: Iterable[type[Provider]]) -> Iterator[str]:
    """Yield the environment's secrets, whether or not the run sends them."""
    for provider in providers:
        yield from filter(None, map(os.environ.get, (provider.key_variable, *provider.secret_variables)))
        for name in provider.header_variables:
            yield from (line.partition(":")[2] for line in os.environ.get(name, "").splitlines())
    for url in getproxies_environment().values():
        yield from credentials_in(url)


def header_variables(provider: type[Provider]) -> list[str]:
    """Return the environment's variables whose values the SDK sends in headers beside any given key. One that signs
    uses them only without a key."""
    names = (*provider.header_variables, *(() if provider.signs else provider.header_values()))
    return [name for name in names if os.environ.get(name)]


def credentials_in(url: str) -> list[str]:
    """Return the password and `user:password` in a URL, or the user alone, each as written and percent-decoded."""
    userinfo, at, _ = url.rpartition("://")[2].rpartition("@")
    user, _, password = userinfo.partition(":")
    written = [userinfo, password] if password else [user]
    return [form for text in written if at for form in (text, unquote(text))]
