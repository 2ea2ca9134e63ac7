"""How fast the mock server answers wrk, to show that it is not the bottleneck."""

import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from benchmarks.captured import Captured, captured
from benchmarks.contenders import Case
from benchmarks.figures import spread
from benchmarks.plan import Plan
from benchmarks.processes import CLIENT_CORE, BenchmarkFailed, serving
from benchmarks.tables import Table

CONNECTIONS = 64
DURATION_S = 1
QUICK_REPEATS = 2
HOST = "http://127.0.0.1"
PROVIDERS = ("openai", "anthropic", "vertex-ai", "aws-bedrock")
KINDS: tuple[tuple[str, bool, tuple[str, ...]], ...] = (
    ("plain", False, ()),
    ("64-token stream, each token alone", True, ()),
    ("64-token stream, merged (--merge)", True, ("--merge",)),
)


def measure(plan: Plan) -> Table:
    """Measure each kind of answer with wrk."""
    if not shutil.which("wrk"):
        raise BenchmarkFailed("wrk is not installed: install it, for example with apt install wrk")
    table = Table(
        "How fast the mock server is",
        f"Answers per second to wrk, {CONNECTIONS} connections, server and wrk on one core each.",
        ("answers", *PROVIDERS),
    )
    repeats = plan.repeats if plan.full else min(plan.repeats, QUICK_REPEATS)
    for kind, stream, options in KINDS:
        with serving("--latency", "0", *options) as server:
            cells = [_rates(Case(provider, stream), server.url, repeats) for provider in PROVIDERS]
        table.rows.append([kind, *cells])
    return table


def _rates(case: Case, host: str, repeats: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        script, request = Path(folder) / "post.lua", _request(case)
        script.write_text(lua(request))
        return spread(_rate(script, host + request["target"]) for _ in range(repeats)).text("{:.0f}")


@cache
def _request(case: Case) -> Captured:
    """Return one request. Its target is the same on any host."""
    return captured(case, HOST)[0]


def _rate(script: Path, url: str) -> float:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{DURATION_S}s", "-s", str(script), url]
    said = subprocess.run(
        ["taskset", "-c", str(CLIENT_CORE), *command], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if not found or "Non-2xx" in said:
        raise BenchmarkFailed(f"wrk got no answers, or failures: {said}")
    return float(found[1])


def lua(request: Captured) -> str:
    """Return a wrk script that posts the request."""
    headers = [f"wrk.headers[{_quoted(name)}] = {_quoted(value)}" for name, value in request["headers"].items()]
    return "\n".join(['wrk.method = "POST"', f"wrk.body = {_quoted(request['body'])}", *headers])


def _quoted(text: str) -> str:
    """Return a Lua string literal with every byte escaped, so that nothing in the text can end it."""
    return '"' + "".join(f"\\{byte:03d}" for byte in text.encode()) + '"'
