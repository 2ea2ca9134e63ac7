"""The mock on a socket, for any client: all formats on one port, and what truly arrived at /stats."""

import asyncio
import signal
import ssl
import sys

import orjson
import uvloop

from mock.connection import Connection, Sent
from mock.message import Answer, Json, Part, Request
from mock.service import Service, plain_headers


def serve(service: Service, host: str, port: int, tls: ssl.SSLContext | None = None, merge: bool = False) -> None:
    """Serves until SIGINT or SIGTERM; port 0 takes a free one. Raises OSError when it can't listen."""
    uvloop.run(listen(service, host, port, tls, merge))


async def listen(service: Service, host: str, port: int, tls: ssl.SSLContext | None, merge: bool) -> None:
    connections: set[Connection] = set()
    front = Front(service)
    loop = asyncio.get_running_loop()
    stop = stop_signal(loop)
    server = await loop.create_server(
        lambda: Connection(front.answer, merge, connections), host, port, ssl=tls, backlog=4096
    )
    scheme = "https" if tls else "http"
    named = f"[{host}]" if ":" in host else host
    print(
        f"mock listening on {scheme}://{named}:{server.sockets[0].getsockname()[1]}",
        file=sys.stderr,
        flush=True,
    )
    await stop.wait()
    server.close()
    for connection in list(connections):
        connection.abort()


def stop_signal(loop: asyncio.AbstractEventLoop) -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


class Front:
    """The service, and before it the few paths of the server's own, which are never counted."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stats = service.stats

    def answer(self, request: Request, connection: int) -> tuple[Answer, Sent]:
        own = self._own(request)
        if own is not None:
            return own, uncounted
        self._stats.carried(connection)
        return self._service.answer(request), self._stats.sent

    def _own(self, request: Request) -> Answer | None:
        match request.method, request.target:
            case "GET", "/" | "/health":
                return json_answer({"status": "ok"})
            case "GET", "/stats":
                return json_answer(self._stats.as_json())
            case "POST", "/stats/reset":
                self._stats.reset()
                return json_answer(self._stats.as_json())
        return None


def uncounted(size_bytes: int) -> None:
    pass


def json_answer(value: Json) -> Answer:
    body = orjson.dumps(value)
    return Answer(200, plain_headers(body), [Part(0.0, body)])
