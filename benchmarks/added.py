"""Whether `--against` finds what a proxy adds: nothing where there is nothing, and a known time where there is one."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from math import comb
from statistics import median
from urllib.request import urlopen

from benchmarks.contenders import KEY, Case, ours
from benchmarks.figures import spread
from benchmarks.plan import Plan
from benchmarks.processes import (
    CLIENT_CORE,
    PROJECT,
    SERVER_CORE,
    BenchmarkFailed,
    client,
    complaint,
    pin,
    running,
    serving,
)
from benchmarks.tables import Table

LATENCY_S = 0.01
BASE_S = 0.005
"""How long the baseline holds requests: so both sides wake up for it, which a hold of nothing would not."""

HOLDS_S = (0.001, 0.002, 0.005, 0.02)
PAIRS, AA_RUNS, HELD_RUNS = 200, 40, 10
SIZES = (200, 1000, 5000)
LEVEL, SURE = 0.95, 0.99
COLUMNS = ("what", "pairs", "runs", "added, ms (truth)", "added, ms (median)", "CI holds the truth", "told apart")


@dataclass(frozen=True)
class Added:
    """One run's answer beside the truth, in seconds."""

    truth_s: float
    median_s: float
    ci95_s: tuple[float, float]

    @property
    def holds(self) -> bool:
        return self.ci95_s[0] <= self.truth_s <= self.ci95_s[1]

    @property
    def would_show_s(self) -> float:
        """The added time that 97 of 100 such runs would tell from none: the interval's width, as in the summary."""
        return self.ci95_s[1] - self.ci95_s[0]


def measure(plan: Plan) -> Table:
    """Compare a proxy with itself, and with one that adds a known time; then see what more pairs can show."""
    table = Table(
        "What --against finds",
        f"The latency that a proxy adds to a server with a median of {1000 * LATENCY_S:g} ms and a spread: plain "
        "openai calls, one user, as two would wait for each other in the proxy, which measures its own hold. Of "
        f"{AA_RUNS} intervals of 95 % up to {_most_false(AA_RUNS)} can miss the truth by chance (binomial, 99 %).",
        COLUMNS,
    )
    for hold_s, runs in ((0.0, AA_RUNS), *((hold_s, HELD_RUNS) for hold_s in HOLDS_S)):
        table.rows.append(_row(hold_s, PAIRS, [run(hold_s, PAIRS) for _ in range(runs)]))
    for pairs in SIZES if plan.full else SIZES[:2]:
        least_ms = f"{1000 * run(0.0, pairs).would_show_s:.2f}"
        table.rows.append([f"the least that {pairs} pairs show", str(pairs), "1", "", least_ms, "", ""])
    return table


def run(hold_s: float, pairs: int) -> Added:
    """Compare a proxy that holds each request longer with one that does not."""
    load = ["-u", "1", "-i", str(pairs), "--warmup", "4", "-o", "json"]
    with serving("--latency", str(LATENCY_S)) as server, _proxies(server.url, hold_s) as (target, baseline):
        arguments = [*ours(Case("openai", stream=False), f"{target}/v1"), "--against", f"{baseline}/v1", *load]
        with client(arguments, LLM_AGAINST_API_KEY=KEY) as (process, folder):
            pin(process, CLIENT_CORE)
            said, _ = process.communicate()
            if not said:
                raise BenchmarkFailed(f"a client printed no summary: {complaint(folder)}")
        found = json.loads(said)["against"]["difference"]["latency_s"]
        truth_s = median(_held_s(target)) - median(_held_s(baseline)) if hold_s else 0.0
        return Added(truth_s, found["median"], tuple(found["median_ci95"]))


@contextmanager
def _proxies(upstream: str, hold_s: float) -> Iterator[list[str]]:
    """Run a proxy on two ports, on the server's core; yield the address that holds, and the other."""
    command = [sys.executable, "-m", "benchmarks.holding_proxy", upstream, str(BASE_S + hold_s), str(BASE_S)]
    with running(command, PROJECT, stderr=subprocess.PIPE) as process:
        pin(process, SERVER_CORE)
        assert process.stderr is not None
        yield process.stderr.readline().split()


def _held_s(url: str) -> list[float]:
    with urlopen(f"{url}/held", timeout=30) as answer:
        return list(json.load(answer))


def _row(hold_s: float, pairs: int, runs: list[Added]) -> list[str]:
    most = _most_false(len(runs))
    missed = sum(not each.holds for each in runs)
    told_apart = sum(not each.ci95_s[0] <= 0 <= each.ci95_s[1] for each in runs)
    aim = "" if hold_s else f", aim at most {most} {'✓' if told_apart <= most else '✗'}"
    return [
        f"{1000 * hold_s:g} ms added" if hold_s else "A against A", str(pairs), str(len(runs)),
        spread(1000 * each.truth_s for each in runs).text("{:.2f}"),
        spread(1000 * each.median_s for each in runs).text("{:.2f}"),
        f"{len(runs) - missed} of {len(runs)}, aim at least {len(runs) - most} {'✓' if missed <= most else '✗'}",
        f"{told_apart} of {len(runs)}{aim}",
    ]  # fmt: skip


def _most_false(runs: int) -> int:
    """Return the most of so many 95 % intervals that miss the truth, except for one time in a hundred (binomial)."""
    misses = (comb(runs, count) * (1 - LEVEL) ** count * LEVEL ** (runs - count) for count in range(runs + 1))
    return next(count for count, below in enumerate(accumulate(misses)) if below >= SURE)
