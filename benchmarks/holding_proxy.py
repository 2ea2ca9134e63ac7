"""`python -m benchmarks.holding_proxy URL HOLD_S…`: a proxy that holds each request for a known time.

It listens on a port for each hold, prints their addresses on stderr in one line, and answers `GET /held` with the times
that it really held requests, in seconds. Everything else about the ports is alike, so two of them differ by their holds
alone.
"""

import asyncio
import json
import sys
from time import perf_counter
from urllib.parse import urlsplit

SPUN_S = 0.002
"""The event loop's timers are late by up to a millisecond, so the end of each hold is spun."""

RELAYED_BYTES = 65536

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


class HoldingPort:
    """One port: its upstream, its hold, and the holds that it really made."""

    def __init__(self, upstream: str, hold_s: float) -> None:
        url = urlsplit(upstream)
        self._host, self._port, self._hold_s = url.hostname, url.port, hold_s
        self._held_s: list[float] = []

    async def serve(self, reader: Reader, writer: Writer) -> None:
        """Relay one connection's requests, each held, and all that comes back."""
        upstream_reader, upstream_writer = await asyncio.open_connection(self._host, self._port)
        answers = asyncio.ensure_future(_relay(upstream_reader, writer))
        try:
            while request := await _request(reader):
                if request.startswith(b"GET /held "):
                    writer.write(self._report())
                    continue
                await self._hold(perf_counter())
                upstream_writer.write(request)
        finally:
            answers.cancel()
            upstream_writer.close()
            writer.close()

    async def _hold(self, arrived_at: float) -> None:
        if self._hold_s > SPUN_S:
            await asyncio.sleep(self._hold_s - SPUN_S)
        while perf_counter() - arrived_at < self._hold_s:
            pass
        self._held_s.append(perf_counter() - arrived_at)

    def _report(self) -> bytes:
        body, self._held_s = json.dumps(self._held_s).encode(), []
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def _request(reader: Reader) -> bytes:
    """Return the next request, whole; b"" at the connection's end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        return head + await reader.readexactly(int(lengths[0]) if lengths else 0)
    except asyncio.IncompleteReadError:
        return b""


async def _relay(reader: Reader, writer: Writer) -> None:
    while data := await reader.read(RELAYED_BYTES):
        writer.write(data)
    writer.close()


async def _main(upstream: str, *holds_s: str) -> None:
    ports = [HoldingPort(upstream, float(hold_s)) for hold_s in holds_s]
    servers = [await asyncio.start_server(port.serve, "127.0.0.1", 0) for port in ports]
    addresses = [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers]
    sys.stderr.write(" ".join(addresses) + "\n")
    sys.stderr.flush()
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
