"""A worker whose master has fallen silent quits, whatever the wall clock says."""

import math
import time
from types import SimpleNamespace
from typing import Any

import gevent
import gevent.event
import gevent.pool
import locust.runners
import pytest
from locust.event import EventHook

from harness.process import orphan
from tests.raw_server import WAIT_S


class Quitting:
    """The parts of a worker's runner that its watch uses."""

    def __init__(self) -> None:
        self.heard = EventHook()
        self.environment = SimpleNamespace(events=SimpleNamespace(heartbeat_received=self.heard))
        self.greenlet = gevent.pool.Group()
        self.has_quit = gevent.event.Event()

    def quit(self) -> None:
        self.has_quit.set()


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(locust.runners, "MASTER_HEARTBEAT_TIMEOUT", 60)
    monkeypatch.setattr(orphan, "BEAT_S", 0.01)
    monkeypatch.setattr(orphan, "MASTER_SILENCE_S", 0.05)
    runner: Any = Quitting()
    orphan.watch(runner, is_forked=False, lost=lambda: None)
    gevent.sleep(0)
    yield runner
    runner.greenlet.kill()


def test_a_silent_master_is_left(runner: Any) -> None:
    runner.heard.fire(client_id="one", timestamp=time.time())
    assert runner.has_quit.wait(WAIT_S)


def test_a_master_that_has_not_spoken_yet_is_waited_for(runner: Any) -> None:
    gevent.sleep(0.2)
    assert not runner.has_quit.is_set()


def test_a_master_that_speaks_is_kept(runner: Any) -> None:
    for _ in range(20):
        runner.heard.fire(client_id="one", timestamp=time.time())
        gevent.sleep(0.01)
    assert not runner.has_quit.is_set()


def test_the_wall_clock_has_no_say(runner: Any) -> None:
    """Locust compares it with that of the latest heartbeat, and quits an hour's jump later."""
    assert math.isinf(locust.runners.MASTER_HEARTBEAT_TIMEOUT)
