"""The figures of conversations by turn: from rows to the summary, its table and its CSV."""

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from harness.record.requests_csv import COLUMNS, cells_of
from providers.call import Call
from summary import calls
from summary.figures import summarise
from summary.render.render import as_csv, as_json, as_table
from summary.render.tables import TURNS_SHOWN
from summary.rows import rows
from summary.vocabulary import Summary


def call(number: int, conversation: int | None, turn: int | None, **more: Any) -> Call:
    given = {"outcome": "ok", "latency_s": 0.5, "conversation": conversation, "turn": turn, **more}
    return Call(
        "run", number, "openai", "gpt-4o", "chat", "mock", "a#1", f"{number}", datetime.now(UTC), number / 10, **given
    )


def summary(*calls: Call) -> Summary:
    return summarise(rows.frame(COLUMNS, map(cells_of, calls)), {"options": {}}, {})


TALKS = (
    call(1, 1, 1, latency_s=0.2, ttft_s=0.1, input_tokens=10),
    call(2, 2, 1, latency_s=0.4, ttft_s=0.2, input_tokens=20),
    call(3, 1, 2, latency_s=0.8, ttft_s=0.3, input_tokens=50),
    call(4, 2, 2, outcome="failed", error="Error: no", latency_s=9.0),
    call(5, 3, 1, outcome="aborted", latency_s=None),
)


def test_figures_by_turn_are_those_of_the_calls_of_that_turn() -> None:
    found = summary(*TALKS)
    assert found["conversations"] == {"begun": 3, "failed": 1}
    first, second = found["by_turn"]
    assert (first["turn"], first["total_requests"], first["success_count"], first["aborted_count"]) == (1, 3, 2, 1)
    assert (first["latency_s"]["avg"], first["ttft_s"]["max"], first["input_tokens"]) == (0.30000000000000004, 0.2, 30)
    assert (second["turn"], second["failure_count"], second["latency_s"]["samples"]) == (2, 1, 1)
    assert second["too_few_samples"]


def test_no_more_than_the_first_turns_have_figures_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MOST_TURNS", 3)
    found = summary(*(call(turn, 1, turn) for turn in (5, 4, 3, 2, 1)))
    assert [row["turn"] for row in found["by_turn"]] == [1, 2, 3]
    assert found["total_requests"] == 5


def test_dropped_calls_have_no_turn_and_warm_up_turns_do_not_count() -> None:
    dropped = call(6, None, None, outcome="dropped", error="Dropped", latency_s=None)
    found = summary(*TALKS, dropped, call(7, 9, 3, phase="warmup"))
    assert found["conversations"] == {"begun": 3, "failed": 1}
    assert [turn["turn"] for turn in found["by_turn"]] == [1, 2]


def test_other_runs_have_none() -> None:
    found = summary(call(1, None, None))
    assert (found["conversations"], found["by_turn"]) == (None, None)


def table_of(found: Summary) -> list[list[str]]:
    """The cells of the table of turns, without its heading."""
    heading = re.search(r"┃ turn +┃", printed := as_table(found))
    after = printed[heading.end() :] if heading else ""
    lines = after.partition("└")[0].partition("┩\n")[2].splitlines()
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]


def test_the_table_has_a_line_per_turn_up_to_a_dozen() -> None:
    assert table_of(summary(*TALKS[:2])) == []
    assert table_of(summary(*TALKS)) == [
        ["1", "3", "0", "150", "195*", "300", "390*"],
        ["2", "2", "1", "300", "300*", "800", "800*"],
    ]
    many = summary(*(call(turn, 1, turn) for turn in range(1, TURNS_SHOWN + 3)))
    assert [line[0] for line in table_of(many)] == [*map(str, range(1, TURNS_SHOWN + 1)), "…"]
    assert max(map(len, as_table(summary(*TALKS)).splitlines())) <= 80


def test_json_and_csv_have_all_turns() -> None:
    found = summary(*TALKS)
    assert '"by_turn": [' in as_json(found)
    [row] = csv.DictReader(io.StringIO(as_csv(found)))
    assert (row["conversations.begun"], row["conversations.failed"]) == ("3", "1")
    assert '"turn": 2' in row["by_turn"]
