"""The proxy for an origin, from the environment: HTTPS_PROXY, HTTP_PROXY, NO_PROXY."""

from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from wire.exchange import ConnectFailed, Origin


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy, and the credentials for it."""

    host: str
    port: int
    authorization: str | None

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [("Proxy-Authorization", self.authorization)] if self.authorization else []


@cache
def proxy_of(origin: Origin) -> Proxy | None:
    """Return the proxy for an origin, `None` to connect directly. Raises `ConnectFailed` for an unusable proxy."""
    proxies = getproxies_environment()
    url = proxies.get(origin.scheme)
    listed = proxies.get("no", "").split(",")
    if not url or proxy_bypass(f"{origin.host}:{origin.port}") or any(_covers(each, origin.host) for each in listed):
        return None
    proxy = _read(url if "://" in url else f"http://{url}")
    if proxy is None:
        raise ConnectFailed(f"the proxy in {origin.scheme.upper()}_PROXY must be http://host:port", "proxy")
    return proxy


def _covers(listed: str, host: str) -> bool:
    """Return whether an item of NO_PROXY that says nothing to `proxy_bypass`, and so to boto3, names a host to httpx2:
    `*.example.com`, `[::1]` or `10.0.0.0/8`."""
    listed = listed.strip().lower()
    if listed.startswith("*."):
        return host.lower().endswith(listed[1:])
    try:
        return ip_address(host) in ip_network(listed.strip("[]"), strict=False)
    except ValueError:
        return False


def _read(url: str) -> Proxy | None:
    """Return the proxy that a URL names; `None` if unusable. `urlsplit`'s errors are not quoted: they can contain the
    password."""
    try:
        parts = urlsplit(url)
        port = parts.port or 80
    except ValueError:
        return None
    if parts.scheme != "http" or not parts.hostname:
        return None
    return Proxy(parts.hostname, port, _authorization(parts.username, parts.password))


def _authorization(user: str | None, password: str | None) -> str | None:
    if user is None:
        return None
    return "Basic " + b64encode(f"{unquote(user)}:{unquote(password or '')}".encode(errors="surrogateescape")).decode()
