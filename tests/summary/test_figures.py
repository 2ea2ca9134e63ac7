"""The summary's figures, compared with values worked out by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from summary.calls import distribution
from summary.figures import summarise
from summary.registry import STATISTICS
from summary.rows.rows import frame

COLUMNS = (
    "provider", "timestamp", "start_s", "latency_s", "response_bytes", "status", "outcome", "error", "prompt",
    "input_tokens", "output_tokens",
)  # fmt: skip


def row(**cells: Any) -> list[Any]:
    usual = {
        "provider": "openai", "timestamp": "2026-01-01T00:00:00.000Z", "start_s": 0.0, "latency_s": 1.0,
        "response_bytes": 10, "status": 200, "outcome": "ok", "error": "", "prompt": "p", "input_tokens": 3,
        "output_tokens": 4,
    }  # fmt: skip
    return [str({**usual, **cells}[name]) for name in COLUMNS]


def table(*rows: list[Any]) -> pd.DataFrame:
    return frame(COLUMNS, rows)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], dict.fromkeys(STATISTICS)),
        ([2.0], {"min": 2.0, "avg": 2.0, "median": 2.0, "p95": 2.0, "p99": 2.0, "max": 2.0}),
        # Two values: the rank of p is p * (2 - 1), so p95 lies 95 % of the way from the first to the second.
        ([1.0, 3.0], {"min": 1.0, "avg": 2.0, "median": 2.0, "p90": 2.8, "p95": 2.9, "p99": 2.98, "p99_9": 2.998}),
        # Three values: rank 0.95 * 2 = 1.9, so 90 % of the way from the second to the third.
        ([4.0, 1.0, 2.0], {"min": 1.0, "avg": 7 / 3, "median": 2.0, "p95": 3.8, "p99": 3.96, "max": 4.0}),
        # 1 to 100: rank 0.95 * 99 = 94.05, that is 95 + 0.05; rank 0.99 * 99 = 98.01, that is 99 + 0.01.
        # Rank 0.9 * 99 = 89.1, that is 90 + 0.1; rank 0.999 * 99 = 98.901, that is 99 + 0.901.
        (list(range(1, 101)), {"p90": 90.1, "p95": 95.05, "p99": 99.01, "p99_9": 99.901, "max": 100}),
    ],
    ids=["n=0", "n=1", "n=2", "n=3", "n=100"],
)
def test_percentiles_are_exact_by_linear_interpolation(values: list[float], expected: dict[str, float]) -> None:
    found = distribution(np.array(values, dtype=float))
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["samples"] == len(values)


def test_a_run_without_calls_has_a_summary_without_figures() -> None:
    summary = summarise(table(), {"run_id": "r", "start": "2026-01-01T00:00:00.000Z"}, {})
    assert summary["total_requests"] == 0
    assert summary["error_rate"] is None
    assert summary["throughput_rps"] is None
    assert summary["total_bytes"] == 0
    assert summary["start"] == "2026-01-01T00:00:00.000Z"


def test_latency_is_over_successes_and_bytes_over_all_calls() -> None:
    summary = summarise(
        table(
            row(start_s=0, latency_s=1),
            row(start_s=1, latency_s=3),
            row(start_s=1, latency_s=30, outcome="failed", error="E: x", status=500, response_bytes=5),
            row(start_s=2, latency_s="", outcome="aborted", status="", response_bytes=2),
        ),
        {},
        {},
    )
    assert (summary["success_count"], summary["failure_count"], summary["aborted_count"]) == (2, 1, 1)
    assert summary["latency_s"]["max"] == 3
    assert summary["error_rate"] == pytest.approx(1 / 3)
    assert summary["total_execution_time_s"] == 31
    assert summary["throughput_rps"] == pytest.approx(2 / 31)
    assert summary["total_bytes"] == 27
    assert summary["end"] == "2026-01-01T00:00:31.000Z"


def test_a_clock_that_is_set_during_a_run_moves_neither_its_start_nor_its_end() -> None:
    for set_to in ("2026-01-01T11:00:02.000Z", "2026-01-01T13:00:02.000Z"):
        first, second = row(timestamp="2026-01-01T12:00:00.000Z", start_s=0.5), row(timestamp=set_to, start_s=2.5)
        summary = summarise(table(second, first), {"run_id": "r"}, {})
        assert (summary["start"], summary["end"]) == ("2026-01-01T12:00:00.000Z", "2026-01-01T12:00:03.000Z")


def test_repeated_payloads_are_those_sent_more_than_once() -> None:
    prompts = ["a", "b", "a", "c", "a", "b"]
    assert summarise(table(*(row(prompt=prompt) for prompt in prompts)), {}, {})["repeated_payloads"] == 2


MARKED = [
    (9, ["p90", "p95", "p99", "p99_9"]), (10, ["p95", "p99", "p99_9"]), (19, ["p95", "p99", "p99_9"]),
    (20, ["p99", "p99_9"]), (99, ["p99", "p99_9"]), (100, ["p99_9"]), (999, ["p99_9"]), (1000, []),
]  # fmt: skip


@pytest.mark.parametrize(("successes", "marked"), MARKED)
def test_percentiles_of_too_few_samples_are_marked(successes: int, marked: list[str]) -> None:
    failed = [row(outcome="failed", error="E: x")] * 200
    assert summarise(table(*failed, *[row()] * successes), {}, {})["too_few_samples"] == marked


def test_tokens_that_no_call_reports_are_absent_not_zero() -> None:
    summary = summarise(table(row(input_tokens="", output_tokens=5), row(input_tokens="", output_tokens="")), {}, {})
    assert summary["input_tokens"] is None
    assert summary["output_tokens"] == 5
