"""The end of a run that was cut short, politely or not: whole files, every call accounted for, a summary."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from gevent.server import StreamServer

from tests.command_line import (
    PROJECT,
    QUICK_MOCK,
    Ended,
    Running,
    free_port,
    report,
    rows_in,
    started,
    stats_in,
    summary_in,
)
from tests.mock_server import MockServer, serving

OPENAI = ["--headless", "-p", "openai", "-m", "gpt-4o", "-k", "test-key-123", "--csv", "run"]
FOUR_USERS = [*OPENAI, "-u", "4", "-r", "4", "-o", "json"]


class Silent:
    """A host that takes requests and never answers."""

    def __init__(self) -> None:
        self.requests = 0
        self.server = StreamServer(("127.0.0.1", 0), self._hear)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def _hear(self, connection: Any, _: object) -> None:
        while heard := connection.recv(65_536):
            self.requests += heard.startswith(b"POST ")


@contextmanager
def silence() -> Iterator[Silent]:
    silent = Silent()
    silent.server.start()
    try:
        yield silent
    finally:
        silent.server.stop()


@pytest.fixture(scope="module")
def slow_mock() -> Iterator[MockServer]:
    """A mock whose every answer takes 0.3 s."""
    with serving("--ttft", "0.3", "--itl", "0", "--tokens", "8", "--exact-tokens") as server:
        yield server


def _rows(folder: Path) -> int:
    return len(rows_in(folder)) if (folder / "run_requests.csv").exists() else 0


def _is_whole(folder: Path, done: Ended) -> dict[str, Any]:
    """Check that a run's files are consistent: no call lost, none twice, each one counted everywhere."""
    rows = rows_in(folder)
    summary = summary_in(folder)
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout) == summary
    assert sorted(int(row["request"]) for row in rows) == list(range(1, len(rows) + 1))
    assert summary["total_requests"] == len(rows)
    outcomes = [row["outcome"] for row in rows]
    assert summary["success_count"] == outcomes.count("ok")
    assert summary["failure_count"] == outcomes.count("failed")
    assert summary["aborted_count"] == outcomes.count("aborted")
    assert int(stats_in(folder)["Request Count"]) == outcomes.count("ok") + outcomes.count("failed")
    assert int(stats_in(folder)["Failure Count"]) == outcomes.count("failed")
    return summary


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_lets_the_calls_in_flight_finish(
    number: signal.Signals, code: int, tmp_path: Path, slow_mock: MockServer
) -> None:
    slow_mock.reset()
    with started(tmp_path, [*FOUR_USERS, "-t", "60", "-H", slow_mock.url]) as running:
        running.until(lambda: _rows(tmp_path) >= 6)
        running.send(number)
        done = running.wait()
    summary = _is_whole(tmp_path, done)
    assert done.code == code
    assert summary["aborted_count"] == summary["failure_count"] == 0
    assert slow_mock.stats()["requests"] == summary["total_requests"] >= 6


SIGNALLED_EARLY = """
import os, signal, sys
import locust.main

signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background of a script
when, numbers, sys.argv = sys.argv[1], sys.argv[2].split(","), ["locust", *sys.argv[6:]]

class Finder:
    def find_spec(name, *_):
        if name == when:
            for number in numbers:
                os.kill(os.getpid(), int(number))

sys.meta_path.insert(0, Finder)
os.register_at_fork(before=lambda: Finder.find_spec("a fork"))
locust.main.main()
"""
"""Runs locust, and sends its process signals when a module is imported, or at the first fork."""


@pytest.mark.parametrize(
    ("when", "number", "code"),
    [
        ("harness.harness", signal.SIGINT, 130),
        ("harness.harness", signal.SIGTERM, 143),
        ("harness.harness", signal.SIGHUP, 129),
        ("a fork", signal.SIGINT, 130),
    ],
)
def test_a_signal_before_the_start_ends_without_a_word(
    when: str, number: signal.Signals, code: int, tmp_path: Path
) -> None:
    at_once = [sys.executable, "-c", SIGNALLED_EARLY, when, str(int(number))]
    port = str(free_port())
    workers = ["--processes", "2", "--master-bind-port", port, "--master-port", port]
    with started(tmp_path, [*QUICK_MOCK, *workers, "-L", "ERROR"], wrapper=at_once) as running:
        done = running.wait()
    assert (done.code, done.stdout, done.stderr) == (code, "", "")


INTERRUPTED_REPORT = """
import os, runpy, signal, sys

class Finder:
    def find_spec(name, *_):
        if name == "pandas":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder)
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_path(sys.argv[1], run_name="__main__")
"""
"""Runs report.py, and interrupts it within its imports."""


