"""What tests of masters and workers start and watch."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.command_line import Ended, Running, free_port, rows_in, started
from tests.mock_server import MockServer

TARGET = ["--headless", "-p", "openai", "-m", "gpt-4o", "-k", "test-key-123", "--csv", "run", "-o", "json"]


def against(server: MockServer, *arguments: str) -> list[str]:
    port = str(free_port())
    return [*TARGET, "-H", server.url, "--master-bind-port", port, "--master-port", port, *arguments]


def rows_so_far(folder: Path) -> list[dict[str, Any]]:
    return rows_in(folder) if (folder / "run_requests.csv").exists() else []


def workers_so_far(folder: Path) -> set[str]:
    return {row["worker"] for row in rows_so_far(folder)}


def children_of(running: Running) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(running.process.pid)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in found.stdout.split()]


def lose_a_worker(folder: Path, options: list[str], number: signal.Signals, **environment: str) -> Ended:
    """Run to the end; once two workers have reported calls, send one of them a signal."""
    with started(folder, options, **environment) as running:
        running.until(lambda: len(workers_so_far(folder)) == 2)
        os.kill(children_of(running)[0], number)
        return running.wait()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
