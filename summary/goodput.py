"""The share of calls that met the service level (`--slo`), and their rate (goodput)."""

import pandas as pd

from summary import calls
from summary.gates.slo import Slo
from summary.vocabulary import Summary


def service_level(rows: pd.DataFrame, level: Slo | None) -> Summary:
    """Return the share of calls that met the level, and the goodput; {} without a level."""
    if level is None:
        return {}
    span_s = calls.rates(rows)["total_execution_time_s"]
    return {"slo_attainment": attainment(level, rows), "goodput_rps": goodput_rps(level, rows, span_s)}


def met(level: Slo, rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return for each row whether it met the level: its outcome is `ok`, and every condition is true of an observed
    value."""
    met = rows["outcome"] == "ok"
    for column, condition in level.by_column():
        met &= condition.compare(calls.numbers(rows, column))
    return met


def attainment(level: Slo, rows: pd.DataFrame) -> float | None:
    """Return the share of ended calls, failed and dropped ones included, that met the level; `None` if none ended."""
    ended = int((rows["outcome"] != "aborted").sum())
    return int(met(level, rows).sum()) / ended if ended else None


def goodput_rps(level: Slo, rows: pd.DataFrame, span_s: float | None) -> float | None:
    """Return the calls per second that met the level; `None` if the time is unknown or 0."""
    return int(met(level, rows).sum()) / span_s if span_s else None
