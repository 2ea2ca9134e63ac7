"""The user's own query parameters, added to the requests of all SDKs in the one place that sees them all."""

from dataclasses import replace

from wire.exchange import Reply, Request, Wire


class WithQuery:
    """A wire that puts a query into each target, before the SDK's own query."""

    def __init__(self, wire: Wire, query: str) -> None:
        self._wire, self._query = wire, query

    def send(self, request: Request) -> Reply:
        path, _, query = request.target.partition("?")
        joined = f"{self._query}&{query}" if query else self._query
        return self._wire.send(replace(request, target=f"{path}?{joined}"))
