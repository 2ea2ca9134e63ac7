"""A summary, or a comparison alone, as text: tables and Markdown for people, JSON or CSV for programs."""

import csv
import io
import json
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from summary.cells import escaped, printable
from summary.render import comparison, markdown, tables
from summary.render.against import against
from summary.render.csv_row import COLUMNS, cells
from summary.render.facts import facts
from summary.render.grid import WIDTH
from summary.vocabulary import Summary


def as_json(summary: Summary) -> str:
    return escaped(json.dumps(summary, indent=2, ensure_ascii=False)) + "\n"


def as_csv(summary: Summary) -> str:
    """Return a header and a row: see `summary.render.csv_row`; of a comparison alone, a row per figure."""
    text = io.StringIO()
    rows = [COLUMNS, cells(summary)] if _is_of_a_run(summary) else comparison.csv_rows(summary)
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def as_table(summary: Summary, colour: bool = False) -> str:
    """Return the tables that end a run. Text is shown literally: brackets are not markup, and characters that would
    move a terminal's cursor are replaced."""
    summary = printable(summary)
    console = Console(
        file=io.StringIO(), width=WIDTH, force_terminal=colour, highlight=False, markup=False, emoji=False
    )
    with console.capture() as capture:
        for part in tables.explained(_parts(summary)):
            console.print(part)
        for remark in remarks(summary):
            console.print(Text(remark, style="yellow" if colour else ""))
    return "\n" + "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def as_markdown(summary: Summary) -> str:
    return markdown.as_markdown(printable(summary))


RENDERERS: dict[str, Callable[[Summary], str]] = {
    "table": as_table,
    "json": as_json,
    "csv": as_csv,
    "markdown": as_markdown,
}


def _is_of_a_run(summary: Summary) -> bool:
    return "total_requests" in summary


def _parts(summary: Summary) -> Iterator[Table]:
    if _is_of_a_run(summary):
        yield from _of_a_run(summary)
    if summary.get("comparison"):
        yield from comparison.tables(summary)
    if summary.get("gates"):
        yield tables.gates(summary["gates"])
    if summary.get("verdict"):
        yield tables.verdict(summary)


def _of_a_run(summary: Summary) -> Iterator[Table]:
    yield facts(summary)
    if summary["success_count"]:
        yield from tables.distributions(summary)
    if summary.get("claims"):
        yield from tables.claims(summary["claims"])
    if summary.get("stages"):
        yield from tables.stages(summary["stages"])
    if len(summary.get("by_turn") or ()) > 1:
        yield tables.turns(summary["by_turn"])
    if summary.get("against"):
        yield against(summary["against"])


def remarks(summary: Summary) -> Iterator[str]:
    """Yield what must be known of a summary before it is read."""
    if summary.get("cut_off"):
        yield "This run was cut off before its summary: calls whose row was not written are in no figure."
    if summary.get("percentiles"):
        yield f"Percentiles are {summary['percentiles']}."
