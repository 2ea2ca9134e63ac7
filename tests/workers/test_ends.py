"""Workers and masters that are killed, stopped or interrupted: every call is accounted for."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.command_line import free_port, locust, report, rows_in, started, stats_in, summary_in
from tests.mock_server import MockServer
from tests.runs.test_signals import silence
from tests.workers.watching import TARGET, against, children_of, is_alive, lose_a_worker, rows_so_far, workers_so_far


@pytest.mark.parametrize(
    ("load", "calls"), [(["-u", "6", "-r", "6"], 80), (["--rate", "40", "-u", "40"], 200)], ids=["closed", "open"]
)
def test_a_killed_workers_calls_in_flight_are_lost_and_the_rest_is_done_by_the_others(
    load: list[str], calls: int, tmp_path: Path, slow_mock: MockServer
) -> None:
    slow_mock.reset()
    options = against(slow_mock, "--processes", "2", *load, "-i", str(calls))
    ended = lose_a_worker(tmp_path, options, signal.SIGKILL)
    assert ended.code == 0, ended.stderr
    summary = summary_in(tmp_path)
    assert summary["lost"]["workers"] == 1
    assert summary["total_requests"] + summary["lost"]["calls"] == calls
    numbers = [row["request"] for row in rows_in(tmp_path)]
    assert len(set(numbers)) == len(numbers) == summary["total_requests"] == int(stats_in(tmp_path)["Request Count"])
    assert slow_mock.stats()["requests"] <= calls
    assert "Traceback" not in ended.stderr


def test_of_a_killed_workers_pairs_whole_ones_count_and_halves_are_told(
    tmp_path: Path, slow_mock: MockServer, mock_server: MockServer
) -> None:
    options = against(slow_mock, "--processes", "2", "-u", "6", "-r", "6", "-i", "80", "--against", mock_server.url)
    ended = lose_a_worker(tmp_path, options, signal.SIGKILL, LLM_AGAINST_API_KEY="test-key-456")
    assert ended.code == 0, ended.stderr
    sides = Counter(row["pair"] for row in rows_in(tmp_path))
    halves = sum(calls == 1 for calls in sides.values())
    lost = summary_in(tmp_path)["lost"]["calls"]
    assert max(map(int, sides)) == 80
    assert sum(sides.values()) + lost == 160
    assert len(sides) == 80 - (lost - halves) // 2


def test_a_killed_workers_calls_are_lost_too_if_their_number_is_not_limited(
    tmp_path: Path, slow_mock: MockServer
) -> None:
    slow_mock.reset()
    options = against(slow_mock, "--processes", "2", "-u", "6", "-r", "6", "-t", "6", "--fail-if", "lost_calls>0")
    ended = lose_a_worker(tmp_path, options, signal.SIGKILL)
    assert ended.code == 3, ended.stderr
    summary = summary_in(tmp_path)
    assert summary["lost"]["workers"] == 1
    assert 0 < summary["lost"]["calls"] <= slow_mock.stats()["requests"] - summary["total_requests"]


def test_a_worker_that_leaves_in_the_middle_of_a_run_is_reported(tmp_path: Path, slow_mock: MockServer) -> None:
    options = against(slow_mock, "--processes", "2", "-u", "6", "-r", "6", "-i", "120")
    ended = lose_a_worker(tmp_path, options, signal.SIGTERM)
    assert ended.code == 0, ended.stderr
    summary = summary_in(tmp_path)
    assert summary["total_requests"] == 120
    assert summary["lost"] == {"calls": 0, "workers": 1, "refused_rows": 0}
    assert summary["verdict"]["believable"] is False


DEAD_FOR_LONG = """
import os, time
import gevent, gevent.os
from harness.process import orphan

def die(code):
    if (pid := gevent.fork()) == 0:
        os._exit(code)
    while not isinstance(gevent.os._watched_children[pid], tuple):
        gevent.sleep(0.01)
    return pid

