"""Masters and workers as real processes: together they are one run, whatever happens to them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
import zmq.green as zmq
from locust.env import Environment
from locust.event import Events
from locust.rpc.protocol import Message
from locust.runners import STATE_MISSING, STATE_RUNNING, STATE_STOPPED, WorkerNode
from locust.stats import RequestStats

from harness.cluster import drain
from harness.cluster.master import LOOK_EVERY_S, PATIENCE_S, Master
from harness.cluster.worker import LATE_START_S, Worker
from harness.harness import Harness
from harness.load.closed_loop import Budget
from harness.messages import CALLS, DRAINED, PREPARED, REFUSED, RUN
from harness.runs import BUSY
from harness.secrets import Secrets
from prompts.files import read, sha256
from tests.command_line import PROJECT, free_port, locust, rows_in, started, stats_in, summary_in
from tests.mock_server import MockServer
from tests.web_ui import OPENAI, web_ui
from tests.workers.watching import TARGET, against, children_of, rows_so_far, workers_so_far


@pytest.mark.parametrize(("workers", "users", "calls"), [(2, 7, 60), (3, 1, 10), (2, 64, 20)])
def test_n_calls_over_workers_are_n_rows_and_n_requests(
    workers: int, users: int, calls: int, tmp_path: Path, mock_server: MockServer
) -> None:
    options = ["--processes", str(workers), "-u", str(users), "-r", str(users), "-i", str(calls)]
    ended = locust(tmp_path, *against(mock_server, *options))
    assert ended.code == 0, ended.stderr
    rows = rows_in(tmp_path)
    assert sorted(int(row["request"]) for row in rows) == list(range(1, calls + 1))
    assert {row["outcome"] for row in rows} == {"ok"}
    assert all(row["worker"] for row in rows)
    assert int(stats_in(tmp_path)["Request Count"]) == calls
    assert mock_server.stats()["requests"] == calls
    assert summary_in(tmp_path)["total_bytes"] == mock_server.stats()["response_bytes"]


def test_an_address_is_refused_once_and_not_by_each_worker(tmp_path: Path) -> None:
    port = str(free_port())
    options = ["-H", "ftp://nowhere", "--processes", "2", "--master-bind-port", port, "--master-port", port]
    ended = locust(tmp_path, *TARGET, *options)
    assert ended.code == 2
    assert "--host must look like" in ended.error_line


def test_a_worker_that_is_told_to_quit_while_it_connects_reports_and_ends() -> None:
    """Its `init` comes after that, and so does Locust's listener that counts its users."""
    events, report = Events(), dict[str, Any]()
    Harness([]).listen(events)
    events.report_to_master.fire(client_id="worker", data=report)
    assert report["user_classes_count"] == {}
    with pytest.raises(SystemExit) as ended:
        Worker(SimpleNamespace(runner=SimpleNamespace(state=STATE_STOPPED)), {}, Secrets(), {}, lambda: None)
    assert ended.value.code == 0


def test_workers_that_do_not_come_in_time_are_told_of_and_no_unreachable_host(tmp_path: Path) -> None:
    waiting = ["--master", "--master-bind-port", str(free_port()), "--expect-workers", "2"]
    with started(tmp_path, ["--headless", "--mock", *waiting, "--expect-workers-max-wait", "1"]) as master:
        ended = master.wait()
    assert ended.code == 70, ended.stderr
    assert ended.stderr.endswith("locust: error: 0 of 2 workers were ready within 1 s\n")
    assert not any(tmp_path.glob("results/*"))


def test_a_worker_that_joins_by_itself_brings_its_own_key(tmp_path: Path, mock_server: MockServer) -> None:
    port = str(free_port())
    here, there = tmp_path / "master", tmp_path / "worker"
    here.mkdir()
    there.mkdir()
    target = [*TARGET, "-H", mock_server.url, "-u", "3", "-r", "3", "-i", "30"]
    target[target.index("-k") + 1] = "masters-own-key"
    with (
        started(here, [*target, "--master", "--master-bind-port", port, "--expect-workers", "1"]) as master,
        started(there, ["--worker", "--master-port", port], LLM_API_KEY="workers-own-key") as worker,
    ):
        ended = master.wait()
        worker.wait()
    assert ended.code == 0, ended.stderr
    assert len(rows_in(here)) == 30
    assert summary_in(here)["success_count"] == 30


