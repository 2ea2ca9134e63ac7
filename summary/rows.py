"""PREFIX_requests.csv as a pandas DataFrame; also the file of a run that was killed."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

csv.field_size_limit(2**31 - 1)
NUMERIC_ENDINGS = ("_s", "_bytes", "_tokens")
REQUIRED = ("timestamp", "start_s", "latency_s", "response_bytes", "outcome", "status", "error", "prompt")


class UnreadableRows(Exception):
    """The file is no file of rows; the text says why in one line."""


def read(path: Path) -> pd.DataFrame:
    """Return the rows, numbers as numbers, empty cells as missing. A last row that was cut off is left out."""
    try:
        text = path.read_bytes().decode("utf-8")
        # A prompt has lines, and so does its cell: only a row that ends the file without a line feed was cut off.
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableRows(f"{path}: {error}") from error
    if rows and not text.endswith("\n"):
        rows.pop()
    if not rows or not set(REQUIRED) <= set(rows[0]):
        raise UnreadableRows(f"{path}: not a file of requests (its first line must name {', '.join(REQUIRED)})")
    return frame(rows[0], (row for row in rows[1:] if len(row) == len(rows[0])))


def frame(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> pd.DataFrame:
    """Return rows of texts as a DataFrame."""
    table = pd.DataFrame(list(rows), columns=list(columns), dtype=object).replace({"": None})
    for column in columns:
        if column in ("request", "status", "stage") or column.endswith(NUMERIC_ENDINGS):
            table[column] = pd.to_numeric(table[column], errors="coerce")
    return table


def concat(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Return both tables' rows as one table."""
    return pd.concat([table for table in (first, second) if len(table)] or [first], ignore_index=True)
