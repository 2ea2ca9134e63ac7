"""A worker's estimate of its master's clock."""

from collections import deque
from types import SimpleNamespace
from typing import Any

from locust.rpc.protocol import Message

from harness.cluster.clock import MasterClock
from harness.messages import ANSWER
from wire.exchange import now

AHEAD_S = 1000.0


class Network:
    """A worker's runner whose master is `AHEAD_S` ahead and answers at once; answers are read when they are waited for,
    after those that already wait."""

    def __init__(self) -> None:
        self.greenlet = SimpleNamespace(spawn=lambda *_: None)
        self.waiting, self.asked = deque[Message](), 0
        self.client: Any = SimpleNamespace(recv=self.waiting.popleft)

    def register_message(self, _: str, listener: Any) -> None:
        self.listener = listener

    def send_message(self, _: str, asked_at: float) -> None:
        self.asked += 1
        self.answer(asked_at)

    def answer(self, asked_at: float) -> None:
        self.waiting.append(Message(ANSWER, {"asked_at": asked_at, "at": asked_at + AHEAD_S}, "worker"))

    def handle_message(self, message: Message) -> None:
        self.listener(msg=message)


def test_an_answer_that_waited_while_the_worker_was_busy_dates_no_run() -> None:
    """A worker asks as soon as it connects, imports an SDK for minutes, then reads the answer and is told to start."""
    network: Any = Network()
    clock = MasterClock(network)
    network.answer(now() - 600)
    began_at = now()
    assert abs(clock.here(began_at + AHEAD_S, 0.0) - began_at) < 100
    assert network.asked > 0
