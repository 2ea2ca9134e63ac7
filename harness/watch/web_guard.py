"""Refuses requests that other sites' pages send to any path of the web UI.

Any page open in a browser can send requests to localhost, and one whose host name is pointed at 127.0.0.1 after it has
loaded (DNS rebinding) can read the answers too. The browser reveals this in `Host`, `Origin` and `Sec-Fetch-Site`
(https://www.w3.org/TR/fetch-metadata/). Clients other than browsers send neither of the last two.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
OWN_SITE = ("same-origin", "none")
"""`Sec-Fetch-Site` for the page's own requests, and for an address typed or opened outside the browser."""

DEFAULT_PORTS = (80, 443)
PROTECTIONS = [
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]

Headers = list[tuple[str, str]]
Netloc = tuple[str, int | None]


class WebGuard:
    """A WSGI application around Locust's that admits only its own page and clients other than browsers.

    listens_on  the address that the web UI is bound to; empty for all
    names       other names that browsers can open it by, with a port if a proxy in front has an unusual one
    """

    def __init__(self, application: WSGIApplication, listens_on: str, names: Sequence[str]) -> None:
        self._application = application
        self._names = {*LOOPBACK_NAMES, *filter(None, [listens_on.lower()]), *(_netloc(name)[0] for name in names)}
        self._origins = {_netloc(name) for name in names}
        self._is_exposed = listens_on not in LOOPBACK_NAMES

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        refusal = self._refusal(environ)
        if refusal is None:
            own = _netloc(environ.get("HTTP_HOST") or "")
            return self._application(environ, _fit(start_response, own))
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8"), *PROTECTIONS])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [f"refused: {refusal}\n".encode()]

    def _refusal(self, environ: WSGIEnvironment) -> str | None:
        """Return why a request is refused; `None` if it isn't."""
        given, origin = environ.get("HTTP_HOST"), environ.get("HTTP_ORIGIN")
        host = _netloc(given or "")
        if given and not self._is_own(host[0]):
            return f"the page is not known as {host[0] or given}: allow it with --web-name"
        if environ.get("HTTP_SEC_FETCH_SITE", "none") not in OWN_SITE:
            return "the request comes from another site's page: type this address to open it"
        if origin is not None and not self._is_own_origin(origin, host):
            return "the request comes from a page of another origin"
        if not environ.get("QUERY_STRING", "").isascii():  # Flask would fail on bytes that are not UTF-8.
            return "the query contains characters that must be percent-encoded"
        return None

    def _is_own(self, name: str) -> bool:
        """Return whether the page goes by a name. Any IP address will do: DNS can't point one elsewhere."""
        return name in self._names or (self._is_exposed and _is_address(name))

    def _is_own_origin(self, origin: str, host: Netloc) -> bool:
        source = _netloc(origin)
        return bool(source[0]) and (source == host or source in self._origins)


def _netloc(text: str) -> Netloc:
    """Return the name and port in a Host header, an origin or a name; the name is empty if missing, as in `null`."""
    try:
        url = urlsplit(text if "://" in text else f"//{text}")
        port = None if url.port in DEFAULT_PORTS else url.port
    except ValueError:
        return "invalid", None
    return ("" if text == "null" else (url.hostname or "").rstrip(".")), port


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


def _fit(start_response: StartResponse, own: Netloc) -> StartResponse:
    """Drop the headers with which Locust lets every page on the Web read its answers, and make the others fit for HTTP:
    the name of a download contains the host's, which can be in any script. A redirect to the page's `own` address keeps
    the browser's scheme, which a proxy with TLS doesn't tell."""

    def start(status: str, headers: Headers, *rest: Any) -> Callable[[bytes], object]:
        return start_response(status, [*_kept(headers, own), *PROTECTIONS], *rest)

    return start


def _kept(headers: Headers, own: Netloc) -> Iterator[tuple[str, str]]:
    for name, value in headers:
        if name.lower() == "location" and "://" in value and _netloc(value) == own:
            value = "/" + urlsplit(value)._replace(scheme="", netloc="").geturl().lstrip("/")
        if not name.lower().startswith("access-control-"):
            yield name, value.encode("latin-1", "replace").decode("latin-1")
