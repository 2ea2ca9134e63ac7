"""The summary of a run, from its rows; the figures of a single call are defined in `providers.call`."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from summary import calls, evidence, failures
from summary import punctuality as open_loop
from summary.cells import iso
from summary.claims.figures import claims
from summary.comparison import sides
from summary.comparison.against import against
from summary.error_adjusted import error_adjusted
from summary.gates import verdict
from summary.gates.gate import Gate
from summary.gates.slo import Slo
from summary.goodput import service_level
from summary.registry import TOKENS
from summary.validity.verdict import verdict_on
from summary.vocabulary import Summary


def summarise(
    rows: pd.DataFrame, run: Summary, observed: Summary, level: Slo | None = None, gates: Sequence[Gate] = ()
) -> Summary:
    """Return the summary of a run. `summary.registry` defines its figures.

    rows      a row per call (see `providers.call`); warm-up calls count only in `warmup_count`, and the calls to the
              baseline of a run with --against only in `against`
    run       the content of PREFIX_run.json: the run's id, host, options, versions, seed; {} if it is lost
    observed  see `summary.vocabulary.OBSERVED`; {} if it is lost
    level     the service level that each call should meet
    gates     judged here and nowhere else
    """
    return judged(figures(rows, run, observed, level), gates)


def judged(summary: Summary, gates: Sequence[Gate]) -> Summary:
    """Return the figures with their `verdict` (whether they can be believed) and `gates` (the outcome of each)."""
    summary = {**summary, "verdict": verdict_on(summary)}
    return {**summary, "gates": [verdict.facts(gate, summary) for gate in gates]}


def figures(rows: pd.DataFrame, run: Summary, observed: Summary, level: Slo | None = None) -> Summary:
    """Return the figures of a run, not judged yet.

    Other entries: `conversations` and `by_turn` (see `summary.calls.conversations`), `claims` (see
    `summary.claims.figures`), `reads` and `finish_reasons` (see `summary.evidence`), `failures`, `own_failures` and
    `outages` (see `summary.failures`), `against` (see `summary.comparison.against`).
    """
    both_sides = _on_one_clock(rows)
    rows, warmup_count = measured(both_sides)
    scheduled = sides.first_calls(without_warmup(both_sides))
    return {
        **_facts(rows, run),
        **calls.counts(rows),
        "warmup_count": warmup_count,
        **{name: observed.get(name) for name in ("lost", "rows", "ended")},
        **_of_calls(rows, scheduled, (run.get("options") or {}).get("rate_stages"), level, observed),
        **calls.conversations(rows),
        **sizes(rows),
        **_evidence(rows, observed),
        "claims": claims(rows, _is_stream(rows, run)),
        **against(without_warmup(both_sides), run),
        **{name: run.get(name) for name in ("seed", "options", "versions")},
    }


def _facts(rows: pd.DataFrame, run: Summary) -> Summary:
    """Return what identifies the run, and when it took place."""
    return {
        **{name: run.get(name) or _only(rows, name) for name in ("run_id", "provider", "model", "api", "mode")},
        **{name: run.get(name) for name in ("stream", "host", "files")},
        "start": _start(rows, run),
        "end": _end(rows),
    }


def _of_calls(
    rows: pd.DataFrame, scheduled: pd.DataFrame, planned: list[Summary] | None, level: Slo | None, observed: Summary
) -> Summary:
    """Return the figures of the whole run and of each planned stage; `scheduled` are the calls that had a due time."""
    return {
        **open_loop.punctuality(scheduled, planned),
        **calls.rates(rows),
        **service_level(rows, level),
        **calls.times(rows),
        "latency_error_adjusted_s": _error_adjusted(rows),
        "itl_s": observed.get("itl_s"),
        "too_few_samples": calls.too_few(rows),
        "stages": open_loop.stages(rows, scheduled, planned, level),
    }


def _evidence(rows: pd.DataFrame, observed: Summary) -> Summary:
    """Return how the run was measured, and what the server did."""
    return {
        "lag_s": calls.distribution_of(rows["lag_s"]) if calls.is_reported(rows, "lag_s") else None,
        "client": _client(rows, observed.get("client")),
        "peak_in_flight": evidence.peak_in_flight(rows),
        "reads": evidence.reads(rows),
        "finish_reasons": evidence.finish_reasons(rows),
        "no_content_count": evidence.no_content_count(rows),
        **failures.found_in(rows),
    }


def _is_stream(rows: pd.DataFrame, run: Summary) -> bool:
    return calls.is_reported(rows, "ttft_s") if run.get("stream") is None else bool(run["stream"])


def _client(rows: pd.DataFrame, seen: Summary | None) -> Summary | None:
    new = int((rows["connection"] == "new").sum()) if calls.is_reported(rows, "connection") else None
    return seen and {**seen, "new_connections": new}


def _error_adjusted(rows: pd.DataFrame) -> Summary:
    latencies = calls.in_successes(rows, "latency_s").dropna().to_numpy(dtype=float)
    return error_adjusted(latencies, int(rows["outcome"].isin(calls.FAILED).sum()))


def sizes(rows: pd.DataFrame) -> Summary:
    return {
        "total_bytes": int(rows["response_bytes"].sum()),
        **{name: calls.total(rows, name) for name in TOKENS},
        "repeated_payloads": int((rows["prompt"].value_counts() > 1).sum()),
    }


def measured(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the rows that the figures are over, those of the target, and how many warm-up calls it has besides."""
    rows = sides.of_target(rows)
    counted = without_warmup(rows)
    return counted, len(rows) - len(counted)


def without_warmup(rows: pd.DataFrame) -> pd.DataFrame:
    is_warmup = rows["phase"] == "warmup" if "phase" in rows else None
    return rows if is_warmup is None or not is_warmup.any() else rows[~is_warmup]


def _on_one_clock(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with each timestamp recomputed from the first call's by `start_s`, which is monotonic: wall
    clocks can be set during a run, and differ between machines."""
    if rows.empty:
        return rows
    since_first_s = rows["start_s"] - rows["start_s"].min()
    first = pd.to_datetime(rows["timestamp"].loc[since_first_s.idxmin()], utc=True)
    return rows.assign(timestamp=first + pd.to_timedelta(since_first_s, unit="s"))


def _start(rows: pd.DataFrame, run: dict[str, Any]) -> str | None:
    sent = rows[rows["outcome"] != "dropped"]
    return run.get("start") if sent.empty else iso(sent["timestamp"].min())


def _end(rows: pd.DataFrame) -> str | None:
    ended = rows.loc[rows["latency_s"].notna(), ["timestamp", "latency_s"]]
    if ended.empty:
        return None
    return iso((ended["timestamp"] + pd.to_timedelta(ended["latency_s"], unit="s")).max())


def _only(rows: pd.DataFrame, column: str) -> Any:
    """Return the value that all rows agree on, else `None`."""
    values = list(rows[column].dropna().unique()) if column in rows else []
    return values[0] if len(values) == 1 else None
