"""Whole runs that play conversations: who makes which call, when one is cut, and what is refused."""

import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.closed_loop import Budget
from harness.load.conversations import Conversations
from harness.load.open_loop import OpenLoop
from harness.load.permits import PermitLedger
from harness.load.schedule import Due
from providers.permit import Permit
from tests.command_line import rows_in, summary_in
from tests.running import harnessed, run
from wire.exchange import now

Row = dict[str, Any]


def talk(*said: str, **more: Any) -> str:
    """A line of a file with a conversation in which user and assistant take turns."""
    messages = [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(said)]
    return f"{json.dumps({'messages': messages, **more})}\n"


@pytest.fixture
def talks(tmp_path: Path) -> str:
    """A file of three conversations, of 3, 1 and 2 turns."""
    path = tmp_path / "talks.jsonl"
    path.write_text(talk("A1", "a", "A2", "a", "A3") + talk("B1") + talk("C1", "c", "C2"))
    return str(path)


def rows_of(folder: Path, phase: str = "") -> list[Row]:
    rows = [row for row in rows_in(folder) if phase in row["phase"]]
    return sorted(rows, key=lambda row: int(row["request"]))


def by_conversation(rows: list[Row]) -> dict[int, list[str]]:
    """What each conversation sent, in order."""
    said = defaultdict(list)
    for row in rows:
        said[int(row["conversation"])].append(row["prompt"].split()[0])
    return dict(said)


def test_a_user_keeps_its_conversation_and_then_takes_the_next_in_order(
    talks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "-d", talks, "--selection-mode", "in-order", "-i", "9", monkeypatch=monkeypatch)
    rows = rows_of(tmp_path)
    assert [row["prompt"].split()[0] for row in rows] == ["A1", "A2", "A3", "B1", "C1", "C2", "A1", "A2", "A3"]
    assert [row["conversation"] for row in rows] == list("111233444")
    assert [row["turn"] for row in rows] == list("123112123")


