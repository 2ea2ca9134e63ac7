"""The figures of a run, each defined once; those of a single call are defined in `providers.call`."""

from typing import Any

import numpy as np
import pandas as pd

from summary.vocabulary import PERCENTILES, SAMPLES_NEEDED, STREAM_FIGURES, TOKENS, Summary


def summarise(rows: pd.DataFrame, run: dict[str, Any], observed: dict[str, Any]) -> Summary:
    """Return the summary of a run.

    rows      a row a call (see `providers.call`); warm-up calls are in no figure but `warmup_count`
    run       what PREFIX_run.json holds: the run's id, host, options, versions, seed; {} if it is lost
    observed  see `summary.vocabulary.OBSERVED`; {} if it is lost

    lost                     workers that died, and the calls that -i had counted out to them: sent, perhaps, and never
                             heard of again
    error_rate               failed over ended calls; aborted ones never ended
    total_execution_time_s   first send -> last end
    throughput_rps           successes over that time
    output_tokens_per_s      all output tokens of successes over that time
    latency_s, ttft_s, …     over successes only, seconds; percentiles by linear interpolation (Hyndman-Fan type 7)
    lag_s                    how late we took up arrived packets, at worst in each call
    total_bytes              answers' bodies, of all calls
    repeated_payloads        how many different payloads were sent more than once
    """
    rows, warmup_count = _measured(rows)
    ended, successes = rows[rows["outcome"] != "aborted"], rows[rows["outcome"] == "ok"]
    return {
        **{name: run.get(name) or _only(rows, name) for name in ("run_id", "provider", "model", "api", "mode")},
        **{name: run.get(name) for name in ("stream", "host", "files")},
        "start": _start(rows, run),
        "end": _end(ended),
        **_counts(rows),
        "warmup_count": warmup_count,
        "lost": observed.get("lost"),
        **_rates(ended, successes),
        **_times(successes),
        "itl_s": observed.get("itl_s"),
        "too_few_samples": [name for name, needed in SAMPLES_NEEDED.items() if len(successes) < needed],
        **_sizes(rows),
        "lag_s": _distribution_of(rows, "lag_s") if _is_reported(rows, "lag_s") else None,
        "client": _client(rows, observed.get("client")),
        "failures": _failures(rows),
        **{name: run.get(name) for name in ("seed", "options", "versions")},
    }


def _client(rows: pd.DataFrame, seen: Summary | None) -> Summary | None:
    new = int((rows["connection"] == "new").sum()) if "connection" in rows else None
    return seen and {**seen, "new_connections": new}


def _counts(rows: pd.DataFrame) -> Summary:
    outcomes = rows["outcome"].value_counts()
    names = {"ok": "success_count", "failed": "failure_count", "aborted": "aborted_count"}
    return {"total_requests": len(rows), **{name: int(outcomes.get(outcome, 0)) for outcome, name in names.items()}}


def _rates(ended: pd.DataFrame, successes: pd.DataFrame) -> Summary:
    span_s = _span_s(ended)
    return {
        "error_rate": float((ended["outcome"] == "failed").mean()) if len(ended) else None,
        "total_execution_time_s": span_s,
        "throughput_rps": _per_second(len(successes), span_s),
        "output_tokens_per_s": _per_second(_sum(successes, "output_tokens"), span_s),
    }


def _times(successes: pd.DataFrame) -> Summary:
    streamed = [name for name in STREAM_FIGURES if _is_reported(successes, name)]
    return {name: _distribution_of(successes, name) for name in ("latency_s", *streamed)}


def _sizes(rows: pd.DataFrame) -> Summary:
    return {
        "total_bytes": int(rows["response_bytes"].sum()),
        **{name: _sum(rows, name) for name in TOKENS},
        "repeated_payloads": int((rows["prompt"].value_counts() > 1).sum()),
    }


def distribution(values: np.ndarray) -> dict[str, float | None]:
    """Return min, avg, median, p95, p99 and max; all `None` without a value."""
    if not len(values):
        return dict.fromkeys(("min", "avg", *PERCENTILES, "max"))
    percentiles = {name: float(np.percentile(values, share)) for name, share in PERCENTILES.items()}
    return {"min": float(values.min()), "avg": float(values.mean()), **percentiles, "max": float(values.max())}


def _measured(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    if "phase" not in rows:
        return rows, 0
    is_warmup = rows["phase"] == "warmup"
    return rows[~is_warmup], int(is_warmup.sum())


def _distribution_of(rows: pd.DataFrame, column: str) -> dict[str, float | None]:
    return distribution(rows[column].dropna().to_numpy(dtype=float))


def _is_reported(rows: pd.DataFrame, column: str) -> bool:
    return column in rows and bool(rows[column].notna().any())


def _per_second(count: int | None, span_s: float | None) -> float | None:
    return count / span_s if count is not None and span_s else None


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
    return int(rows[column].sum()) if _is_reported(rows, column) else None


def _only(rows: pd.DataFrame, column: str) -> Any:
    """Return the value that all rows agree on, else `None`."""
    values = list(rows[column].dropna().unique()) if column in rows else []
    return values[0] if len(values) == 1 else None
