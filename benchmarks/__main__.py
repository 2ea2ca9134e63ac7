"""`python -m benchmarks`: runs all parts, or one, and prints the results; --write also writes them to RESULTS.md."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    accuracy,
    added,
    calls,
    events,
    floor,
    machine,
    master,
    million,
    scale,
    served,
    stall,
    start,
    truth,
)
from benchmarks.plan import Plan
from benchmarks.processes import BenchmarkFailed
from benchmarks.tables import Table, markdown, show

RESULTS = Path(__file__).with_name("RESULTS.md")
PARTS: dict[str, Callable[[Plan], Table]] = {
    "calls": calls.measure,
    "events": events.measure,
    "floor": floor.measure,
    "accuracy": accuracy.measure,
    "truth": truth.measure,
    "scale": scale.measure,
    "master": master.measure,
    "start": start.measure,
    "million": million.measure,
    "mock": served.measure,
    "added": added.measure,
    "stall": stall.measure,
}
REMARKS = "## What was not reached, and why"
"""The heading of the hand-written part, which a new page keeps."""

LEGEND = "Each figure is the median of its repeats (smallest to largest). ✓ aim reached, ✗ aim missed."


def main() -> int:
    options = _options()
    plan = Plan(options.repeats or (10 if options.full else 3), options.seconds, options.full, options.write)
    facts, began_s = machine.facts(), time.monotonic()
    measured = [_measure(part, plan) for part in ([options.only] if options.only else PARTS)]
    tables = [table for table in measured if table is not None]
    facts["took"] = f"{time.monotonic() - began_s:.0f} s"
    if options.write and not options.only:
        RESULTS.write_text(_page(facts, tables) + _remarks(), encoding="utf-8")
    return 0 if len(tables) == len(measured) else 1


def _measure(part: str, plan: Plan) -> Table | None:
    """Measure a part and print it; `None` if it failed, which does not stop the others."""
    sys.stderr.write(f"measuring: {part} …\n")
    try:
        table = PARTS[part](plan)
    except BenchmarkFailed as error:
        sys.stderr.write(f"benchmarks: {part}: {error}\n")
        return None
    show(table)
    return table


def _page(facts: dict[str, str], tables: list[Table]) -> str:
    measured_on = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    return "\n".join(["# Results\n", LEGEND, "", measured_on, "", *map(markdown, tables)])


def _remarks() -> str:
    _, head, text = RESULTS.read_text(encoding="utf-8").partition(REMARKS)
    return f"\n{head}{text}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=LEGEND)
    parser.add_argument("--only", choices=PARTS, help="run one part")
    parser.add_argument("--full", action="store_true", help="more repeats, more providers")
    parser.add_argument("--repeats", type=int, help="number of repeats (3; 10 with --full)")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a round (%(default)s)")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name} and the pictures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