AN_HOUR_AHEAD = "import time\n\nclock = time.time\ntime.time = lambda: clock() + 3600\n"


def test_a_worker_that_joins_late_takes_part(tmp_path: Path, slow_mock: MockServer) -> None:
    """It is told to start before its master has answered what time it is, and its own clock is wrong."""
    slow_mock.reset()
    port = str(free_port())
    here, first, late = (tmp_path / name for name in ("master", "first", "late"))
    for folder in (here, first, late):
        folder.mkdir()
    as_worker = ["--worker", "--master-port", port, "-p", "openai", "-m", "gpt-4o", "-k", "test-key-123"]
    options = [*TARGET, "-H", slow_mock.url, "-u", "4", "-r", "4", "-i", "2000"]
    (late / "sitecustomize.py").write_text(AN_HOUR_AHEAD)
    with (
        started(here, [*options, "--master", "--master-bind-port", port, "--expect-workers", "1"]) as master,
        started(first, as_worker),
    ):
        master.until(lambda: rows_so_far(here))
        with started(late, as_worker, ["env"], PYTHONPATH=f"{late}{os.pathsep}{PROJECT}"):
            master.until(lambda: len(workers_so_far(here)) == 2)
            master.send(signal.SIGINT)
            ended = master.wait()
    assert ended.code == 130, ended.stderr
    numbers = sorted(int(row["request"]) for row in rows_in(here))
    assert numbers == list(range(1, slow_mock.stats()["requests"] + 1))
    assert summary_in(here)["lost"] == {"calls": 0, "workers": 0, "refused_rows": 0}
    assert max(float(row["start_s"]) for row in rows_in(here)) < 3600


def test_a_worker_that_stands_still_before_it_is_ready_is_not_believed(tmp_path: Path, slow_mock: MockServer) -> None:
    """It joins during a run, and Locust has given it its users by then, who are missing until it goes on."""
    port = str(free_port())
    here, first, late = (tmp_path / name for name in ("master", "first", "late"))
    for folder in (here, first, late):
        folder.mkdir()
    as_worker = ["--worker", "--master-port", port, "-p", "openai", "-m", "gpt-4o", "-k", "test-key-123"]
    options = [*TARGET, "-H", slow_mock.url, "-u", "2", "-r", "2", "-i", "2000", "--expect-workers", "1"]
    with (
        started(here, [*options, "--master", "--master-bind-port", port]) as master,
        started(first, as_worker),
    ):
        master.until(lambda: rows_so_far(here))
        with started(late, as_worker, ["env"]) as frozen:
            master.until(lambda: "2 workers connected" in master.stderr())
            os.kill(frozen.process.pid, signal.SIGSTOP)
            time.sleep(LATE_START_S + 0.5)
            os.kill(frozen.process.pid, signal.SIGCONT)
            master.until(lambda: len(workers_so_far(here)) == 2)
            master.send(signal.SIGINT)
            assert master.wait().code == 130
    summary = summary_in(here)
    assert summary["client"]["stalls"]["longest_s"] > LATE_START_S
    assert not summary["verdict"]["believable"]


def test_a_worker_without_a_key_ends_the_run_and_is_named(tmp_path: Path, mock_server: MockServer) -> None:
    port = str(free_port())
    here, there = tmp_path / "master", tmp_path / "worker"
    here.mkdir()
    there.mkdir()
    options = [*TARGET, "-H", mock_server.url, "-u", "3", "-r", "3", "-i", "30"]
    with (
        started(here, [*options, "--master", "--master-bind-port", port, "--expect-workers", "1"]) as master,
        started(there, ["--worker", "--master-port", port]),
    ):
        ended = master.wait()
    assert ended.code == 2, ended.stderr
    reasons = [line for line in ended.stderr.splitlines() if "OPENAI_API_KEY" in line]
    assert len(reasons) == 1
    assert f"worker {socket.gethostname()}-0: " in reasons[0]
    assert mock_server.stats()["requests"] == 0


