"""The charts of a run while it lasts: the report's, from the rows so far."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import report
from charts.live import Drawing
from charts.page.page import blocks
from summary.rows import rows
from summary.rows.growing import GrowingRows
from tests.charts.made import STREAMED, Page, call, failed, made
from tests.command_line import PROJECT
from tests.running import run

OBSERVED = {"itl_s": None, "client": None, "lost": {"calls": 0, "workers": 0}, "ended": {"early": False, "why": None}}
CALLS = [call(n, n / 10, **STREAMED) for n in range(1, 31)]


def drawn(drawing: Drawing, prefix: Path, since_s: float = 0.0) -> dict[str, Any]:
    answer = drawing.answer(str(prefix), "charts", observed=OBSERVED, since_s=since_s)
    return dict(json.loads(answer))


def numbers(found: dict[str, Any]) -> dict[str, list[str]]:
    return Page("".join(block["markup"] for block in found["blocks"])).numbers


def test_a_run_that_is_on_is_drawn_with_its_verdict_so_far(tmp_path: Path) -> None:
    found = drawn(Drawing(), made(tmp_path, CALLS))
    assert found["final"] is False
    assert "Can these figures be believed so far?" in found["blocks"][0]["markup"]
    assert numbers(found)["calls"] == ["30"]
    assert {"latency_s", "ttft_s", "in_flight", "rates", "tokens"} <= {block["key"] for block in found["blocks"]}
    assert all(bool(block["figures"]) == ('class="plot"' in block["markup"]) for block in found["blocks"])


def test_a_run_that_is_over_is_drawn_as_in_its_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, prefix = run(tmp_path, "-i", "30", "--stream", "--fail-if", "p95>9", users=2, monkeypatch=monkeypatch)
    drawing = Drawing()
    found = drawn(drawing, prefix)
    expected = list(blocks([report.run_at(prefix)]))
    assert found["final"] is True
    assert [block["markup"] for block in found["blocks"][:-1]] == [block.markup for block in expected]
    assert [block["figures"] for block in found["blocks"][:-1]] == [list(block.figures) for block in expected]
    assert "succeeded" in found["blocks"][-1]["markup"]
    assert Page(drawing.answer(str(prefix), "page")).blocks["summaries"][0]["total_requests"] == 30


def test_rows_are_added_and_a_reset_leaves_out_what_ended_before(tmp_path: Path) -> None:
    prefix, drawing = made(tmp_path, CALLS), Drawing()
    assert numbers(drawn(drawing, prefix))["calls"] == ["30"]
    made(tmp_path, [*CALLS, *(call(n, n / 10) for n in range(31, 41))])
    assert numbers(drawn(drawing, prefix))["calls"] == ["40"]
    assert numbers(drawn(drawing, prefix, since_s=4.05))["calls"] == ["10"]


def test_calls_in_flight_are_not_missing_rows(tmp_path: Path) -> None:
    found = drawn(Drawing(), made(tmp_path, [call(n, n / 10) for n in range(2, 60, 3)]))
    assert "are missing" not in found["blocks"][0]["markup"]


@pytest.mark.parametrize("calls", [[], [call(1)], [failed(1)], [call(1, phase="warmup")]])
def test_the_first_calls_are_drawn_too(calls: list[dict[str, Any]], tmp_path: Path) -> None:
    assert "error" not in drawn(Drawing(), made(tmp_path, calls))


def test_a_second_run_starts_from_nothing(tmp_path: Path) -> None:
    drawing = Drawing()
    for name, count in (("one", 30), ("two", 3)):
        assert numbers(drawn(drawing, made(tmp_path / name, CALLS[:count])))["calls"] == [str(count)]


def test_files_that_are_gone_are_an_error_and_not_the_end(tmp_path: Path) -> None:
    drawing = Drawing()
    assert "nowhere_requests.csv" in drawn(drawing, tmp_path / "nowhere")["error"]
    assert drawn(drawing, made(tmp_path, CALLS))["calls"] == 30


def test_a_row_that_is_being_written_is_taken_with_the_next_look(tmp_path: Path) -> None:
    path = made(tmp_path, [{**CALLS[0], "error": 'a "word",\nand another'}, *CALLS[1:]]).with_name("run_requests.csv")
    whole = path.read_bytes()
    for kept in range(whole.index(b"\n") + 1, len(whole), 997):
        path.write_bytes(whole[:kept])
        growing = GrowingRows(path)
        growing.look()
        path.write_bytes(whole)
        growing.look()
        assert growing.table.equals(rows.read(path))


def test_the_process_answers_and_ends_with_its_stdin(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "charts.live"]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        request = {"prefix": str(made(tmp_path, CALLS)), "want": "charts", "observed": OBSERVED, "since_s": 0.0}
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        size = int(process.stdout.readline())
        assert json.loads(process.stdout.read(size))["calls"] == 30
        process.stdin.close()
        assert process.wait(60) == 0
