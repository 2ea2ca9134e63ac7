"""Processes that are forked from one that has imported the packages: importing them takes most of a short run's time.

From there on, each runs Locust's command line, or a script, as if it had been started afresh.
"""

import json
import os
import runpy
import signal
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

POLL_S = 0.005
IMPORTED = ("harness.harness", "locust.main", "openai", "summary.figures")

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
        while not (lines := self._lines()):
            assert _origin().poll() is None, "the process to fork from has ended"
            time.sleep(POLL_S)
        self.pid = int(lines[0])

    def poll(self) -> int | None:
        if len(lines := self._lines()) > 1:
            self.returncode = int(lines[1])
        return self.returncode

    def wait(self, timeout_s: float = 60) -> int:
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


def fork(command: Sequence[str], folder: Path, environment: Mapping[str, str], output: Output) -> Forked:
    """Start `locust ARGUMENT …`, or a Python file, in a folder."""
    for path in output:
        path.write_bytes(b"")
    number, name = tempfile.mkstemp(dir=_statuses().name)
    os.close(number)
    status = Path(name)
    order = {
        "folder": str(folder.absolute()), "command": list(command), "environment": dict(environment),
        "output": [str(path.absolute()) for path in output], "status": str(status.absolute()),
    }  # fmt: skip
    pipe = _origin().stdin
    assert pipe is not None
    pipe.write(json.dumps(order) + "\n")
    pipe.flush()
    return Forked(status)


@cache
def _statuses() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory()


@cache
def _origin() -> "subprocess.Popen[str]":
    """Return the process from which all others are forked; it ends with this one, at the end of its stdin."""
    command, here = [sys.executable, "-m", __name__], Path(__file__).parent.parent
    return subprocess.Popen(command, cwd=here, stdin=subprocess.PIPE, text=True, start_new_session=True)


def serve() -> bool:
    """Fork a process for each order. Returns true in each of them, and false at the end of the orders."""
    for name in IMPORTED:
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        if not _fork():
            _keep(json.loads(line))
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
