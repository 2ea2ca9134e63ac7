"""The tool as a user runs it: a process of its own, in a folder of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        """The one line that says why nothing was started."""
        lines = [line for line in self.stderr.splitlines() if "error: " in line]
        assert len(lines) == 1, self.stderr
        return lines[0]


class Running:
    """A process that was started and may be watched, signalled and waited for."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process, self._folder = process, folder

    def stderr(self) -> str:
        return (self._folder / "stderr").read_text()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, timeout_s: float = 60) -> Ended:
        code = self.process.wait(timeout_s)
        return Ended(code, (self._folder / "stdout").read_text(), self.stderr())


@contextmanager
def started(folder: Path, arguments: Sequence[str], **environment: str) -> Iterator[Running]:
    """Start locust in `folder`, with the project's models and seeds; end it, and all it started, with the block."""
    with open(folder / "stdout", "wb") as stdout, open(folder / "stderr", "wb") as stderr:
        process = subprocess.Popen(
            [*LOCUST, *(FILES if "--models-file" not in arguments else []), *arguments],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
        )  # fmt: skip
    try:
        yield Running(process, folder)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def locust(folder: Path, *arguments: str, **environment: str) -> Ended:
    """Run locust in `folder` to its end."""
    with started(folder, arguments, **environment) as running:
        return running.wait()


def rows_in(folder: Path, prefix: str = "run") -> list[dict[str, Any]]:
    """The rows of PREFIX_requests.csv."""
    import csv

    with open(folder / f"{prefix}_requests.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
