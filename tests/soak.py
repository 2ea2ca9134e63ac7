"""`python -m tests.soak`: check that `-i N` is exactly N calls, for any number of workers and users. Exits 0 if so."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from subprocess import TimeoutExpired
from typing import NamedTuple

from tests.command_line import Ended, free_port, locust, rows_in, stats_in
from tests.mock_server import MockServer, serving

WORKERS = (0, 1, 2, 3)
USERS = (1, 2, 7, 64)
TARGET = ("--headless", "-p", "openai", "-m", "gpt-4o", "-k", "test-key-123", "--csv", "run", "-o", "json")


class Cell(NamedTuple):
    """One run; without workers it is a single process."""

    workers: int
    users: int

    def options(self) -> list[str]:
        port = str(free_port())
        users = ["-u", str(self.users), "-r", str(self.users)]
        processes = ["--processes", str(self.workers), "--master-bind-port", port, "--master-port", port]
        return [*users, *(processes if self.workers else [])]


def main() -> int:
    given = _given()
    failures = 0
    with serving("--latency", "0") as mock:
        for cell in [Cell(*pair) for pair in product(WORKERS, USERS)] * given.repeat:
            began_at = time.monotonic()
            complaints = list(_complaints(cell, given.calls, mock))
            failures += bool(complaints)
            verdict = "; ".join(complaints) or "holds"
            took_s = time.monotonic() - began_at
            print(f"{cell.workers} workers  {cell.users:2} users  {took_s:5.1f} s  {verdict}", flush=True)
    print(f"{failures} runs failed" if failures else f"every run made {given.calls} calls")
    return int(bool(failures))


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=1000, help="calls of each run (1000)")
    parser.add_argument("--repeat", type=int, default=1, help="how often to try all numbers of workers and users (1)")
    return parser.parse_args()


def _complaints(cell: Cell, calls: int, mock: MockServer) -> Iterator[str]:
    """Run once, and yield everything that does not agree with the number of calls."""
    mock.reset()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            ended = locust(folder, *TARGET, "-H", mock.url, "-i", str(calls), *cell.options())
        except TimeoutExpired as error:
            yield f"no end within {error.timeout:.0f} s"
            return
        if ended.code:
            yield f"exit code {ended.code}: {_last_line(ended)}"
            return
        numbers = sorted(int(row["request"]) for row in rows_in(folder))
        counted = {"requests at the mock": mock.stats()["requests"], "rows": len(numbers)}
        counted["requests in _stats.csv"] = int(stats_in(folder)["Request Count"])
        yield from (f"{count} {what}" for what, count in counted.items() if count != calls)
        if numbers != list(range(1, calls + 1)):
            yield f"the numbers are not 1 to {calls}, each once"


def _last_line(ended: Ended) -> str:
    return ended.stderr.rstrip().rpartition("\n")[2]


if __name__ == "__main__":
    sys.exit(main())