def test_prompts_in_order_follow_the_calls_numbers_over_all_workers(tmp_path: Path, slow_mock: MockServer) -> None:
    """Without -i, where each worker would otherwise number its calls for itself."""
    options = ["--processes", "2", "-u", "4", "-r", "4", "-t", "2", "--selection-mode", "in-order"]
    ended = locust(tmp_path, *against(slow_mock, *options))
    assert ended.code == 0, ended.stderr
    rows = sorted(rows_in(tmp_path), key=lambda row: int(row["request"]))
    files = read(PROJECT / "unstructured_data")
    prompts = [prompt.prompt_id for file in files for prompt in file.prompts]
    assert len({row["worker"] for row in rows}) == 2
    assert [row["prompt_id"] for row in rows] == prompts[: len(rows)]
    facts = json.loads((tmp_path / "run_run.json").read_text())
    assert facts["seeds_sha256"] == sha256(files)


def test_conversations_over_workers_are_in_order_and_each_stays_with_its_worker(
    tmp_path: Path, mock_server: MockServer
) -> None:
    spoken = [{"role": role, "content": "Hi."} for role in ("user", "assistant", "user", "assistant", "user")]
    lines = [json.dumps({"messages": spoken[:length]}) for length in (5, 1, 3)]
    (tmp_path / "talks.jsonl").write_text("\n".join(lines))
    options = ["--processes", "2", "-u", "4", "-r", "4", "-i", "60", "--selection-mode", "in-order"]
    ended = locust(tmp_path, *against(mock_server, *options, "-d", str(tmp_path / "talks.jsonl")))
    assert ended.code == 0, ended.stderr
    rows = sorted(rows_in(tmp_path), key=lambda row: int(row["request"]))
    assert [int(row["request"]) for row in rows] == list(range(1, 61))
    talks: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        talks.setdefault(int(row["conversation"]), []).append(row)
    assert sorted(talks) == list(range(1, len(talks) + 1))
    for number, calls in talks.items():
        assert {row["prompt_id"] for row in calls} == {f"talks.jsonl#{(number - 1) % 3 + 1}"}
        assert len({row["worker"] for row in calls}) == 1
        assert [int(row["turn"]) for row in calls] == list(range(1, len(calls) + 1))
    came = Counter(str(2 * int(row["turn"]) - 2) for row in rows)
    assert mock_server.stats()["by_history_messages"] == came
    assert [turn["total_requests"] for turn in summary_in(tmp_path)["by_turn"]] == [came["0"], came["2"], came["4"]]


def test_a_worker_with_other_seed_files_ends_the_run_and_is_named(tmp_path: Path, mock_server: MockServer) -> None:
    port = str(free_port())
    here, there = tmp_path / "master", tmp_path / "worker"
    for folder in (here, there):
        (folder / "own").mkdir(parents=True)
        (folder / "own" / "a.txt").write_text(f"### Prompt\nSay it.\n---\nAs the {folder.name}.\n")
    options = [*TARGET, "-H", mock_server.url, "-i", "3", "-d", "own", "--master", "--master-bind-port", port]
    with (
        started(here, [*options, "--expect-workers", "1"]) as master,
        started(there, ["--worker", "--master-port", port, "-k", "test-key-123"]),
    ):
        ended = master.wait()
    assert ended.code == 2, ended.stderr
    assert "-0: the seed files differ from the master's" in ended.stderr
    assert mock_server.stats()["requests"] == 0


HEADER, QUERY = ["--header", "x-mock-status:429"], "?tenant=7"
UNLIKE = {
    "a header on the master": (HEADER, "", [], "", "-0: the master has other headers"),
    "a header on the worker": ([], "", HEADER, "", "-0: the master has other headers"),
    "a query on the master": ([], QUERY, [], "", "-0: the master's -H has a query"),
    "a query on the worker": ([], "", [], QUERY, "-0: the master's -H has no query"),
}


