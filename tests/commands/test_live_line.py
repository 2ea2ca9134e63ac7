"""The line that shows a headless run's progress: on a terminal, and nowhere else."""

import re
import signal
from pathlib import Path

import pytest

from summary.registry import used
from tests.command_line import QUICK_MOCK, Command, Ended, locusts, rows_in, summary_in
from tests.commands.test_menus import terminal

IN_LINE = [figure for figure in used("line") if figure.needs in (None, "--stream")]
SLOW = ["--mock", "--mock-latency", "0.3", "-u", "4", "-r", "4", "-i", "30"]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    printing = Command([*QUICK_MOCK, "-i", "5", "--print-stats"])
    return locusts(tmp_path_factory.mktemp("lines"), {"piped": Command([*QUICK_MOCK, "-i", "5"]), "printing": printing})


def test_a_terminal_shows_how_far_how_fast_and_how_well_the_run_is(tmp_path: Path) -> None:
    with terminal(tmp_path, *SLOW, "--stream") as screen:
        screen.until("TTFT p50")
        assert screen.end() == 0
    medians = [rf"{figure.title} p50 \d[\d.]* m?s" for figure in IN_LINE if figure.name != "latency_s"]
    line = [r"\d+/30 calls", r"\d+\.\d/s", "[0-4] in flight", r"p50 \d[\d.]* m?s", *medians, "0 failed"]
    assert re.search(" · ".join(line), screen.shown)
    # The log is printed above the line, and the summary below where it was.
    assert "All users spawned" in screen.shown
    assert screen.shown.rindex("in flight") < screen.shown.index("Can these figures be believed?")
    assert len(rows_in(tmp_path)) == 30


def test_an_open_loop_shows_the_time_that_is_left(tmp_path: Path) -> None:
    stages = ["--mock", "--mock-latency", "0.1", "-i", "", "--rate-stages", "20:1s,0:500ms", "-t", "90s", "-u", "5"]
    with terminal(tmp_path, *stages) as screen:
        screen.until(" left")
        assert screen.end() == 0
    assert re.search(r"\d+ calls, 0:0[0-2] left · ", screen.shown)
    assert re.search(r"in flight · \d+ asked, \d+ delivered, \d+ waiting, 0 dropped · ", screen.shown)
    assert "1:" not in "".join(re.findall(r"(\d:\d\d) left", screen.shown))


def test_a_pipe_gets_no_line(ended: dict[str, Ended]) -> None:
    assert ended["piped"].code == 0
    for output in (ended["piped"].stdout, ended["piped"].stderr):
        assert "in flight" not in output
        assert "\x1b" not in output
        assert "Aggregated" not in output


def test_locusts_tables_appear_when_asked_for(ended: dict[str, Ended]) -> None:
    assert ended["printing"].code == 0
    assert "Aggregated" in ended["printing"].stderr
    assert "Response time percentiles" in ended["printing"].stderr
    assert "in flight" not in ended["printing"].stderr


def test_print_stats_replaces_the_line_on_a_terminal(tmp_path: Path) -> None:
    with terminal(tmp_path, "--mock", "--mock-latency", "0", "--print-stats") as screen:
        assert screen.end() == 0
    assert "Aggregated" in screen.shown
    assert "in flight" not in screen.shown


@pytest.mark.parametrize("number", [None, signal.SIGHUP])
def test_a_terminal_hang_up_does_not_end_a_run_and_its_signal_ends_it_completely(
    number: signal.Signals | None, tmp_path: Path
) -> None:
    with terminal(tmp_path, *SLOW, "--fail-if", "max>0", "--junit", "gates.xml") as screen:
        screen.until("in flight")
        screen.hang_up()
        if number is not None:
            screen.process.send_signal(number)
        code = screen.process.wait(60)
    assert code == (70 if number is None else 129)
    rows = len(rows_in(tmp_path))
    assert rows == summary_in(tmp_path)["total_requests"] > 0
    assert rows == 30 or number is not None
    assert 'failures="1"' in (tmp_path / "gates.xml").read_text()
