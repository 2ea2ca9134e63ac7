"""How accurate the figures are: a server streams on an exact schedule, and its clients measure it."""

import csv
from pathlib import Path
from statistics import median, quantiles

from benchmarks.contenders import Case, ours, sdk_default
from benchmarks.figures import Aim, Spread, spread
from benchmarks.plan import Plan
from benchmarks.processes import CLIENT_CORE, BenchmarkFailed, client, complaint, pin, serving
from benchmarks.tables import Table

TTFT_S, ITL_S, TOKENS = 0.2, 0.02, 64
LATENCY_S = TTFT_S + (TOKENS - 1) * ITL_S
USERS, SPAWN_S, HOLD_S = 100, 5, 4
LOAD = ["-u", str(USERS), "-r", str(USERS / SPAWN_S), "-t", f"{SPAWN_S + HOLD_S}s", "--stop-timeout", "10"]
PREFIX = "run"
QUICK = ("openai",)
FULL = ("openai", "anthropic", "vertex-ai", "aws-bedrock")

OURS = "ours"
AIMS = [Aim(5, at_most=True), Aim(60, at_most=True), Aim(0.005 * LATENCY_S * 1000, at_most=True), None]
"""Aims for the errors, in the same order; the last has none."""
NO_AIMS: list[Aim | None] = [None] * len(AIMS)

Errors = tuple[float, float, float, float]


def measure(plan: Plan) -> Table:
    """Run ours and the SDK's default in turn."""
    table = Table(
        "How accurate the figures are",
        f"Errors in ms against a server with a TTFT of {1000 * TTFT_S:g} ms and a latency of {1000 * LATENCY_S:g} ms; "
        f"{USERS} users started over {SPAWN_S} s, one core.",
        ("provider", "way", "TTFT, median", "aim", "TTFT, p99", "aim", "latency, median", "aim", "latency, p99"),
    )
    with serving("--ttft", str(TTFT_S), "--itl", str(ITL_S)) as server:
        for provider in FULL if plan.full else QUICK:
            _add_rows(table, Case(provider, stream=True), server.url, plan.repeats if plan.full else 1)
    return table


def _add_rows(table: Table, case: Case, host: str, repeats: int) -> None:
    ways = {OURS: [*ours(case, host), "--csv", PREFIX], "SDK's default": sdk_default(case, host, "stamped_rows.py")}
    pairs = [[_errors_ms(arguments) for arguments in ways.values()] for _ in range(repeats)]
    for way, errors in zip(ways, zip(*pairs, strict=True), strict=True):
        spreads = [spread(values) for values in zip(*errors, strict=True)]
        table.rows.append([case.provider, way, *_cells(spreads, AIMS if way == OURS else NO_AIMS)])


def _cells(spreads: list[Spread], aims: list[Aim | None]) -> list[str]:
    judged = zip(spreads, aims, strict=True)
    *cells, _ = (cell for value, aim in judged for cell in (value.text("{:+.1f}"), aim.judge(value) if aim else ""))
    return cells


def _errors_ms(arguments: list[str]) -> Errors:
    """Run a client and return the errors of TTFT and of latency, each at the median and the 99th percentile."""
    with client([*arguments, *LOAD]) as (process, folder):
        pin(process, CLIENT_CORE)
        process.communicate()
        rows = _rows(folder)
    ttft_ms, latency_ms = ([1000 * float(row[name]) for row in rows] for name in ("ttft_s", "latency_s"))
    return *_off(ttft_ms, 1000 * TTFT_S), *_off(latency_ms, 1000 * LATENCY_S)


def _off(values: list[float], truth: float) -> tuple[float, float]:
    return median(values) - truth, quantiles(values, n=100)[-1] - truth


def _rows(folder: Path) -> list[dict[str, str]]:
    try:
        with (folder / f"{PREFIX}_requests.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["outcome"] != "aborted"]
    except FileNotFoundError:
        raise BenchmarkFailed(f"a client left no rows: {complaint(folder)}") from None
    if failed := sum(row["outcome"] == "failed" for row in rows):
        raise BenchmarkFailed(f"{failed} of {len(rows)} calls failed")
    return rows