@pytest.mark.parametrize("case", UNLIKE)
def test_a_worker_that_would_send_something_else_ends_the_run(
    case: str, tmp_path: Path, mock_server: MockServer
) -> None:
    """Headers and queries can be secrets, so the master sends none to its workers: each has its own."""
    masters, masters_query, workers, workers_query, reason = UNLIKE[case]
    port = str(free_port())
    here, there = tmp_path / "master", tmp_path / "worker"
    here.mkdir()
    there.mkdir()
    options = [*TARGET, *masters, "-H", mock_server.url + masters_query, "-i", "3", "--expect-workers", "1"]
    own = ["-k", "test-key-123", *workers, "-H", mock_server.url + workers_query]
    with (
        started(here, [*options, "--master", "--master-bind-port", port]) as master,
        started(there, ["--worker", "--master-port", port, *own]),
    ):
        ended = master.wait()
    assert ended.code == 2, ended.stderr
    assert reason in ended.stderr
    assert mock_server.stats()["requests"] == 0


def test_two_runs_from_the_web_ui_over_workers_have_their_own_calls(tmp_path: Path, mock_server: MockServer) -> None:
    """The budget is spent long before all users have started: none of them is left over for the second run."""
    port = str(free_port())
    workers = ["--processes", "2", "--master-bind-port", port, "--master-port", port]
    with web_ui(tmp_path, "-H", mock_server.url, "-p", "openai", "-m", "gpt-4o", *workers) as page:
        for before in range(2):
            mock_server.reset()
            slowly = {"user_count": "60", "spawn_rate": "4", "iterations": "24"}
            answer = page.start(**OPENAI, host=mock_server.url, **slowly)
            assert answer["success"], answer
            rows = rows_in(page.next_run(before), "metrics")
            assert sorted(int(row["request"]) for row in rows) == list(range(1, 25))
            assert mock_server.stats()["requests"] == 24


def test_users_asked_for_while_a_run_ends_are_not_started(tmp_path: Path) -> None:
    """Workers took them for those of another test, and the next run made no call and never ended."""
    port = str(free_port())
    workers = ["--processes", "1", "--master-bind-port", port, "--master-port", port]
    with web_ui(tmp_path, "--mock", *workers) as page:
        slow = {**OPENAI, "host": "http://localhost:8000", "mock": "true", "mock_latency": "8"}
        assert page.start(**slow, user_count="6", spawn_rate="6")["success"]
        page.running.until(lambda: json.loads(page.get("llm/data"))["status"]["users"] == 6)
        stopped = gevent.spawn(page.post, "stop")
        while (asked := page.start(**slow, user_count="40", spawn_rate="1"))["success"]:
            gevent.sleep(0.05)
        assert asked["message"] == BUSY
        assert stopped.get()["success"]
        page.next_run(0)
        assert page.start(**{**slow, "mock_latency": "0"}, user_count="1", spawn_rate="1", iterations="3")["success"]
        assert len(rows_in(page.next_run(1), "metrics")) == 3, page.running.stderr()


def test_a_worker_that_stands_still_as_a_run_begins_is_not_believed(tmp_path: Path) -> None:
    """Its users are missing until it goes on: the others' calls meet a server with less load than was asked for."""
    port = str(free_port())
    workers = ["--processes", "2", "--master-bind-port", port, "--master-port", port]
    with web_ui(tmp_path, "--mock", *workers) as page:
        frozen = children_of(page.running)[0]
        os.kill(frozen, signal.SIGSTOP)
        mock = {**OPENAI, "host": "http://localhost:8000", "mock": "true", "mock_latency": "0.2"}
        assert page.start(**mock, user_count="2", spawn_rate="2")["success"]
        time.sleep(LATE_START_S + 0.5)
        os.kill(frozen, signal.SIGCONT)
        page.running.until(lambda: json.loads(page.get("llm/data"))["status"]["users"] == 2)
        assert page.post("stop")["success"]
        summary = summary_in(page.next_run(0), "metrics")
    assert summary["client"]["stalls"]["longest_s"] > LATE_START_S
    assert not summary["verdict"]["believable"]


