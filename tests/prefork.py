"""Processes that are forked from one that has imported the packages: importing them takes most of a short run's time.

From there on, each runs Locust's command line, or a script, as if it had been started afresh.
"""

import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from gevent.monkey import get_original

HERE = Path(__file__).parent.parent
POLL_S = 0.005
PATIENCE_S = 60
LONGEST_ORDER_BYTES = 1 << 17
IMPORTED = ("locust.main", "harness.harness", "summary.figures", "anthropic", "boto3", "google.genai", "openai")
"""Locust comes first: it patches gevent in."""

READ_AT_START = ("PYTHON", "LC_", "LANG", "TZ")
"""Variables that a process must have been started with."""


Output = tuple[Path, Path]
"""The files for stdout and stderr."""


class Forked:
    """A forked process, with what tests use of `subprocess.Popen`.

    The file `status` gets its pid in a first line and, once it has ended, its exit code in a second one.
    """

    def __init__(self, status: Path) -> None:
        self._status = status
        self.returncode: int | None = None
        give_up_at = time.monotonic() + PATIENCE_S
        while not (lines := self._lines()):
            assert time.monotonic() < give_up_at, "the process to fork from starts nothing"
            time.sleep(POLL_S)
        self.pid = int(lines[0])

    def poll(self) -> int | None:
        if len(lines := self._lines()) > 1:
            self.returncode = int(lines[1])
        return self.returncode

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        give_up_at = time.monotonic() + timeout_s
        while (code := self.poll()) is None:
            if time.monotonic() > give_up_at:
                raise subprocess.TimeoutExpired("a forked process", timeout_s)
            time.sleep(POLL_S)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _lines(self) -> list[str]:
        return [line for line in self._status.read_text().splitlines(keepends=True) if line.endswith("\n")]


def fork(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], output: Output, tree: Path = HERE
) -> Forked:
    """Start `locust ARGUMENT …`, or a Python file, in a folder, with the code of a tree."""
    for path in output:
        path.write_bytes(b"")
    number, name = tempfile.mkstemp(dir=_statuses().name)
    os.close(number)
    status = Path(name)
    order = {
        "folder": str(folder.absolute()), "command": list(command), "environment": dict(environment),
        "output": [str(path.absolute()) for path in output], "status": str(status.absolute()),
    }  # fmt: skip
    os.write(orders(tree), json.dumps(order).encode())
    return Forked(status)


@cache
def _statuses() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory()


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
    while order := os.read(0, LONGEST_ORDER_BYTES):
        if not _fork():
            _keep(json.loads(order))
            return True
    return False


def run() -> None:
    """Run what was ordered."""
    if sys.argv[0] == "locust":
        import locust.main

        locust.main.main()
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


def _keep(order: dict[str, Any]) -> None:
    """Be the parent of the process that was ordered, and write down its pid and its end; in that process, return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    status = os.open(order["status"], os.O_WRONLY | os.O_APPEND)
    if child := _fork():
        os.write(status, b"%d\n" % child)
        _, ended = get_original("os", "waitpid")(child, 0)
        os.write(status, b"%d\n" % os.waitstatus_to_exitcode(ended))
        os._exit(0)
    os.close(status)
    _become(order)


def _become(order: dict[str, Any]) -> None:
    """Turn this process into the one that was ordered."""
    os.setsid()
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    for number, path in enumerate((os.devnull, *order["output"])):
        opened = os.open(path, os.O_RDWR)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    sys.argv = order["command"]


_fork = get_original("os", "fork")

if __name__ == "__main__" and serve():
    run()
