"""What LiteLLM adds to the mock behind it: measured in pairs, claimed by LiteLLM itself, and the rest."""

import json
import subprocess
import sys
from typing import Any, NamedTuple

from rich.table import Table

from .cases import Case
from .command_line import MODELS_FILE, environment
from .layout import PROJECT, RUN
from .servers import KEY

PAIRS = 100
TIMEOUT_S = 120
COLUMNS = ("LiteLLM adds to", "median", "95 % CI", "slower", "LiteLLM claims", "for aimock", "unaccounted")
PROXIED = Case("openai", "relayed-gpt", "litellm/v1")
DIRECT = Case("openai", "gpt-4o", "aimock/v1")


class Overhead(NamedTuple):
    """A figure's added time, and what LiteLLM says of it, in seconds; `complaint` is empty if it is as it must be."""

    title: str
    added: dict[str, Any]
    claimed: dict[str, Any]
    complaint: str


def measure(addresses: dict[str, str]) -> list[Overhead]:
    """Measure plain calls and streams, each in pairs by one user."""
    return [
        _overhead("a plain call", "latency_s", "latency_s", _summary(addresses, stream=False)),
        _overhead("a stream's TTFT", "ttft_s", "head_s", _summary(addresses, stream=True)),
    ]


def table(overheads: list[Overhead]) -> Table:
    shown = Table(*COLUMNS, title=f"{PAIRS} pairs, in ms", title_justify="left")
    for each in overheads:
        shown.add_row(each.title, *_cells(each), style="red" if each.complaint else None)
    return shown


def _overhead(title: str, figure: str, span: str, summary: dict[str, Any]) -> Overhead:
    """`span` is the time that LiteLLM's headers speak of."""
    claimed = {name: (summary["claims"] or {})[span][name]["median"] for name in ("proxy", "provider", "unaccounted")}
    added = summary["against"]["difference"][figure]
    return Overhead(title, added, claimed, _complaint(summary, added, claimed))


def _complaint(summary: dict[str, Any], added: dict[str, Any], claimed: dict[str, Any]) -> str:
    """A proxy takes time, and says so; each call succeeds on both sides."""
    if summary["success_count"] != PAIRS or summary["against"]["failed_pairs"]:
        return f"{summary['failure_count']} calls failed"
    if not added["told_apart"] or added["median_ci95"][0] <= 0:
        return "a proxy that takes no time"
    return "" if claimed["proxy"] else "LiteLLM said nothing"


def _summary(addresses: dict[str, str], stream: bool) -> dict[str, Any]:
    name = "overhead-stream" if stream else "overhead"
    command = [
        sys.executable, "-m", "locust", "--headless", "-p", "openai",
        "-m", PROXIED.model, "-H", PROXIED.host(addresses), "--against", DIRECT.host(addresses),
        "--against-model", DIRECT.model, "-u", "1", "-i", str(PAIRS), "--warmup", "5",
        "--models-file", str(MODELS_FILE), "--csv", str(RUN / name), "-o", "json",
        *(["--stream"] if stream else []),
    ]  # fmt: skip
    with (RUN / f"{name}.log").open("w") as log:
        done = subprocess.run(
            command, cwd=PROJECT, env={**environment(PROXIED), "LLM_AGAINST_API_KEY": KEY}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=log, timeout=TIMEOUT_S, check=True, text=True,
        )  # fmt: skip
    return dict(json.loads(done.stdout))


def _cells(each: Overhead) -> list[str]:
    low, high = each.added["median_ci95"]
    return [
        f"{1000 * each.added['median']:+.1f}",
        f"{1000 * low:+.1f} to {1000 * high:+.1f}",
        f"{each.added['slower_share']:.0%}",
        *("–" if value is None else f"{1000 * value:.1f}" for value in each.claimed.values()),
    ]
