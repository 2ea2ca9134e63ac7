"""The SDK's base address, which a run's calls go to, kept free of secrets."""

import re
from ipaddress import IPv6Address
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from harness.errors import UsageError
from wire.exchange import DEFAULT_PORTS

LARGEST_PORT = 65_535

_API_PATH = re.compile(r"((/openai/deployments/[^/]+)?/(chat/completions|completions|responses)|(/v1)?/messages)/*\Z")
"""What SDKs append to the base address to call an API."""

_NETLOC = re.compile(r"(?:\[(?P<address>[^\[\]]+)\]|(?P<name>[\w-]+(?:\.[\w-]+)*\.?))(?::(?P<port>[0-9]{1,5}))?")


class HostQuery(NamedTuple):
    """The query of the command line's `--host`, and the host it belongs to."""

    host: str = ""
    query: str = ""


def split_query(address: str) -> HostQuery:
    """Split the query off an address: it may contain a token, and Locust shows the host and sends it to workers."""
    host, _, query = address.partition("?")
    return HostQuery(host, query)


def query_for(host: str, given: HostQuery) -> str:
    """Return the command line's query if `host` is the host it was given for, else an empty string."""
    return given.query if host == given.host else ""


def check(host: str, option: str = "--host") -> str:
    """Return a base address that an SDK can use. Raises `UsageError`, which repeats no secret."""
    if "@" in host:
        of_header = "--against-header" if option == "--against" else "--header"
        raise UsageError(f"{option} must not contain a user or password: use {of_header} Authorization:…")
    if "#" in host:
        raise UsageError(f"{option} must not contain a fragment (#…)")
    if "?" in host:
        raise UsageError(f"{option} must not contain a query (?…): only --host on the command line can")
    if not _is_usable(host):
        raise UsageError(f"{option} must look like http://localhost:8000/v1, not {host!r}{_other_tools(option, host)}")
    if base := _base_of(host):
        raise UsageError(f"{option} must be the base address, without what the SDK appends: did you mean {base}?")
    return host


def check_query(query: str) -> None:
    """Raise `UsageError` if a query can't be sent as it is."""
    if "#" in query:
        raise UsageError("--host must not contain a fragment (#…)")
    if not all("!" <= character <= "~" for character in query):
        raise UsageError("the query of --host contains characters that must be percent-encoded")


def check_netloc(option: str, text: str) -> str:
    """Return a host name or IP address, with or without a port, in lower case. Raises `UsageError`."""
    found = _NETLOC.fullmatch(f"[{text}]" if _is_ipv6(text) else text)
    if not found or not _is_ipv6(found["address"] or "::") or not 0 < int(found["port"] or 1) <= LARGEST_PORT:
        raise UsageError(f"{option} must look like tests.example.com or tests.example.com:8443")
    return found[0].lower()


def name(address: str) -> str:
    """Return the host name, in lower case, of an address returned by `check`."""
    return urlsplit(address).hostname or ""


def origin(address: str) -> str:
    """Return scheme, host and port, in one spelling per server, of an address returned by `check`."""
    url = urlsplit(address)
    return f"{url.scheme}://{_bracketed(url)}:{url.port or DEFAULT_PORTS[url.scheme]}"


def _base_of(host: str) -> str | None:
    """Return the base address within the address of an API; `None` if it isn't one."""
    found = _API_PATH.search(urlsplit(host).path)
    return found and host.removesuffix(found[0])


def _other_tools(option: str, host: str) -> str:
    """Return how earlier runs are compared with, if a path was given for the baseline's address."""
    if option != "--against" or ":" in host:
        return ""
    return ": an earlier run is compared by --baseline PATH, or by report.py NEW --against PATH"


def _is_usable(host: str) -> bool:
    if not all(character.isprintable() and character not in " \\" for character in host):
        return False
    try:
        url = urlsplit(host)
        return url.scheme in DEFAULT_PORTS and bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def _is_ipv6(text: str) -> bool:
    try:
        return bool(IPv6Address(text))
    except ValueError:
        return False


def _bracketed(url: SplitResult) -> str:
    name = url.hostname or ""
    return f"[{name}]" if ":" in name else name
