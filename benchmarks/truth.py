"""How accurate TTFT and ITL are at various event rates, compared with the target's own timestamp of each write."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.contenders import Case, ours
from benchmarks.figures import Aim, Spread, spread
from benchmarks.plan import Plan
from benchmarks.processes import CLIENT_CORE, PROJECT, SERVER_CORE, BenchmarkFailed, client, complaint, pin, running
from benchmarks.tables import Table
from providers.call import SPREAD_LIMIT_S

TTFT_S, TOKENS = 0.1, 60
RUN_S = 8
PREFIX = "run"
QUICK = ("openai",)
FULL = ("openai", "anthropic", "vertex-ai", "aws-bedrock")


@dataclass(frozen=True)
class Pace:
    """A number of concurrent streams, the events per second of each, and the aims at this load."""

    streams: int
    events_per_s: int
    ttft_aim_ms: float
    gaps_lost_aim: float = 0.005
    tls: bool = False

    @property
    def itl_s(self) -> float:
        return 1 / self.events_per_s

    @property
    def name(self) -> str:
        return f"{self.streams} × {self.events_per_s}/s" + (", TLS" if self.tls else "")


PACES = (
    Pace(60, 100, 5),
    Pace(120, 100, 5),
    Pace(120, 100, 5, tls=True),
    Pace(300, 100, 5),
    Pace(500, 50, 5),
    Pace(400, 100, 10, gaps_lost_aim=0.01),
    Pace(1000, 20, 10),
)
ITL_AIM_MS = 2.0
OVERLOAD = Pace(800, 100, 0)
OVERLOADS = 20
COLUMNS = (
    "provider", "streams", "events/s", "TTFT p99, ms", "aim", "ITL p99, ms", "aim", "gaps lost", "aim", "joined",
    "believable",
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """One run compared with the truth; errors are the tool's 99th percentile less the target's, in ms."""

    events_per_s: float
    ttft_error_ms: float
    itl_error_ms: float
    gaps_lost: float
    joined: float
    believable: bool


def measure(plan: Plan) -> Table:
    """Run each pace, for openai alone or for all wire formats, and then the overload."""
    table = Table(
        "How accurate TTFT and ITL are",
        f"Errors of the 99th percentile against the target's own timestamp of each write; streams of {TOKENS} tokens "
        f"after {1000 * TTFT_S:g} ms, client and target on one core each. TTFT is of calls on reused connections. Gaps "
        "lost: writes over 1 ms apart that one read joined. Joined: reads that may have joined several writes.",
        COLUMNS,
    )
    for provider in FULL if plan.full else QUICK:
        for pace in PACES:
            table.rows.append(_row(provider, pace, [run(provider, pace) for _ in range(plan.repeats)]))
    overloads = [run("openai", OVERLOAD) for _ in range(OVERLOADS if plan.full else plan.repeats)]
    table.rows.append([*_row("openai", OVERLOAD, overloads)[:2], *_overload_cells(overloads)])
    return table


def _row(provider: str, pace: Pace, runs: list[Measured]) -> list[str]:
    def over(name: str) -> Spread:
        return spread(getattr(run, name) for run in runs)

    lost = over("gaps_lost")
    return [
        provider,
        pace.name,
        over("events_per_s").text("{:.0f}"),
        over("ttft_error_ms").text("{:+.1f}"),
        Aim(pace.ttft_aim_ms, at_most=True).judge(over("ttft_error_ms")),
        over("itl_error_ms").text("{:+.1f}"),
        Aim(ITL_AIM_MS, at_most=True).judge(over("itl_error_ms")),
        lost.text("{:.2%}"),
        Aim(pace.gaps_lost_aim, at_most=True).judge(lost),
        over("joined").text("{:.1%}"),
        f"{sum(run.believable for run in runs)} of {len(runs)}",
    ]


def _overload_cells(runs: list[Measured]) -> list[str]:
    """Return an overload's cells. Its one aim is that no run calls itself believable."""
    believed = sum(run.believable for run in runs)
    events, ttft = spread(run.events_per_s for run in runs), spread(run.ttft_error_ms for run in runs)
    verdict = f"{believed} of {len(runs)}, aim 0 {'✗' if believed else '✓'}"
    return [events.text("{:.0f}"), ttft.text("{:+.1f}"), "", "", "", "", "", "", verdict]


