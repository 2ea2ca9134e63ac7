"""Which hosts a run started from the web UI can send keys to."""

from collections.abc import Sequence

from harness.plan import addresses, keys
from providers.base import Provider
from providers.settings import Settings

ANY = "*"


class KeyHosts:
    """The command line's host takes the key given there, and the environment's key of any provider, or only of the
    command line's provider if it names one; the same goes for headers that an SDK takes from the environment. Hosts
    named by `--web-allow-host` take every key.

    provider  the command line's; `None` if it names none
    key       the key given by -k or LLM_API_KEY
    allowed   hosts, each as `NAME`, `NAME:PORT` or an address with its scheme
    baseline  the same of `--against`
    """

    def __init__(
        self,
        host: str,
        provider: type[Provider] | None,
        key: str,
        allowed: Sequence[str],
        baseline: "KeyHosts | None" = None,
    ) -> None:
        self.baseline = baseline
        self._origin, self._provider, self._key = addresses.origin(host), provider, key
        self._allowed = {named(host) for host in allowed}

    def refusal(self, settings: Settings, provider: type[Provider]) -> str | None:
        """Return why a run must not send its key to its host; `None` if it can. The mock sends nothing."""
        if settings.mock or self._is_allowed(settings.host):
            return None
        origin, name = addresses.origin(settings.host), addresses.name(settings.host)
        if origin != self._origin:
            return f"keys are only for {self._origin}, not for {origin}: allow it with --web-allow-host {name}"
        if self._provider and (secret := self._anothers(self._provider, provider)):
            return (
                f"{provider.name}'s {secret} from the environment is not for {origin}, which the command line gives "
                f"{self._provider.name}'s key: allow it with --web-allow-host {name}"
            )
        return None

    def _anothers(self, own: type[Provider], provider: type[Provider]) -> str | None:
        """Return what the run would take from the environment that the command line's provider wouldn't."""
        if provider is not own and not self._key.strip():
            return "key"
        return next((name for name in keys.header_variables(provider) if name not in keys.header_variables(own)), None)

    def _is_allowed(self, host: str) -> bool:
        origin = addresses.origin(host)
        netloc = origin.partition("://")[2]
        return not self._allowed.isdisjoint({ANY, netloc.rpartition(":")[0], netloc, origin})


def named(host: str) -> str:
    """Return the host of a `--web-allow-host`, normalised. Raises `UsageError`."""
    if host == ANY:
        return ANY
    if "://" in host:
        return addresses.origin(addresses.check(host, "--web-allow-host"))
    return addresses.check_netloc("--web-allow-host", host)
