"""Failures counted by kind, and outages: values worked out by hand."""

from typing import Any

import pytest

from summary.failures import EXAMPLE_CHARACTERS
from summary.figures import summarise
from summary.render.render import as_json, as_table
from summary.rows.rows import frame

COLUMNS = (
    "timestamp", "start_s", "latency_s", "response_bytes", "status", "outcome", "error", "prompt", "error_reason",
)  # fmt: skip
FAILED = {"outcome": "failed", "error": "APIConnectionError: Connection error. (refused)", "status": ""}


def at(second: float, **cells: Any) -> list[str]:
    """The row of a call that started at a second of a minute, and took half a second."""
    usual = {
        "timestamp": f"2026-01-01T00:00:{second:06.3f}Z", "start_s": second, "latency_s": 0.5, "response_bytes": 10,
        "status": 200, "outcome": "ok", "error": "", "prompt": "p", "error_reason": "",
    }  # fmt: skip
    return [str({**usual, **cells}[name]) for name in COLUMNS]


def summary(*rows: list[str], columns: int = len(COLUMNS)) -> dict[str, Any]:
    return summarise(frame(COLUMNS[:columns], [row[:columns] for row in rows]), {}, {})


def test_failures_are_counted_by_class_status_and_reason() -> None:
    limited = {"outcome": "failed", "error": "RateLimitError: slow down: now", "status": 429}
    found = summary(
        at(1), at(2, **limited), at(3, **FAILED, error_reason="reset"), at(4, **limited),
        at(5, **FAILED, error_reason="refused", latency_s=0.001), at(7, **limited, latency_s=2),
        at(6, outcome="aborted"), at(8, **FAILED, error_reason="refused"),
    )  # fmt: skip
    assert found["failures"] == [
        {
            "error": "RateLimitError", "status": 429, "reason": None, "count": 3,
            "example": "RateLimitError: slow down: now",
            "first": "2026-01-01T00:00:02.500Z", "last": "2026-01-01T00:00:09.000Z",
        },
        {
            "error": "APIConnectionError", "status": None, "reason": "refused", "count": 2,
            "example": "APIConnectionError: Connection error. (refused)",
            "first": "2026-01-01T00:00:05.001Z", "last": "2026-01-01T00:00:08.500Z",
        },
        {
            "error": "APIConnectionError", "status": None, "reason": "reset", "count": 1,
            "example": "APIConnectionError: Connection error. (refused)",
            "first": "2026-01-01T00:00:03.500Z", "last": "2026-01-01T00:00:03.500Z",
        },
    ]  # fmt: skip
    text = as_table(found)
    assert "3 × RateLimitError (HTTP 429), 00:00:02.500Z to 00:00:09.000Z" in " ".join(text.replace("│", " ").split())
    assert "1 × APIConnectionError (reset), 00:00:03.500Z" in text


def test_rows_without_reasons_are_counted_by_class_and_status() -> None:
    found = summary(at(1, **FAILED), at(2, **FAILED), columns=8)
    assert [(failure["reason"], failure["count"]) for failure in found["failures"]] == [(None, 2)]


def test_an_example_is_short_and_one_line() -> None:
    (failure,) = summary(at(1, outcome="failed", error="E: a\n\x1b[31mb" + "x" * 9999))["failures"]
    assert failure["example"].startswith("E: a [31mbxxx")
    assert len(failure["example"]) == EXAMPLE_CHARACTERS


def test_a_message_in_brackets_is_shown_as_it_is() -> None:
    assert "[/red] [bold]" in as_table(summary(at(1, outcome="failed", error="E: [/red] [bold]")))


def down(first: float, count: int, every_s: float = 0.2) -> list[list[str]]:
    return [at(first + number * every_s, **FAILED, error_reason="refused") for number in range(count)]


def up(first: float, count: int) -> list[list[str]]:
    return [at(first + number / 10) for number in range(count)]


def test_many_failures_in_a_row_are_an_outage() -> None:
    found = summary(*up(0, 100), *down(10, 10), *up(12, 100))
    assert found["outages"] == [
        {"start": "2026-01-01T00:00:10.500Z", "end": "2026-01-01T00:00:12.300Z", "count": 10},
    ]  # fmt: skip
    assert "10 failures in a row, 2026-01-01T00:00:10.500Z to" in " ".join(as_table(found).replace("│", " ").split())
    as_json(found)


@pytest.mark.parametrize(
    "rows",
    [
        [*up(0, 100), *down(10, 9), *up(12, 100)],
        [*up(0, 100), *down(10, 10, every_s=0.1), *up(12, 100)],
        [*up(0, 100), *down(10, 5), at(11.01), *down(11.1, 5), *up(13, 100)],
        [*up(0, 100), *(at(10 + n / 5, outcome="dropped", error="Dropped: no user", latency_s="") for n in range(20))],
        [*up(0, 100), *(at(10 + n / 5, outcome="aborted", latency_s="") for n in range(20))],
        [*up(0, 100), *(at(10 + n / 5, **FAILED, error_reason="too many open files") for n in range(20))],
        up(0, 100),
        [],
    ],
    ids=["too few", "too short", "interrupted", "dropped", "aborted", "our own", "none", "no call"],
)
def test_what_is_not_an_outage(rows: list[list[str]]) -> None:
    assert summary(*rows)["outages"] == []


def test_calls_are_in_the_order_in_which_they_ended() -> None:
    """A call that began long before the outage and ended well in it ends the outage; one that began within it need
    not."""
    early = at(0, latency_s=11.0)
    assert summary(*up(0, 100), *down(10, 18), early)["outages"] == [
        {"start": "2026-01-01T00:00:11.100Z", "end": "2026-01-01T00:00:13.900Z", "count": 15},
    ]  # fmt: skip


def test_separate_outages_are_reported_separately() -> None:
    found = summary(
        *up(0, 99), *down(10, 12), *up(13, 99), *down(23, 11), *up(26, 99), *down(36, 20), *up(40, 99), *down(50, 12)
    )
    assert [outage["count"] for outage in found["outages"]] == [12, 11, 20, 12]
    assert "and 1 more" in " ".join(as_table(found).replace("│", " ").split())


def test_a_run_of_nothing_but_failures_is_one_outage() -> None:
    assert [outage["count"] for outage in summary(*down(0, 50))["outages"]] == [50]


def test_half_of_all_calls_failing_at_random_is_not_an_outage() -> None:
    """Ten heads in a row happen by chance, once in a thousand tosses."""
    ten = [at(n / 100, **FAILED) if n % 2 or 400 <= n < 410 else at(n / 100) for n in range(1000)]
    rows = [at(n * 0.05, **FAILED) if n % 2 or 400 <= n < 420 else at(n * 0.05) for n in range(1000)]
    assert summary(*ten)["outages"] == []
    assert summary(*rows[:390], *rows[400:410], *rows[430:])["outages"] == []
    assert [outage["count"] for outage in summary(*rows)["outages"]] == [21]
