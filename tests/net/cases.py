"""The runs that are held: each provider plain and as a stream, and each way in which a run can differ from that."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from gevent import spawn

from tests.command_line import Command, Ended, free_port, locust, locusts
from tests.net.files import Left

HELD = Path(__file__).parent / "held"
MOCK = ("--headless", "--mock", "--seed", "7", "--csv", "run")
AT_ONCE = (*MOCK, "--mock-latency", "0")
PROVIDERS = ("openai", "anthropic", "azure-openai", "aws-bedrock", "vertex-ai", "deepseek")

IN_ONE_PROCESS: Mapping[str, Sequence[str]] = {
    # Sleepers first: one on each side of the two that run at once.
    "dropped": [*MOCK, "--mock-latency", "60", "--timeout", "2", "-u", "1", "-i", "3", "--rate-stages", "1.6667:3s"],
    "given-up": [
        *AT_ONCE, "-u", "1", "-i", "50", "--rate", "3", "--mock-error-rate", "0.5", "--fail-fast",
        "--fail-if", "failure_count>2", "--fail-if", "p95>29s",
    ],
    "aborted": [*MOCK, "--mock-latency", "60", "--timeout", "120", "-t", "1", "-i", "5", "--stop-timeout", "0"],
    **{f"{provider}-plain": [*AT_ONCE, "-p", provider, "-i", "3"] for provider in PROVIDERS},
    **{f"{provider}-stream": [*AT_ONCE, "-p", provider, "-i", "3", "--stream"] for provider in PROVIDERS},
    "responses": [*AT_ONCE, "--api", "responses", "-i", "3", "--stream", "-o", "json"],
    "completions": [*AT_ONCE, "--api", "completions", "-i", "3", "-o", "csv", "--max-tokens", "9"],
    "poisson": [*AT_ONCE, "-u", "1", "-i", "20", "--rate", "100", "--arrival", "poisson", "--warmup", "2"],
    "stages": [*AT_ONCE, "-u", "1", "--rate-stages", "50:0.2s,20-60:0.2s", "--stream", "--slo", "ttft<29"],
    "gates-kept": [
        *AT_ONCE, "-i", "100", "--stream", "--slo", "ttft<29 latency<29", "--junit", "junit.xml",
        "--fail-if", "p95>29s", "--fail-if", "ttft_p99>29s", "--fail-if", "goodput_rps<0.0001",
        "--fail-if", "slo_attainment<100%", "--fail-if", "error_rate>0%",
    ],
    "gates-breached": [
        *AT_ONCE, "-i", "19", "--slo", "latency<0.001ms", "--junit", "junit.xml", "--fail-if", "max>0s",
        "--fail-if", "p95>29s", "--fail-if", "goodput_rps<1", "--fail-if", "slo_attainment<99%",
        "--fail-if", "total_requests<20", "--fail-if", "output_tokens_per_s>0",
    ],
    "failures": [
        *AT_ONCE, "-p", "aws-bedrock", "-i", "12", "--mock-error-rate", "0.3", "--mock-error-status", "429",
        "--fail-if", "error_rate>90%", "--fail-if", "error_adjusted_p95>3600s",
    ],
    "failures-alone": [*AT_ONCE, "-i", "2", "--mock-error-rate", "1", "--exit-code-on-error", "9", "--cache-bust"],
}  # fmt: skip

WORKERS = "workers"
CASES = (*IN_ONE_PROCESS, WORKERS)


def run_all(folder: Path) -> dict[str, str]:
    """Run each case in a folder with its name below this one, and return what it left behind."""
    for name in CASES:
        (folder / name).mkdir()
    with_workers = spawn(_with_workers, folder / WORKERS)
    ended = locusts(folder, {name: Command(arguments) for name, arguments in IN_ONE_PROCESS.items()})
    ended[WORKERS] = with_workers.get()
    return {name: Left(folder / name, ended[name], by_draw=name == WORKERS).text() for name in CASES}


def _with_workers(folder: Path) -> Ended:
    port = str(free_port())
    own_port = ["--master-bind-port", port, "--master-port", port]
    return locust(folder, *AT_ONCE, "--processes", "2", *own_port, "-u", "2", "-r", "2", "-i", "6", "--stream")


def file_of(name: str) -> Path:
    return HELD / f"{name}.txt"


def differences(name: str, left: str) -> str:
    """Return what differs from what is held; "" if nothing does."""
    held = file_of(name).read_text(encoding="utf-8") if file_of(name).exists() else ""
    lines = difflib.unified_diff(held.splitlines(), left.splitlines(), f"held/{name}.txt", "now", lineterm="", n=2)
    return "\n".join(lines)
