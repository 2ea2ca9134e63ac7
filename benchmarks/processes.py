"""The processes of a measurement, each on its own core: the mock server on the first, a client on the last."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.request import urlopen

PROJECT = Path(__file__).parent.parent
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]
KEPT = ("PATH", "HOME", "LANG")
ENVIRONMENT = {
    **{name: os.environ[name] for name in KEPT if name in os.environ},
    "PYTHONPATH": str(PROJECT),
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_GCE_CHECK": "true",
}

Process = subprocess.Popen[str]


class BenchmarkFailed(Exception):
    """A measurement failed; there is no figure to show."""


class MockServer:
    """A mock server listening at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def requests(self) -> int:
        """Return how many requests have arrived."""
        with urlopen(f"{self.url}/stats", timeout=30) as answer:
            return int(json.load(answer)["requests"])


@contextmanager
def serving(*options: str) -> Iterator[MockServer]:
    """Run a mock server on a free port, pinned to its core, for as long as the block lasts."""
    command = [sys.executable, "-m", "mock", "--port", "0", "--tokens", "64", "--exact-tokens", *options]
    with running(command, PROJECT, stderr=subprocess.PIPE) as process:
        pin(process, SERVER_CORE)
        assert process.stderr is not None
        yield MockServer(process.stderr.readline().split()[-1])


@contextmanager
def client(arguments: Sequence[str], **environment: str) -> Iterator[tuple[Process, Path]]:
    """Run a headless Locust in an empty folder; yield both, and kill it at the end of the block."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "stderr").open("w") as errors:
        command = [sys.executable, "-m", "locust", "--headless", *arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
        with running(command, Path(folder), environment, **pipes) as process:
            yield process, Path(folder)


def pin(process: Process, core: int) -> None:
    """Pin a process, with all its current threads, to one core."""
    for thread in os.listdir(f"/proc/{process.pid}/task"):
        os.sched_setaffinity(int(thread), {core})


def complaint(folder: Path) -> str:
    """Return the last 2000 characters of a client's stderr."""
    return (folder / "stderr").read_text()[-2000:]


def wait_until(reached: Any, timeout_s: float, what: str) -> None:
    """Poll until `reached()` is true. Raises `BenchmarkFailed` after `timeout_s`."""
    give_up_at = time.monotonic() + timeout_s
    while not reached():
        if time.monotonic() > give_up_at:
            raise BenchmarkFailed(f"{what}: not within {timeout_s:g} s")
        time.sleep(0.02)


@contextmanager
def running(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] = MappingProxyType({}), **pipes: Any
) -> Iterator[Process]:
    """Run a command with only the environment variables that it needs; kill it at the end of the block."""
    with subprocess.Popen(command, cwd=folder, env={**ENVIRONMENT, **environment}, text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()