def test_an_open_loop_over_workers_calls_each_at_its_time(tmp_path: Path, mock_server: MockServer) -> None:
    ended = locust(tmp_path, *against(mock_server, "--processes", "2", "--rate", "50", "-u", "100", "-i", "100"))
    assert ended.code == 0, ended.stderr
    rows = sorted(rows_in(tmp_path), key=lambda row: int(row["request"]))
    assert [int(row["request"]) for row in rows] == list(range(1, 101))
    assert {row["outcome"] for row in rows} == {"ok"}
    assert len(workers_so_far(tmp_path)) == 2
    scheduled = [datetime.fromisoformat(row["scheduled_at"]).timestamp() for row in rows]
    gaps_s = [later - earlier for earlier, later in pairwise(scheduled)]
    assert all(0.01 < gap_s < 0.03 for gap_s in gaps_s), gaps_s
    assert scheduled[-1] - scheduled[0] == pytest.approx(99 * 0.02, abs=0.01)
    assert all(float(row["start_lag_s"]) >= 0 for row in rows)
    assert mock_server.stats()["requests"] == 100


def test_an_open_loop_over_workers_ends_in_time_with_every_call_made_or_dropped(
    tmp_path: Path, slow_mock: MockServer
) -> None:
    slow_mock.reset()
    options = ["--processes", "2", "--rate", "50", "-u", "4", "--timeout", "1", "-t", "3s"]
    ended = locust(tmp_path, *against(slow_mock, *options))
    assert ended.code == 0, ended.stderr
    rows = rows_in(tmp_path)
    made = [row for row in rows if row["outcome"] != "dropped"]
    assert len(made) == slow_mock.stats()["requests"] > 0
    assert len(rows) > len(made)
    assert len({row["request"] for row in rows}) == len(rows)
    assert summary_in(tmp_path)["lost"] == {"calls": 0, "workers": 0, "refused_rows": 0}


ANOTHER_LOCUSTFILE = """
from locust import User, task

class SomeUser(User):
    @task
    def nothing(self): self.environment.runner.quit()
"""


