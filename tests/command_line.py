"""The tool as a user runs it: a separate process in a separate folder."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import randbelow
from typing import Any

from gevent.pool import Pool

from tests.conftest import SCRUBBED
from tests.prefork import READ_AT_START, Forked, fork

PROJECT = Path(__file__).parent.parent
LOCUST = [sys.executable, "-m", "locust", "-f", str(PROJECT / "locustfile.py")]
FILES = ["--models-file", str(PROJECT / "models.json"), "--data-dir", str(PROJECT / "unstructured_data")]
QUICK_MOCK = ["--headless", "--mock", "--mock-latency", "0"]


@dataclass(frozen=True)
class Ended:
    """What a finished process left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def error_line(self) -> str:
        """The single line that says why nothing was started."""
        lines = [line for line in self.stderr.splitlines() if "error: " in line]
        assert len(lines) == 1, self.stderr
        return lines[0]


class Running:
    """A process that was started, and can be watched, signalled and waited for."""

    def __init__(self, process: "subprocess.Popen[bytes] | Forked", folder: Path) -> None:
        self.process, self._folder = process, folder

    def stderr(self) -> str:
        return (self._folder / "stderr").read_text()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def until(self, happened: Callable[[], object], timeout_s: float = 60) -> None:
        """Wait for something to happen while the process runs."""
        give_up_at = time.monotonic() + timeout_s
        while not happened():
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.stderr()}"
            assert time.monotonic() < give_up_at, f"waited {timeout_s} s in vain: {self.stderr()}"
            time.sleep(0.1)

    def wait(self, timeout_s: float = 60) -> Ended:
        code = self.process.wait(timeout_s)
        return Ended(code, (self._folder / "stdout").read_text(), self.stderr())


def scrubbed() -> dict[str, str]:
    """The environment without the developer's settings, also for processes started outside a test."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(SCRUBBED)}
    no_files = {"AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_CONFIG_FILE": os.devnull}
    return {**kept, **no_files, "AWS_EC2_METADATA_DISABLED": "true", "NO_GCE_CHECK": "true"}


@contextmanager
def started(
    folder: Path, arguments: Sequence[str], wrapper: Sequence[str] = (), **environment: str
) -> Iterator[Running]:
    """Start locust in `folder` with the project's models and seeds; stop it, and all its children, when the block
    ends."""
    command = [*LOCUST, *(FILES if "--models-file" not in arguments else []), *arguments]
    process = _start(command, folder, (folder / "stdout", folder / "stderr"), wrapper, **environment)
    try:
        yield Running(process, folder)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(
    command: Sequence[str], folder: Path, output: tuple[Path, Path], wrapper: Sequence[str] = (), **own: str
) -> "subprocess.Popen[bytes] | Forked":
    """Start a command with files for stdout and stderr. A fork will do, unless it matters how Python starts."""
    environment = {**scrubbed(), "PYTHONPATH": str(PROJECT), **own}
    with open(os.devnull) as nothing, output[0].open("wb") as stdout, output[1].open("wb") as stderr:
        if not wrapper and not any(name.startswith(READ_AT_START) for name in own):
            streams = [stream.fileno() for stream in (nothing, stdout, stderr)]
            return fork(command[2:] if command[1] == "-m" else command[1:], folder, environment, streams, PROJECT)
        return subprocess.Popen(
            [*wrapper, *command], cwd=folder, stdin=nothing, stdout=stdout, stderr=stderr,
            start_new_session=True, env=environment,
        )  # fmt: skip


def locust(folder: Path, *arguments: str, **environment: str) -> Ended:
    """Run locust in `folder` to its end."""
    with started(folder, arguments, **environment) as running:
        return running.wait()


@dataclass(frozen=True)
class Command:
    """A command line and its environment."""

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def locusts(folder: Path, commands: Mapping[str, Command]) -> dict[str, Ended]:
    """Run several locusts to their ends, two at a time, each in the folder with its name."""

    def run(name: str) -> Ended:
        own = folder / name
        own.mkdir(exist_ok=True)
        return locust(own, *commands[name].arguments, **commands[name].environment)

    return dict(zip(commands, Pool(2).map(run, commands), strict=True))


def report(folder: Path, *arguments: str) -> Ended:
    """Run report.py in `folder`."""
    with tempfile.TemporaryDirectory() as beside:
        output = Path(beside) / "stdout", Path(beside) / "stderr"
        code = _start([sys.executable, str(PROJECT / "report.py"), *arguments], folder, output).wait(60)
        return Ended(code, *(path.read_text() for path in output))


def free_port() -> int:
    """Return a free port of this machine, below those that the system itself gives to other tests' sockets."""
    while True:
        with suppress(OSError), socket.create_server(("127.0.0.1", 20_000 + randbelow(12_000))) as server:
            return int(server.getsockname()[1])


def rows_in(folder: Path, prefix: str = "run") -> list[dict[str, Any]]:
    """The rows of PREFIX_requests.csv."""
    return _table(folder / f"{prefix}_requests.csv")


def stats_in(folder: Path, prefix: str = "run") -> dict[str, Any]:
    """The aggregated row of PREFIX_stats.csv."""
    return _table(folder / f"{prefix}_stats.csv")[-1]


def summary_in(folder: Path, prefix: str = "run") -> dict[str, Any]:
    """PREFIX_summary.json."""
    return dict(json.loads((folder / f"{prefix}_summary.json").read_text(encoding="utf-8")))


def _table(path: Path) -> list[dict[str, Any]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
