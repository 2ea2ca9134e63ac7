"""A worker without a master stops: nobody pays for calls that nobody counts. No master waits for a stopped worker."""

import atexit
import os
from typing import Any

import gevent
import locust.runners
import psutil

MASTER_SILENCE_S = 6
"""Locust's own patience is a minute."""

LOOK_EVERY_S = 0.1

_FORKED_BY = os.getpid()
"""Read at import, in the process that `--processes` forks its workers from."""


def watch(runner: Any, is_forked: bool) -> None:
    """End the worker's process soon after its master is gone: by its silence, or, of a forked worker, by its pid."""
    locust.runners.MASTER_HEARTBEAT_TIMEOUT = MASTER_SILENCE_S
    if is_forked:
        runner.greenlet.spawn(_watch_parent, runner)


def forget_stopped_workers() -> None:
    """Kill, at the exit of the process that forked them, the workers that are stopped: Locust waits for its children,
    and a stopped process never hears that it should end."""
    atexit.register(_kill_stopped_children)


def _kill_stopped_children() -> None:
    for child in psutil.Process().children():
        if child.status() == psutil.STATUS_STOPPED:
            child.kill()


def _watch_parent(runner: Any) -> None:
    while os.getppid() == _FORKED_BY:
        gevent.sleep(LOOK_EVERY_S)
    gevent.spawn(runner.quit)
