"""The mock on a socket, for any client: all formats on one port, with counts of what arrived at /stats."""

import asyncio
import signal
import ssl
import sys
from dataclasses import replace
from time import monotonic

import orjson
import uvloop

from mock.connection import Connection, Sent
from mock.formats.message import Answer, Json, Part, Request
from mock.service import Service, plain_headers
from mock.stall import Stall

BAD_REQUEST = Answer(400, [("content-length", "0")], [Part(0.0, b"")])


def serve(
    service: Service,
    host: str,
    port: int,
    tls: ssl.SSLContext | None = None,
    merge: bool = False,
    stall: Stall | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; port 0 picks a free port. Raises `OSError` if it can't listen."""
    front = Front(service, stall and replace(stall, start_s=monotonic()))
    uvloop.run(listen(front, host, port, tls, merge))


async def listen(front: "Front", host: str, port: int, tls: ssl.SSLContext | None, merge: bool) -> None:
    connections: set[Connection] = set()
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
    """The service, and in front of it the server's own paths, which are never counted."""

    def __init__(self, service: Service, stall: Stall | None) -> None:
        self._service = service
        self._stats = service.stats
        self._stall = stall

    def answer(self, request: Request | None, connection: int) -> tuple[Answer, Sent, Stall | None]:
        """Answer a request. The server's own paths answer during a stall, too."""
        if request is None:
            return BAD_REQUEST, uncounted, self._stall
        own = self._own(request)
        if own is not None:
            return own, uncounted, None
        self._stats.carried(connection)
        return self._service.answer(request), self._stats.sent, self._stall

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
