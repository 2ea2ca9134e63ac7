"""Tables of results, for the terminal and as Markdown."""

import sys
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table as RichTable

WIDE = 160
"""The width in characters when the output is not a terminal."""


@dataclass
class Table:
    """A part's results: a note on what was measured, and one row per case."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[list[str]] = field(default_factory=list)


def show(table: Table) -> None:
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    drawn = RichTable(*table.columns, title=table.title, title_justify="left", title_style="bold", caption=table.note)
    for row in table.rows:
        drawn.add_row(*row)
    console.print(drawn)


def markdown(table: Table) -> str:
    lines = [table.columns, ("---",) * len(table.columns), *table.rows]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"## {table.title}\n\n{table.note}\n\n{body}\n"
