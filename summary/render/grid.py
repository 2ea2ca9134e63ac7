"""The form of every table on the console: within 80 columns, whatever it holds."""

from collections.abc import Sequence

from rich.table import Table

WIDTH = 80
"""Of the console's tables, on terminals and in pipes alike, so that what a run prints is the same everywhere."""

LEAST_WIDTH = 64


def grid(title: str | None = None, head: Sequence[str] = (), columns: int = 2, bold: int = 0) -> Table:
    """Return a table without rows: of numbers under a head, or of texts without one.

    columns  how many texts each row has
    bold     the place of the column with names

    What doesn't fit is wrapped, the widest column first, and folded if it is one word; nothing is cut.
    """
    table = Table(
        title=title, show_header=bool(head), title_justify="left", caption_justify="left", min_width=LEAST_WIDTH
    )
    for place, heading in enumerate(head or [""] * columns):
        is_number = bool(head) and place > 0
        table.add_column(
            heading, style="bold" if place == bold else "", justify="right" if is_number else "left", overflow="fold"
        )
    return table
