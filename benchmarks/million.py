"""What a million calls cost report.py and the end of a run: both read the same rows."""

import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.figures import Aim, spread
from benchmarks.plan import Plan
from benchmarks.processes import ENVIRONMENT, PROJECT, BenchmarkFailed
from benchmarks.tables import Table
from harness.record.requests_csv import COLUMNS, cells_of
from providers.call import Call

CALLS = 1_000_000
RUN_ID = "20260101T000000.000Z-abcdef"
BEGAN_AT = datetime(2026, 1, 1, tzinfo=UTC)
RATE_RPS = 500
PROMPTS = 500
SECONDS = Aim(15, at_most=True)
MEGABYTES = Aim(1000, at_most=True)
REPORT = [sys.executable, str(PROJECT / "report.py"), "run", "-o", "json"]
END = """
import sys, json
import harness.harness, openai
from pathlib import Path
from summary.rows import rows
from summary.rows.checksums import checksums
from summary.figures import summarise

table, damage = rows.read_with_damage(Path("run_requests.csv"))
print(json.dumps({**summarise(table, {}, {}), "checksums": checksums(table)}))
"""
WAYS = {"report.py": REPORT, "a run's end, with Locust and an SDK loaded": [sys.executable, "-c", END]}


def measure(plan: Plan) -> Table:
    """Write the rows once, and read them in a new process for each repeat."""
    table = Table(
        "A million rows",
        f"{CALLS:,} rows of open-loop streams, 1 in 20 of them failed, {PROMPTS} prompts of 300 bytes. Seconds from "
        "the start of the process to its end, imports included; peak resident memory. Uses one core; on a busy machine "
        "the seconds include waiting for it.",
        ("way", "MB of rows", "seconds", "aim", "CPU seconds", "MB", "aim"),
    )
    with tempfile.TemporaryDirectory() as folder:
        size_mb = _write(Path(folder) / "run_requests.csv")
        for way, command in WAYS.items():
            taken = [_run(command, folder) for _ in range(plan.repeats if plan.full else 1)]
            seconds, cpu, megabytes = map(spread, zip(*taken, strict=True))
            times = [seconds.text("{:.1f}"), SECONDS.judge(seconds), cpu.text("{:.1f}")]
            table.rows.append([way, f"{size_mb:.0f}", *times, megabytes.text("{:.0f}"), MEGABYTES.judge(megabytes)])
    return table


def _run(command: list[str], folder: str) -> tuple[float, float, float]:
    """Return the seconds, CPU seconds and megabytes that a command took."""
    began_s = time.monotonic()
    with subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        text = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    taken_s = time.monotonic() - began_s
    if process.returncode or json.loads(text)["total_requests"] != CALLS:
        raise BenchmarkFailed(f"{' '.join(command)}: exit code {process.returncode}")
    return taken_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def _write(path: Path) -> float:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_rows())
    return path.stat().st_size / 1e6


def _rows() -> Iterator[list[Any]]:
    draw = random.Random(1)
    for number in range(1, CALLS + 1):
        yield cells_of(_call(number, draw))


def _call(number: int, draw: random.Random) -> Call:
    start_s, latency_s = number / RATE_RPS, draw.lognormvariate(0, 0.4)
    call = Call(
        RUN_ID, number, "openai", "gpt-4o", "chat", "real", f"seed.txt#{number % PROMPTS}", _prompt(number % PROMPTS),
        BEGAN_AT + timedelta(seconds=start_s), start_s, latency_s, 17_000, 200, "ok", connection="reused",
    )  # fmt: skip
    call.ttfb_s, call.lag_s, call.start_lag_s = 0.2 * latency_s, draw.random() / 1000, draw.random() / 500
    call.scheduled_at, call.stage = call.timestamp, 1
    call.latency_from_schedule_s = latency_s + call.start_lag_s
    if draw.random() < 0.05:
        call.status, call.outcome = 500, "failed"
        call.error = f"InternalServerError: Error code: 500 - {{'request_id': 'req_{number}'}}"
    else:
        _stream(call, latency_s)
    return call


def _stream(call: Call, latency_s: float) -> None:
    call.ttft_s = call.ttfv_s = 0.3 * latency_s
    call.tpot_s = call.itl_mean_s = 0.7 * latency_s / 63
    call.itl_max_s, call.output_tokens_per_s = 5 * call.tpot_s, 1 / call.tpot_s
    call.finish_reason, call.input_tokens, call.output_tokens = "stop", 231, 64
    call.content_events, call.content_reads, call.joined_reads = 64, 64, 0


def _prompt(number: int) -> str:
    return f'### Say "{number}"\n\n' + " ".join(["A sentence of a prompt, with a comma."] * 8)
