"""Processes that are forked from one that has imported the packages: importing them takes most of a short run's time.

From there on, each runs Locust's command line, or a script, as if it had been started afresh.
"""

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from gevent.monkey import get_original

from tests import relay

HERE = Path(__file__).parent.parent
PATIENCE_S = 60
LONGEST_ORDER_BYTES = 1 << 17
IMPORTED = ("locust.main", "harness.harness", "summary.figures", "anthropic", "boto3", "google.genai", "openai")
"""Locust comes first: it patches gevent in."""

DISTRIBUTED = {"--master", "--processes", "--worker"}
READ_AT_START = ("PYTHON", "LC_", "LANG", "TZ", "OPENAI_LOG", "ANTHROPIC_LOG")
"""Variables that a process must have been started with."""

Socket = get_original("socket", "socket")
_fork, _close = get_original("os", "fork"), get_original("os", "close")
"""gevent's own would close a pipe later, in its event loop."""


class Forked:
    """A forked process, with what tests use of `subprocess.Popen`.

    status  a pipe from which its pid is read and, once it has ended, its exit code, a line each
    """

    def __init__(self, status: int) -> None:
        self._status, self._said = status, b""
        self.returncode: int | None = None
        numbers = self._numbers(1, PATIENCE_S)
        assert numbers, "the process to fork from starts nothing"
        self.pid = numbers[0]

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        if self.returncode is None:
            numbers = self._numbers(2, timeout_s)
            if len(numbers) < 2:
                raise subprocess.TimeoutExpired("a forked process", timeout_s)
            self.returncode = numbers[1]
            _close(self._status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _numbers(self, count: int, timeout_s: float) -> list[int]:
        """Return the numbers that were said, once there are as many, or after some time."""
        give_up_at = time.monotonic() + timeout_s
        while self._said.count(b"\n") < count:
            left_s = max(0.0, give_up_at - time.monotonic())
            if not select.select([self._status], [], [], left_s)[0] or not (said := os.read(self._status, 99)):
                break
            self._said += said
        return [int(line) for line in self._said.split()]


def fork(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], streams: Sequence[int], tree: Path = HERE
) -> Forked:
    """Start `locust ARGUMENT …`, or a Python file, in a folder, with the code of a tree, in a session of its own.

    streams  its stdin, stdout and stderr
    """
    status, its_end = os.pipe()
    relay.order(orders(tree), command, str(folder.absolute()), environment, [*streams, its_end])
    _close(its_end)
    return Forked(status)


@cache
def orders(tree: Path = HERE) -> int:
    """Return where to write orders, one at a time: the end of a socket to the process that has imported a tree's code,
    and from which all others are forked.

    That process ends when this one, and those forked from it, have closed their ends.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    subprocess.Popen([sys.executable, "-m", __name__], cwd=tree, stdin=theirs.fileno(), start_new_session=True)
    theirs.close()
    return ours.detach()


def serve() -> bool:
    """Fork a process for each order. Returns true in each of them, and false at the end of the orders."""
    for name in IMPORTED:
        import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    source = Socket(fileno=os.dup(0))
    while (received := socket.recv_fds(source, LONGEST_ORDER_BYTES, 4))[0]:
        order, (*streams, status), *_ = received
        if not _fork():
            _keep(json.loads(order), streams, status)
            return True
        for number in (*streams, status):
            _close(number)
    return False


def run() -> None:
    """Run what was ordered."""
    if sys.argv[0] == "locust":
        import locust.main

        locust.main.main()
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


def run_to_the_end() -> None:
    """Run what was ordered, and end as Python does: with `atexit`, and the streams flushed. Only the objects are not
    taken apart: writing to each would copy all memory that the forks share, which takes longer than a short run. For a
    master and its workers they are: the end of ZeroMQ's objects waits until the last messages have been sent."""
    code: object = 0
    try:
        run()
    except SystemExit as asked:
        code = asked.code or 0
    if isinstance(code, int) and not DISTRIBUTED.intersection(sys.argv):
        atexit._run_exitfuncs()
        with suppress(OSError):  # Python has words for that.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    sys.exit(code)  # type: ignore[arg-type]  # It takes anything.


def _keep(order: dict[str, Any], streams: Sequence[int], status: int) -> None:
    """Be the parent of the process that was ordered, and write down its pid and its end; in that process, return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if child := _fork():
        os.write(status, b"%d\n" % child)
        _, ended = get_original("os", "waitpid")(child, 0)
        os.write(status, b"%d\n" % os.waitstatus_to_exitcode(ended))
        os._exit(0)
    _close(status)
    _become(order, streams)


def _become(order: dict[str, Any], streams: Sequence[int]) -> None:
    """Turn this process into the one that was ordered."""
    os.setsid()
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        _close(stream)
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    sys.argv = order["command"]


if __name__ == "__main__" and serve():
    run_to_the_end()
