"""Which hosts keys were given for: what the web UI's form may send them to."""

from collections.abc import Sequence

from harness.plan import addresses
from providers.settings import Settings

ANY = "*"


class KeyHosts:
    """The command line's host takes the key that is given there; any provider's own key too, unless the command line
    names a provider: then that one's alone. `--web-allow-host` names hosts that take every key.

    key      the key given by -k or LLM_API_KEY
    allowed  hosts, each as `NAME`, `NAME:PORT` or an address with its scheme
    """

    def __init__(self, host: str, provider: str | None, key: str, allowed: Sequence[str]) -> None:
        self._origin, self._provider, self._key = addresses.origin(host), provider, key
        self._allowed = {named(host) for host in allowed}

    def refusal(self, settings: Settings) -> str | None:
        """Return why a run must not send its key to its host, if so. The mock sends nothing anywhere."""
        if settings.mock or self._is_allowed(settings.host):
            return None
        origin, name = addresses.origin(settings.host), addresses.name(settings.host)
        if origin != self._origin:
            return f"keys are for {self._origin} alone, not for {origin}, unless --web-allow-host {name} says so"
        if self._is_anothers(settings):
            return (
                f"{settings.provider}'s key in the environment is not for {origin}, to which the command line sends "
                f"{self._provider}'s, unless --web-allow-host {name} says so"
            )
        return None

    def _is_allowed(self, host: str) -> bool:
        origin = addresses.origin(host)
        netloc = origin.partition("://")[2]
        return not self._allowed.isdisjoint({ANY, netloc.rpartition(":")[0], netloc, origin})

    def _is_anothers(self, settings: Settings) -> bool:
        return settings.provider != (self._provider or settings.provider) and not self._key.strip()


def named(host: str) -> str:
    """Return what a `--web-allow-host` names, in one spelling. Raises `UsageError`."""
    if host == ANY:
        return ANY
    if "://" in host:
        return addresses.origin(addresses.check(host, "--web-allow-host"))
    return addresses.check_netloc("--web-allow-host", host)