def test_a_worker_with_another_locustfile_is_reported_and_nobody_believes_the_run(
    tmp_path: Path, mock_server: MockServer
) -> None:
    """Locust gives it half of the users, who make no call."""
    port = str(free_port())
    here, there = tmp_path / "master", tmp_path / "worker"
    for folder in (here, there):
        folder.mkdir()
    (tmp_path / "other.py").write_text(ANOTHER_LOCUSTFILE)
    options = [*TARGET, "-H", mock_server.url, "-u", "4", "-r", "4", "-i", "20", "--timeout", "1"]
    joins = ["--worker", "--master-port", port]
    other = [sys.executable, "-m", "locust", "-f", str(tmp_path / "other.py"), *joins]
    with (
        started(here, [*options, "--master", "--master-bind-port", port, "--expect-workers", "2"]) as master,
        started(there, [*joins, "-k", "test-key-123"]),
        subprocess.Popen(other, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as stranger,
    ):
        ended = master.wait()
        stranger.kill()
    assert ended.code == 0, ended.stderr
    summary = summary_in(here)
    assert (summary["success_count"], summary["lost"]["workers"]) == (20, 1)
    assert summary["verdict"]["believable"] is False


def test_a_run_begins_once_its_workers_are_prepared_or_one_never_will_be() -> None:
    """The first calls of an open loop were as late as the workers' import of an SDK was slow."""
    runner = Environment().create_master_runner("127.0.0.1", 0)
    master = Master(runner, lambda *_: None, lambda: False)
    for name in ("one", "two"):
        runner.clients[name] = WorkerNode(name)
    waiting = gevent.spawn(master.wait_for_workers, 2)
    runner.handle_message("one", Message(PREPARED, None, "one"))
    waiting.join(0.2)
    assert not waiting.ready()
    gevent.spawn(master.wait_for_workers, 2, PATIENCE_S, import_s=0.0).get(timeout=10)
    runner.handle_message("two", Message(PREPARED, None, "two"))
    waiting.get(timeout=10)
    runner.greenlet.kill()
    runner.server.close(linger=0)


def test_a_stranger_among_the_workers_ends_the_run_after_a_while_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.cluster.master.PATIENCE_S", 0.2)
    runner = Environment().create_master_runner("127.0.0.1", 0)
    refused: list[tuple[str, int]] = []
    master = Master(runner, lambda *refusal: refused.append(refusal), lambda: False)
    runner.clients["host_5af1c0"] = WorkerNode("host_5af1c0")
    gevent.sleep(1)
    assert refused == []  # No run is on.
    recorder: Any = SimpleNamespace(run_id="a run")
    master.begin(recorder, Budget(None, lambda: None))
    gevent.sleep(1.5)
    runner.greenlet.kill()
    runner.server.close(linger=0)
    assert refused == [("worker host-0 makes no calls: does it run this locustfile?", 2)]


def test_a_worker_of_another_version_than_its_master_ends_the_run(tmp_path: Path) -> None:
    """It lacks an option that the master should have sent."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as master:
        port = master.bind_to_random_port("tcp://127.0.0.1")
        options = {"run_id": "a run", "run_began_at": 0.0, "run_started_at": 0.0, "run_seed": 1}
        spawn = {
            "timestamp": 1.0,
            "user_classes_count": {},
            "host": "http://x",
            "stop_timeout": 0.0,
            "parsed_options": options,
        }
        answers = {"client_ready": ("ack", {"index": 0}), PREPARED: ("spawn", spawn), REFUSED: ("quit", None)}
        with started(tmp_path, ["--worker", "--master-port", str(port), "--mock"]) as worker:
            reason = ""
            while not reason:
                assert master.poll(60_000), worker.stderr()
                name, message = master.recv_multipart()
                said = Message.unserialize(message)
                if said.type in answers:
                    master.send_multipart([name, Message(*answers[said.type], name.decode()).serialize()])
                reason = said.data["reason"] if said.type == REFUSED else ""
            ended = worker.wait()
    assert "-0: AttributeError(" in reason
    assert reason.endswith(": does it have its master's version of this project?")
    assert "Traceback" not in ended.stderr


def test_locust_counts_no_calls_of_an_earlier_run_or_of_strangers() -> None:
    """Their rows are refused, so its statistics would have more calls than the run."""
    runner = Environment().create_master_runner("127.0.0.1", 0)
    master = Master(runner, lambda *_: None, lambda: False)
    recorder: Any = SimpleNamespace(run_id="this run", receive=lambda *_: None, refuse=lambda _: None)
    total = RequestStats().total
    total.log(7, 0)

    def report(**run: str) -> None:
        data = {"stats": [], "stats_total": total.serialize(), "errors": {}, "user_classes_count": {}, **run}
        runner.handle_message("worker", Message("stats", data, "worker"))

    runner.clients["worker"] = WorkerNode("worker")
    report(llm_run="this run")  # It has yet to begin.
    master.begin(recorder, Budget(None, lambda: None))
    for run in ({}, {"llm_run": "an earlier run"}, {"llm_run": "this run"}):
        report(**run)
    runner.greenlet.kill()
    runner.server.close(linger=0)
    assert runner.stats.total.num_requests == 1


def test_a_worker_that_dies_before_its_first_report_is_lost() -> None:
    """Its users made no calls until Locust noticed."""
    runner = Environment().create_master_runner("127.0.0.1", 0)
    master = Master(runner, lambda *_: None, lambda: False)
    lost: list[tuple[int, int]] = []
    recorder: Any = SimpleNamespace(run_id="a run", is_counted_out=True, lose=lambda *counts: lost.append(counts))
    for worker in ("earlier", "here", "gone"):
        runner.clients[worker] = WorkerNode(worker)
        runner.handle_message(worker, Message(PREPARED, None, worker))
    runner.clients["earlier"].state = STATE_MISSING
    master.begin(recorder, Budget(None, lambda: None))
    runner.clients["gone"].state = STATE_MISSING
    stopping = gevent.spawn(runner.environment.events.test_stopping.fire, environment=runner.environment)
    gevent.sleep(0.1)
    runner.handle_message("here", Message(DRAINED, None, "here"))
    stopping.join(timeout=10)
    runner.greenlet.kill()
    runner.server.close(linger=0)
    assert lost == [(0, 1)]


def test_a_worker_that_sends_no_last_report_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what it did, even if the master has not yet taken it for dead, as in a run's first half minute."""
    monkeypatch.setattr(drain, "PATIENCE_S", 0.2)
    runner = Environment().create_master_runner("127.0.0.1", 0)
    runner.environment.stop_timeout = 0
    master = Master(runner, lambda *_: None, lambda: True)
    lost: list[tuple[int, int]] = []
    recorder: Any = SimpleNamespace(run_id="a run", is_counted_out=True, lose=lambda *counts: lost.append(counts))
    for worker in ("silent", "left"):
        runner.clients[worker] = WorkerNode(worker)
        runner.handle_message(worker, Message(PREPARED, None, worker))
    master.begin(recorder, Budget(None, lambda: None))
    del runner.clients["left"]  # as after a signal that both got
    runner.environment.events.test_stopping.fire(environment=runner.environment)
    runner.greenlet.kill()
    runner.server.close(linger=0)
    assert lost == [(0, 1)]


def test_a_worker_that_was_out_of_touch_is_not_forgotten_when_it_comes_back() -> None:
    """Others were given its users, while it may have made calls with them."""
    runner = Environment().create_master_runner("127.0.0.1", 0)
    master = Master(runner, lambda *_: None, lambda: False)
    lost: list[tuple[int, int]] = []
    recorder: Any = SimpleNamespace(run_id="a run", is_counted_out=True, lose=lambda *counts: lost.append(counts))
    for worker in ("here", "back"):
        runner.clients[worker] = WorkerNode(worker)
        runner.handle_message(worker, Message(PREPARED, None, worker))
    for _ in range(2):
        master.begin(recorder, Budget(None, lambda: None))
        if not lost:
            runner.clients["back"].state = STATE_MISSING
            gevent.sleep(2 * LOOK_EVERY_S)
        beat = {"state": STATE_RUNNING, "current_cpu_usage": 0}
        runner.handle_message("back", Message("heartbeat", beat, "back"))
        stopping = gevent.spawn(runner.environment.events.test_stopping.fire, environment=runner.environment)
        gevent.sleep(0.1)
        for worker in ("here", "back"):
            runner.handle_message(worker, Message(DRAINED, None, worker))
        stopping.join(timeout=10)
    runner.greenlet.kill()
    runner.server.close(linger=0)
    assert lost == [(0, 1), (0, 0)]


def test_a_worker_that_was_silent_before_it_took_part_is_not_lost() -> None:
    """It joins during a run and imports its SDK, which takes over 5 s on a busy machine."""
    runner = Environment().create_master_runner("127.0.0.1", 0)
    master = Master(runner, lambda *_: None, lambda: False)
    lost: list[tuple[int, int]] = []
    recorder: Any = SimpleNamespace(
        run_id="a run", is_counted_out=True, refuse=lambda _: None, receive=lambda *_: None,
        lose=lambda *counts: lost.append(counts),
    )  # fmt: skip
    master.begin(recorder, Budget(None, lambda: None))
    runner.clients["late"] = WorkerNode("late")
    runner.clients["late"].state = STATE_MISSING
    gevent.sleep(2 * LOOK_EVERY_S)
    runner.handle_message("late", Message(PREPARED, None, "late"))
    runner.handle_message("late", Message("heartbeat", {"state": STATE_RUNNING, "current_cpu_usage": 0}, "late"))
    report = {RUN: "a run", CALLS: [], "user_classes_count": {}}
    runner.environment.events.report_to_master.fire(client_id="late", data=report)
    runner.environment.events.worker_report.fire(client_id="late", data=report)
    stopping = gevent.spawn(runner.environment.events.test_stopping.fire, environment=runner.environment)
    gevent.sleep(0.1)
    runner.handle_message("late", Message(DRAINED, None, "late"))
    stopping.join(timeout=10)
    runner.greenlet.kill()
    runner.server.close(linger=0)
    assert lost == [(0, 0)]


def test_a_run_is_stopping_until_all_that_stop_it_are_done() -> None:
    """The page and the loss of the last worker can stop it together. The later of them would have ended the next run,
    too."""
    runner = Environment().create_master_runner("127.0.0.1", 0)
    master = Master(runner, lambda *_: None, lambda: False)
    events, seen = runner.environment.events, []
    for event in (events.test_stopping, events.test_stopping, events.test_stop, events.test_stop):
        event.fire(environment=runner.environment)
        seen.append(master.is_stopping)
    runner.greenlet.kill()
    runner.server.close(linger=0)
    assert seen == [True, True, True, False]
