"""The user's own headers, added to the requests of all SDKs in the one place that sees them all."""

from dataclasses import replace

from wire.exchange import Reply, Request, Wire


class WithHeaders:
    """A wire that sets headers on each request, replacing the SDK's headers of the same name."""

    def __init__(self, wire: Wire, headers: tuple[tuple[str, str], ...]) -> None:
        self._wire, self._headers = wire, headers
        self._names = {name.lower() for name, _ in headers}

    def send(self, request: Request) -> Reply:
        kept = [(name, value) for name, value in request.headers if name.lower() not in self._names]
        return self._wire.send(replace(request, headers=[*kept, *self._headers]))
