"""Where a provider's key comes from."""

import os
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, unquote
from urllib.request import getproxies_environment

from harness.errors import UsageError
from harness.plan.extra_body import named_secrets
from providers.base import Provider
from providers.settings import Settings

MOCK_KEY = "mock-key"


def find(provider: type[Provider], given: str | None, mock: bool) -> str | None:
    """Return the key of a run: the given one, else the provider's variable. Raises `UsageError`.

    `None` is an answer too: then the SDK's own credentials sign (AWS), or Google's defaults do (Vertex AI).
    """
    key = (given or os.environ.get(provider.key_variable) or "").strip() or None
    if key and not all("!" <= character <= "~" for character in key):
        source = "-k, or LLM_API_KEY," if given else provider.key_variable
        raise UsageError(f"{source} holds characters that no API key can: it goes into an HTTP header")
    if mock:
        return key or MOCK_KEY
    if not key and (missing := provider.missing_key()):
        raise UsageError(missing)
    return key


def secrets_of(settings: Settings, provider: type[Provider]) -> list[str]:
    """Return what must never be seen of a run: its key, its headers' values, the values of its address's query, what
    its extra body calls a secret, the credentials that its SDK finds itself."""
    values = [settings.api_key, *(value for _, value in settings.headers)]
    values += [settings.host_query, *_secrets_in(settings.host_query)]
    values += named_secrets(settings.extra_body)
    values += provider.credentials()
    return [value for value in values if value]


def _secrets_in(query: str) -> list[str]:
    """Return the values in a query, and what stands there without a name."""
    return [value or name for name, value in parse_qsl(query, keep_blank_values=True)]


def secrets_in_environment(providers: Iterable[type[Provider]]) -> Iterator[str]:
    """Yield what must never be seen of the environment, whether or not the run sends it."""
    for provider in providers:
        yield from filter(None, map(os.environ.get, (provider.key_variable, *provider.secret_variables)))
        for name in provider.header_variables:
            yield from (line.partition(":")[2] for line in os.environ.get(name, "").splitlines())
    for url in getproxies_environment().values():
        yield from credentials_in(url)


def credentials_in(url: str) -> list[str]:
    """Return the user and the password in a URL: alone and together, as they are written and as they are meant."""
    userinfo, at, _ = url.rpartition("://")[2].rpartition("@")
    user, _, password = userinfo.partition(":")
    written = [userinfo, password] if password else [user]
    return [form for text in written if at for form in (text, unquote(text))]
