"""The figures of a run, each defined once."""

from typing import Any

import numpy as np
import pandas as pd

PERCENTILES = {"median": 50, "p95": 95, "p99": 99}
SAMPLES_NEEDED = {"p95": 20, "p99": 100}
"""Below this many samples a percentile is no more than the largest one or two values."""

Summary = dict[str, Any]


def summarise(rows: pd.DataFrame, run: dict[str, Any]) -> Summary:
    """Return the summary of a run.

    rows   a row a call (see `harness.records`)
    run    what PREFIX_run.json holds: the run's id, host, options, versions, seed; {} if it is lost

    error_rate               failed over ended calls; aborted ones never ended
    total_execution_time_s   first send -> last end
    throughput_rps           successes over that time
    latency_s                over successes only, seconds; percentiles by linear interpolation (Hyndman-Fan type 7)
    total_bytes              answers' bodies, of all calls
    repeated_payloads        how many different payloads were sent more than once
    """
    outcomes = rows["outcome"].value_counts()
    ok, failed, aborted = (int(outcomes.get(name, 0)) for name in ("ok", "failed", "aborted"))
    ended = rows[rows["outcome"] != "aborted"]
    span_s = _span_s(ended)
    latencies_s = rows.loc[rows["outcome"] == "ok", "latency_s"].to_numpy(dtype=float)
    return {
        **{name: run.get(name) or _only(rows, name) for name in ("run_id", "provider", "model", "api", "mode")},
        "host": run.get("host"),
        "start": _start(rows, run),
        "end": _end(ended),
        "total_requests": len(rows),
        "success_count": ok,
        "failure_count": failed,
        "aborted_count": aborted,
        "error_rate": failed / len(ended) if len(ended) else None,
        "total_execution_time_s": span_s,
        "throughput_rps": ok / span_s if span_s else None,
        "latency_s": distribution(latencies_s),
        "too_few_samples": [name for name, needed in SAMPLES_NEEDED.items() if len(latencies_s) < needed],
        "total_bytes": int(rows["response_bytes"].sum()),
        "input_tokens": _sum(rows, "input_tokens"),
        "output_tokens": _sum(rows, "output_tokens"),
        "repeated_payloads": int((rows["prompt"].value_counts() > 1).sum()),
        "failures": _failures(rows),
        **{name: run.get(name) for name in ("seed", "options", "versions")},
    }


def distribution(values: np.ndarray) -> dict[str, float | None]:
    """Return min, avg, median, p95, p99 and max; all `None` without a value."""
    if not len(values):
        return dict.fromkeys(("min", "avg", *PERCENTILES, "max"))
    percentiles = {name: float(np.percentile(values, share)) for name, share in PERCENTILES.items()}
    return {"min": float(values.min()), "avg": float(values.mean()), **percentiles, "max": float(values.max())}


def _span_s(ended: pd.DataFrame) -> float | None:
    if ended.empty:
        return None
    return float((ended["start_s"] + ended["latency_s"]).max() - ended["start_s"].min())


def _start(rows: pd.DataFrame, run: dict[str, Any]) -> str | None:
    return run.get("start") if rows.empty else str(rows["timestamp"].min())


def _end(ended: pd.DataFrame) -> str | None:
    if ended.empty:
        return None
    ends = pd.to_datetime(ended["timestamp"]) + pd.to_timedelta(ended["latency_s"], unit="s")
    last: pd.Timestamp = ends.max()
    return last.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _failures(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Count the failures by the exception's class and the HTTP status, the most frequent first."""
    failed = rows[rows["outcome"] == "failed"]
    kinds = pd.DataFrame({"error": failed["error"].astype(str).str.split(":").str[0], "status": failed["status"]})
    counts = kinds.value_counts(dropna=False).reset_index(name="count")
    return [
        {"error": row["error"], "status": None if pd.isna(row["status"]) else int(row["status"]), "count": row["count"]}
        for row in counts.to_dict("records")
    ]


def _sum(rows: pd.DataFrame, column: str) -> int | None:
    """Add up what was reported; `None` if no call reported any."""
    reported = rows[column].dropna() if column in rows else pd.Series(dtype=float)
    return int(reported.sum()) if len(reported) else None


def _only(rows: pd.DataFrame, column: str) -> Any:
    """Return the value that all rows agree on, else `None`."""
    values = list(rows[column].dropna().unique()) if column in rows else []
    return values[0] if len(values) == 1 else None
