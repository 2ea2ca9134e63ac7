"""The columns of `-o csv`: the same for every run, in the same order; a missing value is an empty cell."""

import json
from typing import Any

from summary.cells import printable, quoted
from summary.registry import FIGURES, NAMED, OF_DIFFERENCE, found, used
from summary.vocabulary import CLAIM_COUNTS, CLAIM_SHARES, CLAIM_SPANS, COMPARED, QUOTAS, READS, Summary


def _nested(name: str, fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}.{field}" for field in fields)


_CLAIMED_TIMES = (
    *(f"{share}.{field}" for share in CLAIM_SHARES for field in ("median", "p95", "samples")),
    "longer",
)
_CLAIMS = (
    *(f"{span}.{field}" for span in CLAIM_SPANS for field in _CLAIMED_TIMES),
    *CLAIM_COUNTS,
    *_nested("too_many_requests", ("count", "retry_after_s.median", "retry_after_s.max", "retry_after_s.samples")),
    *(f"lowest_remaining.{quota}.{field}" for quota in QUOTAS for field in ("value", "at")),
)

_PLACED = (
    *("run_id", "provider", "model", "api", "mode", "stream", "host", "files", "source", "start", "end", "seed"),
    *("total_requests", "success_count", "failure_count", "aborted_count", "dropped_count", "warmup_count"),
    *_nested("lost", ("calls", "workers", "refused_rows")),
    *_nested("ended", ("early", "why")),
    *("cut_off", "error_rate", "total_execution_time_s", "throughput_rps", "output_tokens_per_s"),
    *("slo_attainment", "goodput_rps", "asked_rps", "drawn_rps", "delivered_rps", "late_count"),
    *("latency_s", "latency_from_schedule_s", "latency_error_adjusted_s", "ttft_s", "ttfv_s", "tpot_s", "itl_s"),
    *("start_lag_s", "lag_s"),
    *("percentiles", "too_few_samples", "finish_reasons", "no_content_count", "peak_in_flight"),
    *_nested("reads", READS),
    *_nested("claims", _CLAIMS),
    *("total_bytes", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "repeated_payloads"),
    *_nested("client", ("verdict", "loop_lag_s.p50", "loop_lag_s.p99", "loop_lag_s.max", "cpu_share", "late_calls")),
    *_nested("client", ("observed_s", "processes", "new_connections")),
    *_nested("client.stalls", ("count", "longest_s", "total_s")),
    *_nested("rows", ("unreadable", "double_numbers", "missing_numbers", "unknown_outcomes", "runs", "differs")),
    *("rows.is_cut", "verdict.believable", "verdict.enough_samples"),
    *("verdict.findings", "gates", "failures", "own_failures", "outages", "stages", "entries", *COMPARED),
    *("options", "versions"),
    *_nested("against", ("pairs", "failed_pairs", "incomplete_pairs", "unequal_pairs", "warm_pairs", "connections")),
    *_nested("against.error_rate", ("target", "baseline", "difference", "difference_ci95", "told_apart", "pairs")),
    *(f"against.difference.{figure.name}.{field}" for figure in used("difference") for field in OF_DIFFERENCE),
    *_nested("against", ("cold", "equal_output", "by_prompt_size", "baseline")),
    *_nested("conversations", ("begun", "failed")),
    "by_turn",
)
"""The fixed order of columns; those of figures not listed here come after them."""

COLUMNS = tuple(
    column
    for name in dict.fromkeys((*_PLACED, *(figure.name for figure in FIGURES)))
    for column in (NAMED[name].columns if name in NAMED else (name,))
)
"""Names of nested fields are joined by dots. Histograms are only in JSON."""


def cells(summary: Summary) -> list[Any]:
    """Return one cell per column."""
    return [cell(found(summary, column)) for column in COLUMNS]


def cell(value: Any) -> Any:
    """Return a value as a cell: lists and dicts as JSON, text made safe for spreadsheets and terminals."""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
    return quoted(printable(text))