def test_an_interrupted_report_ends_without_a_traceback() -> None:
    command = [sys.executable, "-c", INTERRUPTED_REPORT, str(PROJECT / "report.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGHUP])
def test_two_signals_at_once_while_the_run_is_prepared_end_without_a_traceback(
    second: signal.Signals, tmp_path: Path
) -> None:
    at_once = [sys.executable, "-c", SIGNALLED_EARLY, "openai", f"{int(signal.SIGINT)},{int(second)}"]
    with started(tmp_path, [*QUICK_MOCK, "-L", "ERROR"], wrapper=at_once) as running:
        done = running.wait()
    assert (done.code, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize(("first", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_sigterm_after_a_first_signal_changes_nothing(
    first: signal.Signals, code: int, tmp_path: Path, slow_mock: MockServer
) -> None:
    with started(tmp_path, [*FOUR_USERS, "-t", "60", "-H", slow_mock.url]) as running:
        running.until(lambda: _rows(tmp_path) >= 6)
        running.send(first)
        running.until(lambda: "to finish" in running.stderr())
        running.send(signal.SIGTERM)
        done = running.wait()
    assert done.code == code
    assert _is_whole(tmp_path, done)["aborted_count"] == 0


@pytest.mark.parametrize(
    ("together", "code"),
    [
        ((signal.SIGHUP, signal.SIGTERM), 129),
        ((signal.SIGINT, signal.SIGTERM), 130),
        ((signal.SIGINT, signal.SIGHUP), 130),
        ((signal.SIGHUP, signal.SIGINT, signal.SIGTERM), 130),
    ],
)
def test_signals_that_arrive_together_end_a_run_once(
    together: tuple[signal.Signals, ...], code: int, tmp_path: Path, slow_mock: MockServer
) -> None:
    with started(tmp_path, [*FOUR_USERS, "-t", "60", "-H", slow_mock.url]) as running:
        running.until(lambda: _rows(tmp_path) >= 6)
        for number in (signal.SIGSTOP, *together, signal.SIGCONT):
            running.send(number)
        done = running.wait()
    assert done.code == code
    assert "Traceback" not in done.stderr
    assert done.stderr.count("Shutting down") == 1
    assert _is_whole(tmp_path, done)["aborted_count"] == 0


def _interrupt_twice(running: Running, silent: Silent) -> Ended:
    running.until(lambda: silent.requests == 4)
    running.send(signal.SIGINT)
    running.until(lambda: "KeyboardInterrupt" in running.stderr() or "Stopping" in running.stderr())
    running.send(signal.SIGINT)
    return running.wait(timeout_s=20)


def test_a_second_interrupt_ends_at_once_and_the_calls_in_flight_are_aborted(tmp_path: Path) -> None:
    with silence() as silent:
        arguments = [*FOUR_USERS, "-i", "100", "--timeout", "100", "-H", silent.url, "-L", "DEBUG"]
        with started(tmp_path, arguments) as running:
            done = _interrupt_twice(running, silent)
    summary = _is_whole(tmp_path, done)
    assert done.code == 130
    assert summary["aborted_count"] == summary["total_requests"] == 4
    assert summary["latency_s"]["max"] is summary["error_rate"] is None


def test_a_killed_run_leaves_whole_rows_and_can_be_reported(tmp_path: Path, slow_mock: MockServer) -> None:
    with started(tmp_path, [*FOUR_USERS, "-i", "1000", "-H", slow_mock.url]) as running:
        running.until(lambda: _rows(tmp_path) >= 6)
        running.send(signal.SIGKILL)
        running.wait()
    assert (tmp_path / "run_requests.csv").read_text().endswith("\n")
    assert json.loads((tmp_path / "run_run.json").read_text())["options"]["iterations"] == 1000
    reported = report(tmp_path, "run", "-o", "json")
    summary = json.loads(reported.stdout)
    assert reported.code == 0
    assert summary["total_requests"] == summary["success_count"] == _rows(tmp_path) >= 6
    assert (summary["host"], summary["provider"], summary["model"]) == (slow_mock.url, "openai", "gpt-4o")


def test_a_time_limit_lets_the_calls_in_flight_finish(tmp_path: Path, slow_mock: MockServer) -> None:
    slow_mock.reset()
    with started(tmp_path, [*FOUR_USERS, "-t", "1s", "-H", slow_mock.url]) as running:
        done = running.wait()
    summary = _is_whole(tmp_path, done)
    assert done.code == 0
    assert summary["success_count"] == summary["total_requests"] == slow_mock.stats()["requests"]
    assert summary["total_execution_time_s"] > 0.5


def test_no_patience_aborts_the_calls_in_flight_and_counts_none_of_them(tmp_path: Path) -> None:
    with silence() as silent:
        arguments = [*FOUR_USERS, "-t", "1s", "-s", "0", "--timeout", "100", "-H", silent.url]
        with started(tmp_path, arguments) as running:
            done = running.wait(timeout_s=30)
    summary = _is_whole(tmp_path, done)
    assert done.code == 0
    assert summary["aborted_count"] == summary["total_requests"] == silent.requests == 4
    assert all(row["latency_s"] == row["status"] == "" for row in rows_in(tmp_path))


def test_an_ignored_hang_up_stays_ignored_and_a_stopped_process_knows_that_it_stood_still(
    tmp_path: Path, slow_mock: MockServer
) -> None:
    """`nohup` starts a program that ignores SIGHUP."""
    ignoring = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh"]
    with started(tmp_path, [*FOUR_USERS, "-i", "40", "-H", slow_mock.url], wrapper=ignoring) as running:
        running.until(lambda: _rows(tmp_path) >= 6)
        running.send(signal.SIGHUP)
        running.send(signal.SIGSTOP)
        time.sleep(1)
        running.send(signal.SIGCONT)
        done = running.wait()
    summary = _is_whole(tmp_path, done)
    assert done.code == 0
    assert summary["success_count"] == 40
    assert summary["client"]["stalls"]["longest_s"] >= 0.9
    assert summary["client"]["loop_lag_s"]["p99"] > 0.5


@pytest.mark.parametrize(("stream", "code"), [("2>&-", 3), (">&-", 70), ("<&- >&- 2>&-", 70)])
def test_a_closed_stream_costs_no_row_no_summary_and_no_gate(stream: str, code: int, tmp_path: Path) -> None:
    closing = ["sh", "-c", f'exec "$@" {stream}', "sh"]
    gate = ["--fail-if", "max>0", "--junit", "gates.xml"]
    with started(tmp_path, [*QUICK_MOCK, "-i", "5", "--csv", "run", *gate], wrapper=closing) as running:
        done = running.wait()
    assert done.code == code
    assert len(rows_in(tmp_path)) == summary_in(tmp_path)["total_requests"] == 5
    assert 'failures="1"' in (tmp_path / "gates.xml").read_text()
