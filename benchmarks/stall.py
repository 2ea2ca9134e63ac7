"""What an open loop sees and a closed one misses: a server that falls silent for 2 s in every 20 s."""

import csv
import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles

from benchmarks.contenders import Case, ours
from benchmarks.picture import Panel, drawn
from benchmarks.plan import Plan
from benchmarks.processes import BenchmarkFailed, client, complaint, serving
from benchmarks.tables import Table

LATENCY_S, STALL_S, EVERY_S = 0.1, 2, 20
RUN_S, RATE_RPS, USERS = 60, 50, 5
CLOSED, OPEN = f"closed loop, {USERS} users", f"open loop, --rate {RATE_RPS}"
LOADS = {CLOSED: ["-u", str(USERS), "-r", str(USERS)], OPEN: ["--rate", str(RATE_RPS)]}
PICTURE = Path(__file__).with_name("stall.svg")
EDGE_S = 10
PREFIX = "run"

Row = dict[str, str]


@dataclass(frozen=True)
class Seen:
    """A run's rows, and its wall-clock start."""

    rows: list[Row]
    started_at: float

    def column(self, name: str) -> list[float]:
        return [float(row[name]) for row in self.rows]


def measure(plan: Plan) -> Table:
    """Run both loops at the same time against one server; with `plan.write`, draw the picture."""
    server_started_at, seen = _run_both()
    if plan.write:
        PICTURE.write_text(drawn(list(_panels(seen, server_started_at))), encoding="utf-8")
    table = Table(
        "What a stall does to the figures",
        f"In seconds. The server takes {1000 * LATENCY_S:g} ms and is silent for {STALL_S} s in every {EVERY_S} s. "
        f"Drift: the median start lag in the last {EDGE_S} s less that in the first {EDGE_S} s.",
        (
            "way",
            "calls",
            "latency p50",
            "latency p99",
            "from schedule p50",
            "from schedule p99",
            "drift of the schedule",
        ),
    )
    table.rows += [
        [way, str(len(run.rows)), *_percentiles(run, "latency_s"), *_punctuality(run)] for way, run in seen.items()
    ]
    return table


def _run_both() -> tuple[float, dict[str, Seen]]:
    options = ["--ttft", str(LATENCY_S), "--itl", "0", "--stall", str(STALL_S), "--stall-every", str(EVERY_S)]
    with ExitStack() as stack:
        server = stack.enter_context(serving(*options))
        server_started_at = time.time()
        target = [*ours(Case("openai", stream=False), server.url), "--csv", PREFIX, "-t", f"{RUN_S}s"]
        clients = {way: stack.enter_context(client([*target, *load])) for way, load in LOADS.items()}
        for process, _ in clients.values():
            process.communicate()
        return server_started_at, {way: _seen(folder) for way, (_, folder) in clients.items()}


def _seen(folder: Path) -> Seen:
    try:
        with (folder / f"{PREFIX}_requests.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        run = json.loads((folder / f"{PREFIX}_run.json").read_text())
    except FileNotFoundError:
        raise BenchmarkFailed(f"a client left no rows: {complaint(folder)}") from None
    if others := sum(row["outcome"] != "ok" for row in rows):
        raise BenchmarkFailed(f"{others} of {len(rows)} calls did not succeed")
    return Seen(rows, datetime.fromisoformat(run["start"]).timestamp())


def _percentiles(run: Seen, column: str) -> list[str]:
    values = run.column(column)
    return [f"{median(values):.3f}", f"{quantiles(values, n=100)[-1]:.3f}"]


def _punctuality(run: Seen) -> list[str]:
    if not run.rows[0]["start_lag_s"]:
        return ["", "", ""]
    started_s, lags_s = run.column("start_s"), run.column("start_lag_s")
    end_s = max(started_s) - EDGE_S
    early = [lag_s for at_s, lag_s in zip(started_s, lags_s, strict=True) if at_s < EDGE_S]
    late = [lag_s for at_s, lag_s in zip(started_s, lags_s, strict=True) if at_s > end_s]
    drift_ms = 1000 * (median(late) - median(early))
    return [*_percentiles(run, "latency_from_schedule_s"), f"{drift_ms:+.2f} ms"]


def _panels(seen: dict[str, Seen], server_started_at: float) -> list[Panel]:
    """Return a panel per run, on the server's time axis, each call with its start and latency."""
    panels = []
    for way, run in seen.items():
        latency = "latency_from_schedule_s" if run.rows[0]["start_lag_s"] else "latency_s"
        p99_s = _percentiles(run, latency)[1]
        after_server_s = run.started_at - server_started_at
        at_s = [begun_s + after_server_s for begun_s in run.column("start_s")]
        title = f"{way}: {len(at_s)} calls, p99 {p99_s} s"
        panels.append(Panel(title, list(zip(at_s, run.column(latency), strict=True))))
    return panels