gevent.get_hub().loop.install_sigchld()  # before the first fork: a child that dies sooner would go unnoticed
orphan.remember_dead_workers()
first, clock = die(7), time.time
time.time = lambda: clock() + 3600
die(8)
print(os.waitstatus_to_exitcode(gevent.os.waitpid(first, os.WNOHANG)[1]))
"""
"""Forks two processes, an hour apart, and asks for the first one's exit code."""


def test_a_worker_that_has_been_dead_for_long_is_not_forgotten() -> None:
    done = subprocess.run([sys.executable, "-c", DEAD_FOR_LONG], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("7\n", "")


def test_a_run_whose_workers_are_all_killed_is_not_complete_and_ends_with_70(
    tmp_path: Path, slow_mock: MockServer
) -> None:
    options = against(slow_mock, "--processes", "2", "-u", "4", "-r", "4", "-i", "1000")
    with started(tmp_path, options) as running:
        running.until(lambda: len(workers_so_far(tmp_path)) == 2)
        for worker in children_of(running):
            os.kill(worker, signal.SIGKILL)
        ended = running.wait()
    assert ended.code == 70, ended.stderr
    assert "the run is not complete: all workers were gone (2 took part)" in ended.stderr
    summary = summary_in(tmp_path)
    assert summary["total_requests"] == len(rows_in(tmp_path)) < 1000
    assert summary["lost"]["workers"] == 2
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("to_all", [True, False], ids=["as a terminal sends it, to all", "to the master alone"])
def test_a_second_interrupt_cuts_the_workers_calls_off_and_they_are_recorded(to_all: bool, tmp_path: Path) -> None:
    with silence() as silent:
        port = str(free_port())
        options = [*TARGET, "-H", silent.url, "--master-bind-port", port, "--master-port", port, "--timeout", "100"]
        with started(tmp_path, [*options, "--processes", "2", "-u", "4", "-r", "4", "-i", "100"]) as running:

            def interrupt() -> None:
                (os.killpg if to_all else os.kill)(running.process.pid, signal.SIGINT)

            running.until(lambda: silent.requests == 4)
            interrupt()
            time.sleep(0.5)  # Two signals at once count as one.
            interrupt()
            ended = running.wait(timeout_s=30)
    assert ended.code == 130, ended.stderr
    summary = summary_in(tmp_path)
    assert json.loads(ended.stdout) == summary
    assert summary["aborted_count"] == summary["total_requests"] == len(rows_in(tmp_path)) == 4
    assert summary["lost"]["calls"] == 0
    assert "Traceback" not in ended.stderr
    assert "Bad response code" not in ended.stderr


def test_a_worker_that_is_stopped_for_good_delays_nothing(tmp_path: Path, slow_mock: MockServer) -> None:
    options = against(slow_mock, "--processes", "2", "-u", "4", "-r", "4", "-i", "1000")
    with started(tmp_path, options) as running:
        running.until(lambda: len(workers_so_far(tmp_path)) == 2)
        stopped = children_of(running)[0]
        os.kill(stopped, signal.SIGSTOP)
        running.send(signal.SIGINT)
        ended = running.wait()
    assert ended.code == 130, ended.stderr
    assert not is_alive(stopped)
    assert summary_in(tmp_path)["lost"]["workers"] == 1
    assert len(rows_in(tmp_path)) == summary_in(tmp_path)["total_requests"]
    assert "Traceback" not in ended.stderr


def test_a_killed_master_leaves_its_rows_and_no_running_worker(tmp_path: Path, slow_mock: MockServer) -> None:
    options = against(slow_mock, "--processes", "2", "--rate", "20", "-u", "20", "-i", "2000")
    with started(tmp_path, options) as running:
        running.until(lambda: len(rows_so_far(tmp_path)) >= 10)
        workers = children_of(running)
        running.send(signal.SIGKILL)
        running.process.wait()
        Orphans(workers).wait_for_their_end()
    done = report(tmp_path, "run", "-o", "json")
    assert done.code == 0, done.stderr
    assert len(rows_in(tmp_path)) >= 10


def test_a_worker_whose_master_is_killed_ends_with_70(tmp_path: Path, slow_mock: MockServer) -> None:
    """The rows of its last calls are lost: to what started it, as a job of a cluster, a 0 would be a success."""
    port = str(free_port())
    (there := tmp_path / "worker").mkdir()
    options = [*TARGET, "-H", slow_mock.url, "-u", "2", "-r", "2", "-i", "2000", "--expect-workers", "1"]
    with (
        started(tmp_path, [*options, "--master", "--master-bind-port", port]) as master,
        started(there, ["--worker", "--master-port", port, "-k", "test-key-123"]) as worker,
    ):
        master.until(lambda: rows_so_far(tmp_path))
        master.send(signal.SIGKILL)
        ended = worker.wait()
    assert ended.code == 70, ended.stderr
    assert "the master has been silent for 6 s" in ended.stderr
    assert "Traceback" not in ended.stderr


class Orphans:
    """Workers whose master is gone."""

    def __init__(self, pids: list[int]) -> None:
        self._pids = pids

    def wait_for_their_end(self) -> None:
        deadline = 30.0
        while any(is_alive(pid) for pid in self._pids):
            deadline -= 0.1
            assert deadline > 0, "a worker outlives its master"
            time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_master_ends_everything_with_every_call_accounted_for(
    number: signal.Signals, tmp_path: Path, slow_mock: MockServer
) -> None:
    slow_mock.reset()
    options = against(slow_mock, "--processes", "2", "-u", "4", "-r", "4", "-i", "2000")
    with started(tmp_path, options) as running:
        running.until(lambda: len(rows_so_far(tmp_path)) >= 10)
        running.send(number)
        ended = running.wait()
    assert ended.code == 128 + number, ended.stderr
    summary = summary_in(tmp_path)
    assert summary["total_requests"] == len(rows_in(tmp_path)) == slow_mock.stats()["requests"]
    assert summary["aborted_count"] == 0
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
@pytest.mark.parametrize("limit", [[], ["--expect-workers-max-wait", "60"]], ids=["for ever", "with a limit"])
def test_a_signal_ends_a_master_that_waits_for_workers(
    number: signal.Signals, code: int, limit: list[str], tmp_path: Path
) -> None:
    port = str(free_port())
    options = ["--headless", "--mock", "--master", "--master-bind-port", port, "--expect-workers", "1", *limit]
    with started(tmp_path, options) as running:
        running.until(lambda: "aiting for workers" in running.stderr())
        running.send(number)
        ended = running.wait()
    assert ended.code == code, ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_signal_ends_a_master_that_waits_for_workers_after_one_has_left(tmp_path: Path) -> None:
    port = str(free_port())
    (tmp_path / "worker").mkdir()
    options = ["--headless", "--mock", "--master", "--master-bind-port", port, "--expect-workers", "2"]
    with (
        started(tmp_path, options) as running,
        started(tmp_path / "worker", ["--worker", "--mock", "--master-port", port]) as worker,
    ):
        running.until(lambda: "1 of 2 are ready" in running.stderr())
        worker.send(signal.SIGTERM)
        running.until(lambda: "0 of 2 are ready" in running.stderr())
        running.send(signal.SIGTERM)
        ended = running.wait()
    assert ended.code == 143, ended.stderr


def test_an_end_while_users_still_start_leaves_no_call_without_a_row(tmp_path: Path, slow_mock: MockServer) -> None:
    slow_mock.reset()
    ended = locust(tmp_path, *against(slow_mock, "--processes", "2", "-u", "60", "-r", "10", "-t", "2s"))
    assert ended.code == 0, ended.stderr
    assert len(rows_in(tmp_path)) == slow_mock.stats()["requests"] > 0
