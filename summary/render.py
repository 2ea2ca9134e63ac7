"""A summary as text: tables for people, JSON or one CSV row for programs."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from summary import tables
from summary.facts import facts
from summary.vocabulary import Summary

TABLE_WIDTH = 88


def as_json(summary: Summary) -> str:
    return json.dumps(summary, indent=2, ensure_ascii=False) + "\n"


def as_csv(summary: Summary) -> str:
    """Return two lines, names and values; nested names are joined by dots, lists stand as JSON."""
    flat = dict(_flat(summary, ""))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(flat)
    writer.writerow(flat.values())
    return text.getvalue()


def as_table(summary: Summary, colour: bool = False) -> str:
    """Return the tables that end a run."""
    console = Console(file=io.StringIO(), width=TABLE_WIDTH, force_terminal=colour, highlight=False)
    with console.capture() as capture:
        for part in _parts(summary):
            console.print(part)
        for remark in _remarks(summary):
            console.print(Text(remark, style="yellow" if colour else ""))
    return "\n" + "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


RENDERERS: dict[str, Callable[[Summary], str]] = {"table": as_table, "json": as_json, "csv": as_csv}


def _parts(summary: Summary) -> Iterator[Table]:
    yield facts(summary)
    if summary["success_count"]:
        yield tables.distributions(summary)
    if summary.get("stages"):
        yield tables.stages(summary["stages"])
        if services := tables.stage_services(summary["stages"]):
            yield services
    if summary.get("gates"):
        yield tables.gates(summary["gates"])
    if summary.get("verdict"):
        yield tables.verdict(summary["verdict"])


def _remarks(summary: Summary) -> Iterator[str]:
    if summary.get("cut_off"):
        yield "This run was cut off before its summary: calls that were in flight are in no row."
    if summary.get("percentiles"):
        yield f"Percentiles are {summary['percentiles']}."


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else key)
    else:
        yield name, json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
