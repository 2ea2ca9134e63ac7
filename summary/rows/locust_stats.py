"""The same figures from the `_stats.csv` of any Locust project, as precise as Locust wrote them."""

import csv
import math
import re
from pathlib import Path
from typing import Any

from summary.rows.rows import UnreadableRows
from summary.vocabulary import Summary

MARK = ("Type", "Name", "Request Count", "Failure Count", "Average Response Time")
TOTAL = "Aggregated"
_LATENCIES = {
    "min": "Min Response Time",
    "avg": "Average Response Time",
    "median": "Median Response Time",
    "p90": "90%",
    "p95": "95%",
    "p99": "99%",
    "p99_9": "99.9%",
    "max": "Max Response Time",
}

_COUNT = re.compile("[0-9]{1,15}")

Row = dict[str, Any]


def read(path: Path) -> Summary:
    """Return the figures of the file's `Aggregated` row, with milliseconds converted to seconds, and each entry's
    counts.

    Locust's latencies include failures, and its percentiles are rounded, as `percentiles` says. A cell without a number
    is `None`. Raises `UnreadableRows` if the file is damaged or incomplete, or no run could have written its numbers.
    """
    *entries, total = _rows(path)
    requests, failed = _count(path, total, "Request Count"), _count(path, total, "Failure Count")
    if failed > requests:
        raise UnreadableRows(f"{path}: {failed} of {requests} requests can't have failed")
    if negative := next((column for column in total if (_number(total, column) or 0.0) < 0), None):
        raise UnreadableRows(f"{path}: the {negative} of {TOTAL!r} is negative: {total[negative]!r}")
    rates = [_number(total, column) for column in ("Requests/s", "Failures/s")]
    size_bytes = _number(total, "Average Content Size")
    return {
        "source": str(path),
        "percentiles": "Locust's: rounded, and over failures too",
        "total_requests": requests,
        "success_count": requests - failed,
        "failure_count": failed,
        "error_rate": failed / requests if requests else None,
        "throughput_rps": None if None in rates else (rates[0] or 0.0) - (rates[1] or 0.0),
        "latency_s": {name: _latency_s(total, column, requests) for name, column in _LATENCIES.items()},
        "total_bytes": None if size_bytes is None else round(size_bytes * requests),
        "entries": [_entry(path, row) for row in entries],
    }


def _rows(path: Path) -> list[Row]:
    """Return the rows of the entries, then the aggregated row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head, *lines = list(csv.reader(file, strict=True)) or [[]]
    except (OSError, ValueError, csv.Error) as error:
        raise UnreadableRows(f"{path}: can't be read ({error})") from error
    if not set(MARK) <= set(head):
        raise UnreadableRows(f"{path}: neither a file of requests nor Locust's _stats.csv")
    if any(len(line) != len(head) for line in lines):
        raise UnreadableRows(f"{path}: a row has too few or too many cells: the file is damaged, or was cut off")
    rows = [dict(zip(head, line, strict=True)) for line in lines]
    if not rows or rows[-1]["Name"] != TOTAL:
        raise UnreadableRows(f"{path}: has no row '{TOTAL}' at its end: the run was cut off before Locust wrote it")
    return rows


def _count(path: Path, row: Row, column: str) -> int:
    text = row[column]
    if _COUNT.fullmatch(text):
        return int(text)
    raise UnreadableRows(f"{path}: the {column} of {row['Name']!r} is not a number: {text!r}")


def _latency_s(row: Row, column: str, requests: int) -> float | None:
    found_ms = _number(row, column) if requests else None
    return None if found_ms is None else found_ms / 1000


def _number(row: Row, column: str) -> float | None:
    """Return a cell's number; `None` if it has none, such as `N/A`."""
    try:
        number = float(row.get(column, ""))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _entry(path: Path, row: Row) -> Row:
    return {
        "type": row["Type"] or None,
        "name": row["Name"],
        "requests": _count(path, row, "Request Count"),
        "failures": _count(path, row, "Failure Count"),
    }
