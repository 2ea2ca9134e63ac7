"""What each row costs a master: its CPU time with many rows less that with few, divided by the rows between."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import DATA, MODELS_FILE, SEED
from benchmarks.figures import spread
from benchmarks.plan import Plan
from benchmarks.processes import PROJECT, BenchmarkFailed, running
from benchmarks.tables import Table

WORKERS = 2
FEW, MANY = 1_000, 20_000
RATE_RPS = 1_000
LOCUST = [sys.executable, "-m", "locust", "--headless", "-f", str(PROJECT / "locustfile.py")]
TARGET = [
    *("--models-file", str(MODELS_FILE), "--data-dir", str(DATA), "--seed", str(SEED)),
    *("--mock", "--mock-latency", "0", "-p", "openai", "-u", "16", "-r", "16"),
]
LOADS: dict[str, Callable[[int], list[str]]] = {
    "-i: the master grants each call": lambda rows: ["-i", str(rows)],
    f"--rate {RATE_RPS}: and says when": lambda rows: ["--rate", str(RATE_RPS), "-t", f"{rows // RATE_RPS}s"],
}


@dataclass(frozen=True)
class Cost:
    """What one distributed run cost its master."""

    rows: int
    cpu_s: float


def measure(plan: Plan) -> Table:
    table = Table(
        "What a row costs the master",
        f"{WORKERS} workers make plain openai calls to the built-in mock. CPU time of the master alone, from its start"
        f" to its exit, figures and files included: a run of about {MANY:,} rows less one of {FEW:,}.",
        ("way", "CPU µs a row", "rows a second that one core could take"),
    )
    for way, load in LOADS.items():
        costs_us = spread(_cost_us(*(_run(load(rows)) for rows in (FEW, MANY))) for _ in range(plan.repeats))
        table.rows.append([way, costs_us.text("{:.0f}"), f"{1e6 / costs_us.middle:,.0f}"])
    return table


def _cost_us(few: Cost, many: Cost) -> float:
    return 1e6 * (many.cpu_s - few.cpu_s) / (many.rows - few.rows)


def _run(load: list[str]) -> Cost:
    """Make a run's calls with a master and workers, which are not its children: their time would count as its own."""
    port = str(_free_port())
    master = [*LOCUST, *TARGET, *load, "-o", "json", "--master", "--master-bind-port", port]
    worker = [*LOCUST, "--worker", "--master-port", port]
    with tempfile.TemporaryDirectory() as name, ExitStack() as workers:
        folder = Path(name)
        command = [*master, "--expect-workers", str(WORKERS)]
        with running(command, folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            for _ in range(WORKERS):
                workers.enter_context(running(worker, folder, stderr=subprocess.DEVNULL))
            assert process.stdout is not None
            text = process.stdout.read()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchmarkFailed(f"{' '.join(command)}: exit code {process.returncode}")
    return Cost(json.loads(text)["total_requests"], used.ru_utime + used.ru_stime)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