def run(provider: str, pace: Pace, *options: str) -> Measured:
    """Compare one run with the truth. A run with `options`, such as --processes, is not pinned to one core."""
    load = ["-u", str(pace.streams), "-r", str(pace.streams / 2), "-t", f"{RUN_S}s", "-o", "json", "--csv", PREFIX]
    load += ["--warmup", str(pace.streams)]  # Opens the connections, so that their set-up is not measured.
    with _paced(pace) as (url, environment):
        arguments = [*ours(Case(provider, stream=True), url), *load, *options]
        with client(arguments, **environment) as (process, folder):
            if not options:
                pin(process, CLIENT_CORE)
            said, _ = process.communicate()
            if not said:
                raise BenchmarkFailed(f"a client printed no summary: {complaint(folder)}")
            return _compared(json.loads(said), _ttfts_s(folder), _truth(url))


def _ttfts_s(folder: Path) -> np.ndarray:
    """Return the TTFT of each successful, measured call on a reused connection."""
    columns = ["outcome", "phase", "connection", "ttft_s"]
    rows = pd.read_csv(folder / f"{PREFIX}_requests.csv", usecols=columns)
    of_interest = (rows["outcome"] == "ok") & (rows["phase"] == "measured") & (rows["connection"] == "reused")
    return rows.loc[of_interest, "ttft_s"].to_numpy(dtype=float)


def _compared(summary: dict[str, Any], ttfts_s: np.ndarray, truth: dict[str, list[float]]) -> Measured:
    calls, itl = summary["success_count"], summary["itl_s"]
    if not calls or summary["failure_count"]:
        raise BenchmarkFailed(f"{summary['failure_count']} calls failed: {summary['failures']}")
    ttft_p99_s, gap_p99_s = (float(np.percentile(truth[name], 99)) for name in ("ttft_s", "gaps_s"))
    apart = float(np.mean(np.array(truth["gaps_s"]) > SPREAD_LIMIT_S))
    return Measured(
        events_per_s=summary["output_tokens_per_s"],
        ttft_error_ms=1000 * (float(np.percentile(ttfts_s, 99)) - ttft_p99_s),
        itl_error_ms=1000 * (itl["p99"] - gap_p99_s),
        gaps_lost=max(0.0, 1 - itl["gaps"] / (apart * calls * (TOKENS - 1))),
        joined=summary["reads"]["joined_reads"] / summary["reads"]["content_reads"],
        believable=summary["verdict"]["believable"],
    )


@contextmanager
def _paced(pace: Pace) -> Iterator[tuple[str, dict[str, str]]]:
    """Run a paced server; yield its URL, and the environment variables that its client needs."""
    with TemporaryDirectory() as folder:
        certificate = _certificate(Path(folder)) if pace.tls else None
        command = [sys.executable, "-m", "benchmarks.paced_server", "--ttft", str(TTFT_S), "--itl", str(pace.itl_s)]
        command += ["--tokens", str(TOKENS), *(["--tls-cert", str(certificate)] if certificate else [])]
        with running(command, PROJECT, stderr=subprocess.PIPE) as process:
            pin(process, SERVER_CORE)
            assert process.stderr is not None
            yield process.stderr.readline().split()[-1], {"SSL_CERT_FILE": str(certificate)} if certificate else {}


def _certificate(folder: Path) -> Path:
    """Write a key and a certificate for localhost to one file."""
    path = folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(path), "-out", str(folder / "chain.pem")]
    subprocess.run(command, check=True, capture_output=True)
    with path.open("a") as file:
        file.write((folder / "chain.pem").read_text())
    return path


def _truth(url: str) -> dict[str, list[float]]:
    """Ask the target what really happened. `curl -k` ignores its certificate."""
    said = subprocess.run(["curl", "-sk", f"{url}/truth"], capture_output=True, check=True).stdout
    truth: dict[str, list[float]] = json.loads(said)
    return truth
