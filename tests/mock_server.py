"""`python -m mock` as a separate process, for tests that need a real socket and the server's own counts."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, build_opener

PROJECT = Path(__file__).parent.parent


class MockServer:
    """A mock that is listening at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opener = build_opener()  # Not `urlopen`: from Python 3.12 on it keeps the certificates of its first call.

    def stats(self) -> dict[str, Any]:
        """Return what arrived there since the last `reset`."""
        with self._opener.open(f"{self.url}/stats", timeout=10) as answer:
            return dict(json.load(answer))

    def reset(self) -> None:
        self._opener.open(Request(f"{self.url}/stats/reset", method="POST"), timeout=10).close()


@contextmanager
def serving(*options: str, wrapper: Sequence[str] = ()) -> Iterator[MockServer]:
    """Run a mock on a free port for the duration of the block."""
    command = [*wrapper, sys.executable, "-m", "mock", "--port", "0", *options]
    with subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            yield MockServer(process.stderr.readline().split()[-1])
        finally:
            process.terminate()
