"""The summary of a run, from its rows; the figures of a single call are defined in `providers.call`."""

from typing import Any

import pandas as pd

from summary import calls, evidence, failures
from summary import punctuality as open_loop
from summary.error_adjusted import error_adjusted
from summary.gates import gate as gates
from summary.gates import slo
from summary.gates import verdict as verdicts
from summary.validity.verdict import verdict_on
from summary.vocabulary import TOKENS, Summary


def summarise(rows: pd.DataFrame, run: dict[str, Any], observed: dict[str, Any]) -> Summary:
    """Return the summary of a run.

    rows      a row a call (see `providers.call`); warm-up calls are in no figure but `warmup_count`
    run       what PREFIX_run.json holds: the run's id, host, options, versions, seed; {} if it is lost
    observed  see `summary.vocabulary.OBSERVED`; {} if it is lost

    lost                      workers that died, and the calls that -i had counted out to them: sent, perhaps, and never
                              heard of again
    failure_count             failed and dropped calls
    error_rate                these over all calls but the aborted ones, which never ended
    total_execution_time_s    first send -> last end
    throughput_rps            successes over that time
    output_tokens_per_s       all output tokens of successes over that time
    asked_rps … start_lag_s   see `summary.punctuality`
    slo_attainment            share of the ended calls that met the --slo
    goodput_rps               calls that met it, over the run's time
    latency_s, ttft_s, …      over successes only, seconds; percentiles by linear interpolation (Hyndman-Fan type 7),
                              with the 95 % confidence intervals of p95 and p99
    latency_error_adjusted_s  with a failure as an infinitely slow call: `None`, and named in `infinite`
    lag_s                     how late we took up arrived packets, at worst in each call
    reads                     see `summary.evidence`, as for the finish reasons and the answers without content
    failures, outages         see `summary.failures`
    total_bytes               answers' bodies, of all calls
    repeated_payloads         how many different payloads were sent more than once
    verdict                   whether these figures can be believed
    gates                     what became of each --fail-if
    """
    rows, warmup_count = measured(_on_one_clock(rows))
    options = run.get("options") or {}
    level = slo.parse(options["slo"]) if options.get("slo") else None
    summary = {
        **{name: run.get(name) or _only(rows, name) for name in ("run_id", "provider", "model", "api", "mode")},
        **{name: run.get(name) for name in ("stream", "host", "files")},
        "start": _start(rows, run),
        "end": _end(rows),
        **calls.counts(rows),
        "warmup_count": warmup_count,
        "lost": observed.get("lost"),
        **{name: observed.get(name) for name in ("rows", "ended")},
        **open_loop.punctuality(rows, options.get("rate_stages")),
        **calls.rates(rows),
        **slo.service_level(rows, level),
        **calls.times(rows),
        "latency_error_adjusted_s": _error_adjusted(rows),
        "itl_s": observed.get("itl_s"),
        "too_few_samples": calls.too_few(rows),
        "stages": open_loop.stages(rows, options.get("rate_stages"), level),
        **sizes(rows),
        "lag_s": calls.distribution_of(rows, "lag_s") if calls.is_reported(rows, "lag_s") else None,
        "client": _client(rows, observed.get("client")),
        "peak_in_flight": evidence.peak_in_flight(rows),
        "reads": evidence.reads(rows),
        "finish_reasons": evidence.finish_reasons(rows),
        "no_content_count": evidence.no_content_count(rows),
        "failures": failures.grouped(rows),
        "own_failures": failures.own(rows),
        "outages": failures.outages(rows),
        **{name: run.get(name) for name in ("seed", "options", "versions")},
    }
    summary["verdict"] = verdict_on(summary)
    return {**summary, "gates": _gates(summary, options.get("fail_if"))}


def _gates(summary: Summary, texts: list[str] | None) -> list[Summary]:
    judged = [verdicts.judge(gates.parse(text), summary) for text in texts or ()]
    return [verdict.facts() for verdict in judged]


def _client(rows: pd.DataFrame, seen: Summary | None) -> Summary | None:
    new = int((rows["connection"] == "new").sum()) if calls.is_reported(rows, "connection") else None
    return seen and {**seen, "new_connections": new}


def _error_adjusted(rows: pd.DataFrame) -> Summary:
    latencies = calls.of_successes(rows)["latency_s"].dropna().to_numpy(dtype=float)
    return error_adjusted(latencies, int(rows["outcome"].isin(calls.FAILED).sum()))


def sizes(rows: pd.DataFrame) -> Summary:
    return {
        "total_bytes": int(rows["response_bytes"].sum()),
        **{name: calls.total(rows, name) for name in TOKENS},
        "repeated_payloads": int((rows["prompt"].value_counts() > 1).sum()),
    }


def measured(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    if "phase" not in rows:
        return rows, 0
    is_warmup = rows["phase"] == "warmup"
    return (rows[~is_warmup] if is_warmup.any() else rows), int(is_warmup.sum())


def _on_one_clock(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with every time of day told from the first call's by `start_s`, which is monotonic: a clock can
    be set during a run, and those of several machines differ."""
    if rows.empty:
        return rows
    since_first_s = rows["start_s"] - rows["start_s"].min()
    first = pd.to_datetime(rows["timestamp"].loc[since_first_s.idxmin()], utc=True)
    return rows.assign(timestamp=first + pd.to_timedelta(since_first_s, unit="s"))


def _start(rows: pd.DataFrame, run: dict[str, Any]) -> str | None:
    sent = rows[rows["outcome"] != "dropped"]
    return run.get("start") if sent.empty else _iso(sent["timestamp"].min())


def _end(rows: pd.DataFrame) -> str | None:
    ended = rows.loc[rows["latency_s"].notna(), ["timestamp", "latency_s"]]
    if ended.empty:
        return None
    return _iso((ended["timestamp"] + pd.to_timedelta(ended["latency_s"], unit="s")).max())


def _iso(at: pd.Timestamp) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _only(rows: pd.DataFrame, column: str) -> Any:
    """Return the value that all rows agree on, else `None`."""
    values = list(rows[column].dropna().unique()) if column in rows else []
    return values[0] if len(values) == 1 else None
