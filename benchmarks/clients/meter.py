"""A Locust file loaded with the measured one: users make one call and wait at a gate, which opens for each round.

A line on stdin starts a round and gives its length in seconds; when the round's last call has ended, a line of JSON on
stdout reports what it took. Every call of a round is counted in full, with all its CPU time.
"""

import json
import os
import time
from typing import Any

import gevent
from gevent.event import Event
from gevent.fileobject import FileObject
from locust import events

from benchmarks.rounds import READY, Round

STDIN, STDOUT = 0, 1


class Gate:
    """Where users wait between rounds."""

    def __init__(self, users: int) -> None:
        self._users = users
        self._opened, self._all_wait = Event(), Event()
        self._waiting = self._calls = 0
        self._error: str | None = None

    def pass_by(self, exception: BaseException | None = None, **_: Any) -> None:
        """Wait while the gate is closed. A listener to `request`, which fires in the user's greenlet."""
        self._calls += 1
        if exception is not None:
            self._error = f"{exception!r} {exception.__cause__!r}"
        if self._opened.is_set():
            return
        self._waiting += 1
        if self._waiting == self._users:
            self._all_wait.set()
        self._opened.wait()

    def serve(self) -> None:
        """Run a round for each line on stdin."""
        self._all_wait.wait()
        _tell(READY)
        for line in FileObject(STDIN, "rb"):
            _tell(json.dumps(self._hold(float(line))._asdict()))

    def _hold(self, duration_s: float) -> Round:
        self._calls = self._waiting = 0
        self._all_wait.clear()
        began_s, cpu_began_s = time.perf_counter(), time.process_time()
        self._opened.set()
        gevent.sleep(duration_s)
        self._opened.clear()
        self._all_wait.wait()
        cpu_s, wall_s = time.process_time() - cpu_began_s, time.perf_counter() - began_s
        return Round(self._calls, self._error, cpu_s, wall_s)


def _tell(line: str) -> None:
    os.write(STDOUT, line.encode() + b"\n")


def attach(environment: Any, **_: Any) -> None:
    gate = Gate(int(environment.parsed_options.num_users))
    environment.events.request.add_listener(gate.pass_by)
    gevent.spawn(gate.serve)


events.init.add_listener(attach)
