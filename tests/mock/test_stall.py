"""The mock's stalls: when they happen, and that only the server's own paths answer during one."""

import http.client
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from urllib.parse import urlsplit

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock.stall import Stall
from tests.mock_server import MockServer, serving

CHAT = "/v1/chat/completions"
OPEN_S = 0.1
"""How long a server in these tests sends before it stalls."""
EVERY_S = 1.5


def test_a_stall_of_2_s_in_20_begins_18_s_after_the_start() -> None:
    stall = Stall(2, 20)
    assert [stall.until(at_s) for at_s in (0, 17.9, 18, 19.9, 20, 37.9, 38, 58.5)] == [
        0,
        17.9,
        20,
        20,
        20,
        37.9,
        40,
        60,
    ]


def test_a_stall_counts_from_the_servers_start() -> None:
    assert Stall(2, 20, start_s=5).until(23) == 25
    assert Stall(2, 20, start_s=5).until(22.5) == 22.5


def test_a_stall_of_no_length_holds_nothing_back() -> None:
    assert Stall(0, 20).until(19.999) == 19.999


lengths_s = st.floats(0, 0.99)
cycles_s = st.floats(0.001, 86_400)
times_s = st.floats(0, 1e7)


@given(lengths_s, cycles_s, times_s)
def test_held_back_bytes_wait_at_most_one_stall_and_only_once(share: float, every_s: float, at_s: float) -> None:
    stall = Stall(share * every_s, every_s)
    until_s = stall.until(at_s)
    assert at_s <= until_s <= at_s + stall.length_s + 1e-6
    assert stall.until(until_s) == until_s


@given(lengths_s, cycles_s, st.lists(times_s, min_size=2))
def test_a_stall_keeps_the_order(share: float, every_s: float, due_s: list[float]) -> None:
    stall = Stall(share * every_s, every_s)
    assert all(one <= other for one, other in pairwise(map(stall.until, sorted(due_s))))


class Stalling:
    """A server that sends for `OPEN_S` after its start, and then not before `silent_until_s`."""

    def __init__(self, server: MockServer, silent_until_s: float) -> None:
        self.server, self.silent_until_s = server, silent_until_s
        self.listening_s = time.monotonic()

    def wait_for_the_stall(self) -> None:
        time.sleep(OPEN_S)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", urlsplit(self.server.url).port or 0), timeout=30)


@contextmanager
def stalling(every_s: float, *options: str) -> Iterator[Stalling]:
    """The server's start is known only to within its start-up time: the stall ends no earlier than `silent_until_s`."""
    spawned_s = time.monotonic()
    with serving("--stall", f"{every_s - OPEN_S}", "--stall-every", f"{every_s}", *options) as server:
        yield Stalling(server, spawned_s + every_s)


def post(path: str, stream: bool = False, more: str = "") -> bytes:
    body = orjson.dumps({"model": "gpt-4o", "messages": [], "stream": stream})
    return f"POST {path} HTTP/1.1\r\nhost: mock\r\n{more}content-length: {len(body)}\r\n\r\n".encode() + body


def test_answers_and_refusals_wait_for_the_end_of_the_stall_in_their_order() -> None:
    with stalling(EVERY_S, "--latency", "0") as stalled, stalled.connect() as client:
        stalled.wait_for_the_stall()
        client.sendall(post(CHAT) + post("/nothing") + post(CHAT, more="x-mock-status: 429\r\n") + b"no HTTP\r\n\r\n")
        received = client.recv(65536)
        first_s = time.monotonic()
        received += b"".join(iter(lambda: client.recv(65536), b""))
    assert first_s >= stalled.silent_until_s
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200", b"404", b"429", b"400"]


def test_a_stream_pauses_in_the_middle_and_then_continues() -> None:
    options = ("--ttft", "0", "--itl", f"{OPEN_S}", "--tokens", "4")
    with stalling(EVERY_S, *options) as stalled, stalled.connect() as client:
        client.sendall(post(CHAT, stream=True))
        answer = http.client.HTTPResponse(client)
        answer.begin()
        lines = [(line, time.monotonic()) for line in answer]
    tokens_s = [at_s for line, at_s in lines if b'"content":' in line]
    assert all(at_s >= stalled.silent_until_s for at_s in tokens_s[-3:])
    assert [line for line, _ in lines if line != b"\n"][-1] == b"data: [DONE]\n"


def test_a_fault_of_the_connection_waits_too() -> None:
    with stalling(EVERY_S) as stalled, stalled.connect() as client:
        stalled.wait_for_the_stall()
        client.sendall(post(CHAT, more="x-mock-fault: close\r\n"))
        assert client.recv(65536) == b""
        assert time.monotonic() >= stalled.silent_until_s


def test_the_servers_own_paths_answer_within_a_stall() -> None:
    with stalling(86_400, "--latency", "0") as stalled, stalled.connect() as client:
        stalled.wait_for_the_stall()
        client.sendall(post(CHAT))
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(65536)
        assert stalled.server.stats()["requests"] == 1
        stalled.server.reset()
        assert stalled.server.stats()["requests"] == 0
