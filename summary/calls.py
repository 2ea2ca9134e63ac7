"""The figures of any set of calls: of a whole run, or of a stage of it, or of conversations' first turns, second, …"""

from typing import Any

import numpy as np
import pandas as pd

from summary.confidence import of_ordered
from summary.registry import CI_NEEDS, PERCENTILES, SAMPLES_NEEDED, STATISTICS, TOKENS, over
from summary.vocabulary import OF_TURNS, Summary

FAILED = ("failed", "dropped")

MOST_TURNS = 1000
"""How many turns have figures of their own: each takes some milliseconds, and a damaged file can have a million."""


def counts(rows: pd.DataFrame) -> Summary:
    """Count the calls by how they ended; a dropped call is also a failure."""
    outcomes = rows["outcome"]
    return {
        "total_requests": len(rows),
        "success_count": _success_count(rows),
        "failure_count": int(outcomes.isin(FAILED).sum()),
        "aborted_count": int((outcomes == "aborted").sum()),
    }


def rates(rows: pd.DataFrame) -> Summary:
    """Return the error rate of the calls that ended, and the rates over their time: first send -> last end."""
    ended = rows.loc[rows["outcome"] != "aborted", ["outcome", "start_s", "latency_s"]]
    tokens = in_successes(rows, "output_tokens").dropna()
    span_s = _span_s(ended)
    return {
        "error_rate": float(ended["outcome"].isin(FAILED).mean()) if len(ended) else None,
        "total_execution_time_s": span_s,
        "throughput_rps": per_second(_success_count(rows), span_s),
        "output_tokens_per_s": per_second(int(tokens.sum()) if len(tokens) else None, span_s),
    }


def times(rows: pd.DataFrame) -> Summary:
    """Return the distributions, over successes, of latency and of every other time that was observed."""
    columns = {name: in_successes(rows, name) for name in over("successes")}
    observed = {name: values for name, values in columns.items() if name == "latency_s" or values.notna().any()}
    return {name: distribution_of(values) for name, values in observed.items()}


def conversations(rows: pd.DataFrame) -> Summary:
    """Return the figures of a run that played conversations; `None` for each in any other run.

    conversations  begun: how many had a call; failed: how many were ended by a failed one
    by_turn        a row of figures for the conversations' first turns, for the second ones, … up to `MOST_TURNS`
    """
    if not is_reported(rows, "turn") or "conversation" not in rows:
        return {"conversations": None, "by_turn": None}
    turns = rows[rows["turn"].notna()]
    failed = turns.loc[turns["outcome"] == "failed", "conversation"].nunique()
    first = sorted(map(int, turns["turn"].unique()))[:MOST_TURNS]
    return {
        "conversations": {"begun": turns["conversation"].nunique(), "failed": failed},
        "by_turn": [_of_turn(turn, turns[turns["turn"] == turn]) for turn in first],
    }


def _of_turn(turn: int, rows: pd.DataFrame) -> Summary:
    successes = of_successes(rows)
    times = [name for name in OF_TURNS if name == "latency_s" or is_reported(successes, name)]
    return {
        "turn": turn,
        **counts(rows),
        **{name: distribution_of(successes[name]) for name in times},
        **{name: total(rows, name) for name in TOKENS},
        "too_few_samples": too_few(rows),
    }


def distribution_of(column: "pd.Series[float]") -> Summary:
    return distribution(column.dropna().to_numpy(dtype=float))


def distribution(values: np.ndarray) -> Summary:
    """Return the statistics (all `None` if there are no values), the 95 % confidence intervals of p90 and beyond
    (`None` if there are too few samples), and the number of samples."""
    return {**_statistics(values), **_intervals(np.sort(values)), "samples": len(values)}


def _statistics(values: np.ndarray) -> dict[str, Any]:
    if not len(values):
        return dict.fromkeys(STATISTICS)
    found = {"min": values.min(), "avg": values.mean(), "max": values.max()}
    found |= dict(zip(PERCENTILES, np.percentile(values, list(PERCENTILES.values())), strict=True))
    return {name: float(found[name]) for name in STATISTICS}


def too_few(rows: pd.DataFrame) -> list[str]:
    """Return the percentiles for which there are too few successes."""
    successes = _success_count(rows)
    return [name for name, needed in SAMPLES_NEEDED.items() if successes < needed]


def of_successes(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["outcome"] == "ok"]


def in_successes(rows: pd.DataFrame, column: str) -> "pd.Series[float]":
    """Return one column of the successes, as `numbers` does, without a copy of all the others."""
    return numbers(rows, column)[rows["outcome"] == "ok"]


def _success_count(rows: pd.DataFrame) -> int:
    return int((rows["outcome"] == "ok").sum())


def is_reported(rows: pd.DataFrame, column: str) -> bool:
    return column in rows and bool(rows[column].notna().any())


def numbers(rows: pd.DataFrame, column: str) -> "pd.Series[float]":
    """Return a column as numbers, NaN where they are missing; rows without the column are all NaN."""
    if column not in rows:
        return pd.Series(float("nan"), index=rows.index)
    return pd.to_numeric(rows[column], errors="coerce")


def total(rows: pd.DataFrame, column: str) -> int | None:
    """Return the sum of the values reported; `None` if no call reported one."""
    return int(rows[column].sum()) if is_reported(rows, column) else None


def per_second(count: int | None, span_s: float | None) -> float | None:
    return count / span_s if count is not None and span_s else None


def _span_s(ended: pd.DataFrame) -> float | None:
    sent = ended[ended["outcome"] != "dropped"]
    if sent.empty:
        return None
    return float((sent["start_s"] + sent["latency_s"]).max() - sent["start_s"].min())


def _intervals(ordered: np.ndarray) -> dict[str, Any]:
    found = {name: of_ordered(ordered, PERCENTILES[name] / 100) for name in CI_NEEDS}
    return {f"{name}_ci95": ends and list(ends) for name, ends in found.items()}
