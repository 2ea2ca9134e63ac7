"""Tokens that an SDK fetches itself, as Google's does: they are unknown until they are sent."""

from harness.secrets import Secrets
from wire.exchange import Reply, Request, Wire


class WithTokensLearnt:
    """A wire that adds each bearer token to the secrets before a server can echo it."""

    def __init__(self, wire: Wire, secrets: Secrets) -> None:
        self._wire, self._secrets = wire, secrets
        self._known = ""

    def send(self, request: Request) -> Reply:
        for name, value in request.headers:
            if value != self._known and name.lower() == "authorization" and value.startswith("Bearer "):
                self._known = value
                self._secrets.add(value)
        return self._wire.send(request)