@pytest.mark.parametrize("mode", ["in-order", "all-files", "single-file"])
def test_n_calls_are_n_calls_and_none_is_interleaved(
    mode: str, talks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("-d", talks, "--selection-mode", mode, "-i", "40", "--mock-latency", "0.005", "--warmup", "3")
    run(tmp_path, *arguments, users=7, monkeypatch=monkeypatch)
    rows = rows_of(tmp_path)
    assert [int(row["request"]) for row in rows] == list(range(1, 44))
    whole = {"A": ["A1", "A2", "A3"], "B": ["B1"], "C": ["C1", "C2"]}
    said = by_conversation(rows)
    assert sorted(said) == list(range(1, len(said) + 1))
    assert all(texts == whole[texts[0][0]][: len(texts)] for texts in said.values())
    assert sum(texts != whole[texts[0][0]] for texts in said.values()) <= 7  # Cut by the end: one per user at most.
    for number in said:
        times = [(float(row["start_s"]), float(row["latency_s"])) for row in rows if int(row["conversation"]) == number]
        assert all(start_s + latency_s <= later_s for (start_s, latency_s), (later_s, _) in pairwise(times))


def test_the_same_seed_plays_the_same_conversations_whoever_takes_them(
    talks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = []
    for name, users in (("one", 1), ("many", 5)):
        (tmp_path / name).mkdir()
        run(tmp_path / name, "-d", talks, "-i", "30", "--seed", "4", users=users, monkeypatch=monkeypatch)
        began.append({number: texts[0] for number, texts in by_conversation(rows_of(tmp_path / name)).items()})
    common = sorted(began[0].keys() & began[1].keys())
    assert len(common) > 5
    assert [began[0][number] for number in common] == [began[1][number] for number in common]


def test_the_next_run_starts_afresh(talks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        run(tmp_path / name, "-d", talks, "--selection-mode", "in-order", "-i", "2", monkeypatch=monkeypatch)
        assert by_conversation(rows_of(tmp_path / name)) == {1: ["A1", "A2"]}


def test_a_failed_turn_ends_its_conversation_and_is_counted(
    talks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("-d", talks, "--selection-mode", "in-order", "-i", "4", "--mock-error-rate", "1")
    run(tmp_path, *arguments, monkeypatch=monkeypatch)
    assert by_conversation(rows_of(tmp_path)) == {1: ["A1"], 2: ["B1"], 3: ["C1"], 4: ["A1"]}
    assert summary_in(tmp_path)["conversations"] == {"begun": 4, "failed": 4}


def test_the_summary_has_figures_by_turn(talks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, "-d", talks, "--selection-mode", "in-order", "-i", "12", "--stream", monkeypatch=monkeypatch)
    summary = summary_in(tmp_path)
    assert summary["conversations"] == {"begun": 6, "failed": 0}
    assert [(each["turn"], each["total_requests"]) for each in summary["by_turn"]] == [(1, 6), (2, 4), (3, 2)]
    assert [each[name]["samples"] for each in summary["by_turn"] for name in ("ttft_s", "latency_s")] == [
        6, 6, 4, 4, 2, 2,
    ]  # fmt: skip
    sizes = [each["input_tokens"] / each["success_count"] for each in summary["by_turn"]]
    assert sizes == sorted(sizes)


def test_with_a_rate_each_turn_is_a_call_of_the_schedule(
    talks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "-d", talks, "-i", "20", "--rate", "40", "--warmup", "2", users=4, monkeypatch=monkeypatch)
    rows = rows_of(tmp_path, "measured")
    due_s = [float(row["start_s"]) - float(row["start_lag_s"]) for row in rows]
    assert [later_s - earlier_s for earlier_s, later_s in pairwise(due_s)] == pytest.approx([1 / 40] * 19, abs=1e-6)
    assert all(float(row["latency_from_schedule_s"]) >= float(row["latency_s"]) for row in rows)
    assert {"1", "2"} <= {row["turn"] for row in rows}


def test_a_due_call_goes_to_a_conversation_that_waits_before_another_begins() -> None:
    granted: list[tuple[str, int | None]] = []
    loop = OpenLoop(iter([Due(0.0, 1)] * 3), 0, 30.0, now(), lambda permit: None, lambda: None)
    ledger = PermitLedger(loop, lambda worker, permit: granted.append((worker, permit.conversation)))
    for worker, begins in (("new", True), ("newer", True), ("talking", False)):
        ledger.want(worker, begins)
    loop.begin()
    with gevent.Timeout(10):
        while len(granted) < 3:
            gevent.sleep(0.01)
    assert granted == [("talking", None), ("new", 1), ("newer", 2)]


def test_a_budget_of_pairs_gives_both_sides_the_same_recorded_turns(
    talks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("-d", talks, "--history", "recorded", "--against", "mock", "-i", "5", "--selection-mode", "in-order")
    run(tmp_path, *arguments, monkeypatch=monkeypatch)
    rows = rows_of(tmp_path)
    by_side = {
        side: [(row["pair"], row["prompt"], row["conversation"], row["turn"]) for row in rows if row["side"] == side]
        for side in ("target", "baseline")
    }
    assert by_side["target"] == by_side["baseline"]
    assert [turn for *_, turn in by_side["target"]] == list("12311")
    assert summary_in(tmp_path)["against"]["unequal_pairs"] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--history", "none"), "--history must be one of answers, recorded, whole, not 'none'"),
        (("--against", "mock"), "it needs --history recorded or whole"),
        (("--replay",), "it needs --history whole"),
    ],
)
def test_what_has_no_honest_meaning_is_refused(
    arguments: tuple[str, ...], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "timed.jsonl").write_text(talk("A1", "a", "A2", at=0))
    with pytest.raises(SystemExit) as refused:
        harnessed(["--headless", "--mock", "-d", str(tmp_path / "timed.jsonl"), *arguments])
    assert refused.value.code == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert says in line


def test_sent_whole_a_conversation_is_one_call(talks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("-d", talks, "--history", "whole", "--selection-mode", "in-order", "-i", "3")
    run(tmp_path, *arguments, monkeypatch=monkeypatch)
    rows = rows_of(tmp_path)
    assert [row["prompt"].split()[0] for row in rows] == ["A3", "B1", "C2"]
    assert {(row["conversation"], row["turn"]) for row in rows} == {("", "")}
    assert summary_in(tmp_path)["by_turn"] is None


def test_a_unique_line_and_a_system_are_in_every_turn(
    talks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = {}
    for name, arguments in {"plain": (), "with": ("--cache-bust", "--system", "Be brief. " * 40)}.items():
        (tmp_path / name).mkdir()
        run(
            tmp_path / name, "-d", talks, "-i", "12", "--selection-mode", "in-order", "--history", "recorded",
            *arguments, monkeypatch=monkeypatch,
        )  # fmt: skip
        tokens[name] = [int(row["input_tokens"]) for row in rows_of(tmp_path / name)]
    assert summary_in(tmp_path / "with")["repeated_payloads"] == 0
    added = [busted - plain for plain, busted in zip(tokens["plain"], tokens["with"], strict=True)]
    assert min(added) > 100
    assert added[0] < added[1] < added[2]  # A line for each of the user's turns so far.


@given(st.lists(st.booleans(), max_size=30))
def test_numbers_that_come_back_are_given_out_again(gives: list[bool]) -> None:
    conversations, held = Conversations(), list[Permit]()
    for number, gives_one in enumerate(gives, 1):
        if gives_one or not held:
            held.append(conversations.given(Permit(number), begins=True))
        else:
            assert conversations.taken_from(held.pop(0)).conversation is None
    used = [permit.conversation for permit in held]
    assert len(set(used)) == len(used)
    assert max(filter(None, used), default=0) <= len(gives)


def test_a_permit_that_comes_back_can_begin_or_continue_a_conversation() -> None:
    granted: list[Permit] = []
    ledger = PermitLedger(Budget(9, lambda: None), lambda worker, permit: granted.append(permit))
    ledger.want("first", begins=True)
    ledger.take_back("first", 1)
    ledger.want("first")
    ledger.want("first", begins=True)
    assert [(permit.number, permit.conversation) for permit in granted] == [(1, 1), (1, None), (2, 1)]
