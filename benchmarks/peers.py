"""`make bench-peers`: streams per second of this and another load tester, in turns on one core, against one server."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contenders import MODELS, Case, ours
from benchmarks.figures import Aim, spread
from benchmarks.processes import CLIENT_CORE, ENVIRONMENT, PROJECT, BenchmarkFailed, client, complaint, pin, serving
from benchmarks.tables import Table, show

PLACE = PROJECT / ".peers" / "evalscope"
PACKAGE = "evalscope[perf]==1.14.1"
USERS, CALLS, REPEATS = 64, 4000, 3
PROMPT = "Say hello to the world in ten words."
AIM = Aim(2)
OPENAI = Case("openai", stream=True)


def main() -> int:
    try:
        _install()
        with serving("--latency", "0") as server:
            pairs = [(_ours(server.url), _evalscope(server.url)) for _ in range(REPEATS)]
    except (BenchmarkFailed, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return 1
    show(_table(pairs))
    return 0


def _table(pairs: list[tuple[float, float]]) -> Table:
    table = Table(
        "Compared with another load tester",
        f"openai chat streams of 64 tokens without delay, {USERS} in flight, {CALLS} in all, one core per client.",
        ("tool", "streams/s", "times", "aim"),
    )
    our_rates, their_rates = (spread(rates) for rates in zip(*pairs, strict=True))
    times = spread(our_rate / their_rate for our_rate, their_rate in pairs)
    table.rows.append(["this one", our_rates.text("{:.0f}"), times.text("{:.2f}"), AIM.judge(times)])
    table.rows.append([PACKAGE, their_rates.text("{:.0f}"), "", ""])
    return table


def _install() -> None:
    """Create the peer's own virtual environment, unless it exists."""
    receipt = PLACE / "installed"
    if receipt.exists():
        return
    sys.stderr.write(f"benchmarks: installing {PACKAGE}, a minute or two\n")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(PLACE)], check=True)
    subprocess.run([str(PLACE / "bin" / "pip"), "install", "--quiet", PACKAGE], check=True)
    receipt.touch()


def _ours(url: str) -> float:
    load = ["-u", str(USERS), "-r", str(USERS), "-i", str(CALLS), "-o", "json"]
    with client([*ours(OPENAI, url), *load]) as (process, folder):
        pin(process, CLIENT_CORE)
        said, _ = process.communicate()
        if not said:
            raise BenchmarkFailed(f"a client printed no summary: {complaint(folder)}")
    summary = json.loads(said)
    return _rate(summary["success_count"], summary["throughput_rps"])


def _evalscope(url: str) -> float:
    with TemporaryDirectory() as folder:
        command = [
            "taskset", "-c", str(CLIENT_CORE), str(PLACE / "bin" / "evalscope"), "perf", "--api", "openai", "--stream",
            "--url", f"{url}/v1/chat/completions", "--model", MODELS["openai"], "--prompt", PROMPT,
            "--parallel", str(USERS), "-n", str(CALLS), "--num-workers", "1", "--no-test-connection",
            "--outputs-dir", folder,
        ]  # fmt: skip
        environment = {**ENVIRONMENT, "HF_HUB_OFFLINE": "1"}
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=300)
        (path,) = Path(folder).rglob("benchmark_summary.json")
        summary = json.loads(path.read_text())
    return _rate(summary["Success Requests"], summary["Req Throughput (req/s)"])


def _rate(successes: int, rate: float) -> float:
    """Return the rate. Raises `BenchmarkFailed` unless every call succeeded."""
    if successes != CALLS:
        raise BenchmarkFailed(f"only {successes} of {CALLS} calls succeeded")
    return rate


if __name__ == "__main__":
    sys.exit(main())
