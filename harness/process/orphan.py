"""A worker that loses its master exits, since uncounted calls still cost money; a master kills suspended workers."""

import atexit
import logging
import math
import os
from collections.abc import Callable, Mapping
from functools import cache

import gevent
import gevent.os
import psutil
from locust.runners import Runner

import locust_inside
from harness.errors import INTERNAL

MASTER_SILENCE_S = 6
"""Locust's default is a minute."""

LOOK_EVERY_S = 0.1
BEAT_S = 1

_log = logging.getLogger("llm")

_early_watch: "list[gevent.Greenlet[..., None]]" = []
"""Watches a forked worker until it has connected, which Locust attempts for five minutes."""


@cache
def watch_from_the_fork() -> None:
    """Make every process forked from this one exit soon after it does, starting at the fork."""
    _forked_by()
    os.register_at_fork(after_in_child=lambda: _early_watch.append(gevent.spawn(_leave_with_parent)))


@cache
def _forked_by() -> int:
    """Return the process that `--processes` forks its workers from: the one that called this first."""
    return os.getpid()


def _leave_with_parent() -> None:
    _wait_for_parents_end()
    os._exit(INTERNAL)


def is_forked(options: Mapping[str, object]) -> bool:
    """Return whether this process is a worker forked by `--processes`."""
    return bool(options["worker"] and options["processes"])


def watch(runner: Runner, is_forked: bool, lost: Callable[[], None]) -> None:
    """Exit soon after the worker's master is gone, detected by its silence and, in a forked worker, by its pid.

    lost  is called if it is the silence
    """
    locust_inside.never_give_up_on_the_master()
    runner.greenlet.spawn(_watch_silence, runner, lost)
    if is_forked:
        gevent.killall(_early_watch)
        runner.greenlet.spawn(_watch_parent, runner)


def remember_dead_workers() -> None:
    """Keep the exit codes of workers that died until the process ends: gevent forgets them after a minute, and Locust,
    which asks for them at its end, would log tracebacks for three seconds."""
    gevent.os._reap_children.__defaults__ = (math.inf,)  # type: ignore[attr-defined]  # a private timeout


def forget_stopped_workers() -> None:
    """Kill suspended workers when the process that forked them exits: Locust waits for its children, and a suspended
    process never receives its signal to end."""
    atexit.register(_kill_stopped_children)


def _kill_stopped_children() -> None:
    for child in psutil.Process().children():
        if child.status() == psutil.STATUS_STOPPED:
            child.kill()


def _watch_silence(runner: Runner, lost: Callable[[], None]) -> None:
    """Quit if the master falls silent. Only seconds in which this process ran count: what arrived while it imported an
    SDK, or was stopped, has yet to be read. Locust goes by the wall clock, which can also jump."""
    silent_s = -math.inf

    def hear(**_: object) -> None:
        nonlocal silent_s
        silent_s = 0

    runner.environment.events.heartbeat_received.add_listener(hear)
    while silent_s < MASTER_SILENCE_S:
        gevent.sleep(BEAT_S)
        silent_s += BEAT_S
    _log.error("the master has been silent for %d s: this worker quits", MASTER_SILENCE_S)
    lost()
    gevent.spawn(runner.quit)


def _watch_parent(runner: Runner) -> None:
    _wait_for_parents_end()
    gevent.spawn(runner.quit)


def _wait_for_parents_end() -> None:
    while os.getppid() == _forked_by():
        gevent.sleep(LOOK_EVERY_S)
