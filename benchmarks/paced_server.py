"""`python -m benchmarks.paced_server`: streams on an exact schedule, and records when each write really happened.

It sends the mock's answers but is leaner: about 8 µs per write, so that one core sustains 36,000 writes per second.
"""

import argparse
import heapq
import json
import select
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, groupby, pairwise
from time import perf_counter

from mock.connection import chunk, head_bytes
from mock.formats.message import Request
from mock.service import Service
from mock.timing import Pace

END_OF_CHUNKS = b"0\r\n\r\n"
RECEIVE_BYTES = 65536
BACKLOG = 4096

Writes = list[tuple[float, bytes]]
"""What is sent, and when it is due, in seconds after the request."""
Due = tuple[float, int, "Peer"]


class Answers:
    """The answer to each target, prepared once so that later requests don't wait for it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._prepared: dict[str, Writes] = {}

    def to(self, request: Request) -> Writes:
        if request.target not in self._prepared:
            self._prepared[request.target] = list(self._writes(request))
        return self._prepared[request.target]

    def _writes(self, request: Request) -> Iterator[tuple[float, bytes]]:
        """Yield all that is due at the same time as one piece; the first includes the head."""
        answer = self._service.answer(request)
        head, end_s = head_bytes(answer, chunked=True, keep_alive=True), answer.parts[-1].at_s
        for at_s, parts in groupby(answer.parts, lambda part: part.at_s):
            yield at_s, head + b"".join(chunk(part.data) for part in parts) + (END_OF_CHUNKS if at_s == end_s else b"")
            head = b""


class Truth:
    """What really happened, by this process's clock: each stream's time to the first write, and the gaps after it."""

    def __init__(self) -> None:
        self.ttft_s: list[float] = []
        self.gaps_s: list[float] = []

    def add(self, asked_at: float, written_at: list[float]) -> None:
        self.ttft_s.append(written_at[0] - asked_at)
        self.gaps_s += [later - earlier for earlier, later in pairwise(written_at)]

    def as_answer(self) -> bytes:
        body = json.dumps({"ttft_s": self.ttft_s, "gaps_s": self.gaps_s}).encode()
        return b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body


class Peer:
    """A client's connection: reads a whole request, then writes its stream."""

    def __init__(self, sock: socket.socket, answers: Answers, truth: Truth, schedule: Callable[[float, "Peer"], None]):
        self.socket, self._answers, self._truth, self._schedule = sock, answers, truth, schedule
        self._unread = b""
        self._writes: Writes = []
        self._asked_at = 0.0
        self._written_at: list[float] = []

    def receive(self) -> bool:
        """Read what has arrived; return False once the client has gone."""
        try:
            data = self.socket.recv(RECEIVE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        self._unread += data
        if (request := self._whole_request()) is not None:
            self._answer(request)
        return bool(data)

    def write(self) -> None:
        """Send the next write, and note when."""
        _, data = self._writes[len(self._written_at)]
        try:
            self.socket.sendall(data)
        except OSError:
            return
        self._written_at.append(perf_counter())
        if len(self._written_at) == len(self._writes):
            self._truth.add(self._asked_at, self._written_at)
        else:
            self._schedule(self._asked_at + self._writes[len(self._written_at)][0], self)

    def _answer(self, request: Request) -> None:
        if request.target == "/truth":
            self.socket.setblocking(True)
            self.socket.sendall(self._truth.as_answer())
            self.socket.shutdown(socket.SHUT_WR)
            return
        self._asked_at, self._written_at = perf_counter(), []
        self._writes = self._answers.to(request)
        self._schedule(self._asked_at + self._writes[0][0], self)

    def _whole_request(self) -> Request | None:
        head, found, rest = self._unread.partition(b"\r\n\r\n")
        if not found:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return None
        self._unread = rest[length:]
        method, target, _ = first.split(" ")
        return Request(method, target, headers, rest[:length])


class Server:
    """One thread with one epoll, which reads what arrives and writes what is due."""

    def __init__(self, listening: socket.socket, tls: ssl.SSLContext | None, answers: Answers) -> None:
        self._listening, self._tls, self._answers = listening, tls, answers
        self._truth = Truth()
        self._epoll = select.epoll()
        self._epoll.register(listening, select.EPOLLIN)
        self._peers: dict[int, Peer] = {}
        self._due: list[Due] = []
        self._numbers = count()

    def serve(self) -> None:
        while True:
            wait_s = max(0.0, self._due[0][0] - perf_counter()) if self._due else -1
            for descriptor, _ in self._epoll.poll(wait_s):
                self._take(descriptor)
            now_s = perf_counter()
            while self._due and self._due[0][0] <= now_s:
                heapq.heappop(self._due)[2].write()

    def _take(self, descriptor: int) -> None:
        if descriptor == self._listening.fileno():
            self._accept()
        elif not self._peers[descriptor].receive():
            self._epoll.unregister(descriptor)
            self._peers.pop(descriptor).socket.close()

    def _accept(self) -> None:
        sock, _ = self._listening.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            sock = self._tls.wrap_socket(sock, server_side=True)
        sock.setblocking(False)
        self._peers[sock.fileno()] = Peer(sock, self._answers, self._truth, self._schedule)
        self._epoll.register(sock, select.EPOLLIN)

    def _schedule(self, at: float, peer: Peer) -> None:
        heapq.heappush(self._due, (at, next(self._numbers), peer))


def main() -> None:
    options = _options()
    tls = None
    if options.tls_cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.tls_cert)
    pace = Pace(ttft_s=options.ttft, itl_s=options.itl, seed=1)
    answers = Answers(Service(pace, seed=1, tokens=options.tokens, exact_tokens=True))
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listening:
        scheme, port = "https" if tls else "http", listening.getsockname()[1]
        print(f"paced server listening on {scheme}://localhost:{port}", file=sys.stderr, flush=True)
        Server(listening, tls, answers).serve()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paced_server", description=__doc__)
    seconds = partial(parser.add_argument, type=float, required=True)
    seconds("--ttft", help="seconds")
    seconds("--itl", help="seconds")
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--tls-cert", help="certificate and key, PEM")
    return parser.parse_args()


if __name__ == "__main__":
    main()
