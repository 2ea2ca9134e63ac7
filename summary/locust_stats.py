"""The same figures from a plain Locust `_stats.csv`, of any Locust project: as precise as Locust made them."""

from pathlib import Path
from typing import Any

import pandas as pd

from summary.rows import UnreadableRows
from summary.vocabulary import Summary

MARK = ("Request Count", "Failure Count", "Average Response Time")


def read(path: Path) -> Summary:
    """Return what the file's `Aggregated` row holds, milliseconds made seconds, and each entry's counts.

    Locust's latencies are those of failures too, and its percentiles are rounded: `percentiles` says so.
    """
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UnreadableRows(f"{path}: {' '.join(str(error).split())}") from error
    if not set(MARK) <= set(table.columns) or "Name" not in table:
        raise UnreadableRows(f"{path}: neither a file of requests nor Locust's _stats.csv")
    if not (table["Name"] == "Aggregated").any():
        raise UnreadableRows(f"{path}: has no row 'Aggregated': the run was cut off before Locust wrote it")
    total = table[table["Name"] == "Aggregated"].iloc[-1]
    requests, failed = int(total["Request Count"]), int(total["Failure Count"])
    return {
        "source": str(path),
        "percentiles": "Locust's: rounded, and over failures too",
        "total_requests": requests,
        "success_count": requests - failed,
        "failure_count": failed,
        "error_rate": failed / requests if requests else None,
        "throughput_rps": _number(total, "Requests/s", 1.0) - _number(total, "Failures/s", 1.0),
        "latency_s": {name: _latency_s(total, column, requests) for name, column in _LATENCIES.items()},
        "total_bytes": round(_number(total, "Average Content Size", 1.0) * requests),
        "entries": [_entry(row) for _, row in table[table["Name"] != "Aggregated"].iterrows()],
    }


_LATENCIES = {
    "min": "Min Response Time",
    "avg": "Average Response Time",
    "median": "Median Response Time",
    "p95": "95%",
    "p99": "99%",
    "max": "Max Response Time",
}


def _latency_s(row: Any, column: str, requests: int) -> float | None:
    return _number(row, column, 1000.0) if requests and column in row else None


def _number(row: Any, column: str, divisor: float) -> float:
    value = pd.to_numeric(row.get(column, 0), errors="coerce")
    return 0.0 if pd.isna(value) else float(value) / divisor


def _entry(row: Any) -> dict[str, Any]:
    return {
        "type": None if pd.isna(row["Type"]) else row["Type"],
        "name": row["Name"],
        "requests": int(row["Request Count"]),
        "failures": int(row["Failure Count"]),
    }
