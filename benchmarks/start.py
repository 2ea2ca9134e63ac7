"""How long it takes to start a thousand users of each provider, and how much memory they use."""

import time
from pathlib import Path

from benchmarks.contenders import PROVIDERS, Case, ours
from benchmarks.figures import Aim, spread
from benchmarks.plan import Plan
from benchmarks.processes import CLIENT_CORE, MockServer, Process, client, pin, serving, wait_until
from benchmarks.tables import Table

USERS = 1000
LONG_S = 120
PATIENCE_S = 60
LOAD = ["-u", str(USERS), "-r", str(USERS), "-t", "1h", "--timeout", str(LONG_S)]
SECONDS = Aim(5, at_most=True)
MEGABYTES = Aim(200, at_most=True)


def measure(plan: Plan) -> Table:
    """Start the users of each provider in turn."""
    table = Table(
        f"{USERS} users",
        "Time from the start of the process, imports included, until the server has a call from every user, and "
        "resident memory at that point. One core.",
        ("provider", "seconds", "aim", "MB", "aim"),
    )
    for provider in PROVIDERS:
        starts = [_start(provider) for _ in range(plan.repeats if plan.full else 1)]
        seconds, megabytes = map(spread, zip(*starts, strict=True))
        judged = SECONDS.judge(seconds), MEGABYTES.judge(megabytes)
        table.rows.append([provider, seconds.text("{:.1f}"), judged[0], megabytes.text("{:.0f}"), judged[1]])
    return table


def _start(provider: str) -> tuple[float, float]:
    with serving("--ttft", str(LONG_S)) as server:
        began_s = time.monotonic()
        with client([*ours(Case(provider, stream=False), server.url), *LOAD]) as (process, _):
            pin(process, CLIENT_CORE)
            wait_until(lambda: _all_ask(server), PATIENCE_S, f"{USERS} users of {provider}")
            return time.monotonic() - began_s, _resident_mb(process)


def _all_ask(server: MockServer) -> bool:
    return server.requests() >= USERS


def _resident_mb(process: Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    (resident_kb,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(resident_kb) / 1024
