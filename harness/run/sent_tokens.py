"""Tokens that an SDK fetches itself, as Google's and AWS's do: they are unknown until they are sent."""

from harness.secrets import Secrets
from wire.exchange import Reply, Request, Wire


class WithTokensLearnt:
    """A wire that adds each token to the secrets before a server can echo it."""

    def __init__(self, wire: Wire, secrets: Secrets) -> None:
        self._wire, self._secrets = wire, secrets

    def send(self, request: Request) -> Reply:
        for name, value in request.headers:
            if token := _token(name.lower(), value):
                self._secrets.learn(token)
        return self._wire.send(request)


def _token(name: str, value: str) -> str:
    """Return the token in a header: of a signature, the key's id; "" if there is none."""
    if name == "x-amz-security-token" or (name == "authorization" and value.startswith("Bearer ")):
        return value
    is_signature = name == "authorization" and value.startswith("AWS4-")
    return value.partition("Credential=")[2].partition("/")[0] if is_signature else ""
