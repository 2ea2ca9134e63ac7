"""What a run writes: stdout, the log and its files; and what report.py makes of them."""

import csv
import io
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import numpy as np
import pytest

from tests.command_line import (
    FILES,
    QUICK_MOCK,
    Command,
    Ended,
    free_port,
    locust,
    locusts,
    report,
    rows_in,
    scrubbed,
    stats_in,
    summary_in,
)
from tests.mock_server import MockServer
from tests.raw_server import WAIT_S, answer, answering, serving
from tests.running import harnessed, start_and_wait

COLUMNS = (
    "run_id,request,provider,model,api,mode,prompt_id,prompt,timestamp,start_s,latency_s,response_bytes,"
    "status,outcome,error,finish_reason,input_tokens,output_tokens,connection"
)
SUMMARY = {
    "run_id", "provider", "model", "api", "mode", "host", "start", "end", "total_requests", "success_count",
    "failure_count", "aborted_count", "error_rate", "total_execution_time_s", "throughput_rps", "latency_s",
    "total_bytes", "repeated_payloads", "failures", "options", "versions", "seed",
}  # fmt: skip

ONE_USER = Command([*QUICK_MOCK, "-u", "1", "-i", "5", "-o", "json", "-j", "--seed", "7", "--csv", "run"])
SEVEN_USERS = Command([*QUICK_MOCK, "-u", "7", "-r", "7", "-i", "5", "-o", "csv", "--csv", "run"])
TWENTY_USERS = Command([*QUICK_MOCK, "-u", "20", "-r", "20", "-i", "5", "--log-file", "run.log"])
MANY_CALLS = Command(["--headless", "--config", "many.conf", "--cache-bust", "--csv", "run"])
CONFIG = """
provider = anthropic
model = claude-3-sonnet-20240229
mock = true
mock-latency = 0.05
mock-error-rate = 0.1
users = 10
spawn-rate = 10
iterations = 307
"""

NO_TEXTS = [
    ("Content-Encoding: gzip", b"no gzip"),
    ("Content-Type: text/html; charset=hex", b"no hex"),
    ("Content-Type: text/html; charset=utf-16", b"x"),
]
"""Headers that don't match the body."""

PLAIN_LOCUSTFILE = """
from locust import User, constant, task


class Plain(User):
    wait_time = constant(0.01)

    @task
    def fire(self):
        for ms in range(1, 101):
            failed = ValueError("no") if ms == 50 else None
            self.environment.events.request.fire(
                request_type="OWN", name="thing", response_time=ms, response_length=10, exception=failed, context={})
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each run of this module has a separate folder."""
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def ended(folder: Path, shared_mock_server: MockServer) -> dict[str, Ended]:
    (folder / "many").mkdir()
    (folder / "many" / "many.conf").write_text(CONFIG)
    nobody = f"http://127.0.0.1:{free_port()}"
    model_and_key = {"LLM_MODEL_NAME": "our-own-model", "LLM_API_KEY": "test-key-123"}
    environment = ["--headless", "-i", "2", "--csv", "run"]
    all_in_variables = {"LLM_ENDPOINT_URL": shared_mock_server.url, **model_and_key, "LOCUST_TIMEOUT": "12"}
    return locusts(
        folder,
        {
            "one": ONE_USER,
            "seven": SEVEN_USERS,
            "twenty": TWENTY_USERS,
            "many": MANY_CALLS,
            "variables": Command(environment, all_in_variables),
            "overruled": Command(
                [*environment, "-H", shared_mock_server.url], {"LLM_ENDPOINT_URL": nobody, **model_and_key}
            ),
        },
    )


@pytest.fixture
def one(folder: Path, ended: dict[str, Ended]) -> Path:
    assert ended["one"].code == 0
    return folder / "one"


@pytest.fixture
def many(folder: Path, ended: dict[str, Ended]) -> Path:
    assert ended["many"].code == 0
    return folder / "many"


def test_json_is_alone_on_stdout_and_the_log_on_stderr(one: Path, ended: dict[str, Ended]) -> None:
    assert json.loads(ended["one"].stdout) == summary_in(one)
    assert "Starting Locust" in ended["one"].stderr


def test_csv_is_alone_on_stdout(folder: Path, ended: dict[str, Ended]) -> None:
    names, values = csv.reader(io.StringIO(ended["seven"].stdout))
    flat = dict(zip(names, values, strict=True))
    assert flat["total_requests"] == "5"
    assert float(flat["latency_s.median"]) == summary_in(folder / "seven")["latency_s"]["median"]
    assert "Starting Locust" in ended["seven"].stderr


@pytest.mark.parametrize("run", ["one", "seven", "twenty"])
def test_a_count_is_exact_for_any_number_of_users(run: str, folder: Path, ended: dict[str, Ended]) -> None:
    where, prefix = (folder / run, "run") if run != "twenty" else (folder / run / "results" / "latest", "metrics")
    assert sorted(row["request"] for row in rows_in(where, prefix)) == ["1", "2", "3", "4", "5"]
    assert stats_in(where, prefix)["Request Count"] == "5"
    assert summary_in(where, prefix)["total_requests"] == 5


@pytest.mark.parametrize("run", ["one", "seven", "twenty", "variables"])
def test_a_run_without_trouble_logs_no_warning(run: str, folder: Path, ended: dict[str, Ended]) -> None:
    log = (folder / run / "run.log").read_text() if run == "twenty" else ended[run].stderr
    loud = [line for line in log.splitlines() if re.search("/(WARNING|ERROR|CRITICAL)/|Traceback", line)]
    assert loud == []


def test_the_rows_have_the_columns_of_the_specification(one: Path) -> None:
    rows = rows_in(one)
    assert ",".join(rows[0]).startswith(f"{COLUMNS},")
    assert {(row["mode"], row["status"], row["outcome"], row["error"], row["connection"]) for row in rows} == {
        ("mock", "200", "ok", "", "")
    }
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["timestamp"]) for row in rows)
    assert all(re.fullmatch(r"\w+\.txt#\d+", row["prompt_id"]) for row in rows)


def test_the_summary_has_the_fields_of_the_specification(one: Path) -> None:
    summary = summary_in(one)
    assert set(summary) >= SUMMARY
    assert list(summary["latency_s"])[:8] == ["min", "avg", "median", "p90", "p95", "p99", "p99_9", "max"]
    assert (summary["provider"], summary["model"], summary["api"], summary["mode"]) == (
        "openai", "gpt-4o", "chat", "mock",
    )  # fmt: skip
    assert summary["seed"] == 7
    assert "api_key" not in summary["options"]
    assert summary["too_few_samples"] == ["p90", "p95", "p99", "p99_9"]


def test_the_summary_is_what_the_rows_say(many: Path) -> None:
    rows, summary = rows_in(many), summary_in(many)
    good = [float(row["latency_s"]) for row in rows if row["outcome"] == "ok"]
    starts = [float(row["start_s"]) for row in rows]
    ends = [float(row["start_s"]) + float(row["latency_s"]) for row in rows]
    assert summary["total_requests"] == len(rows) == 307
    assert summary["success_count"] == len(good)
    assert summary["error_rate"] == pytest.approx((307 - len(good)) / 307)
    assert summary["total_execution_time_s"] == pytest.approx(max(ends) - min(starts))
    assert summary["throughput_rps"] == pytest.approx(len(good) / (max(ends) - min(starts)))
    assert summary["total_bytes"] == sum(int(row["response_bytes"]) for row in rows)
    for name, share in (("min", 0), ("median", 50), ("p95", 95), ("p99", 99), ("max", 100)):
        assert summary["latency_s"][name] == pytest.approx(float(np.percentile(good, share)))
    (failure,) = summary["failures"]
    assert (failure["error"], failure["status"], failure["reason"]) == ("InternalServerError", 500, None)
    assert failure["count"] == summary["failure_count"]
    assert summary["start"] <= failure["first"] < failure["last"] <= summary["end"]


def test_locusts_statistics_count_every_call(many: Path) -> None:
    rows, stats = rows_in(many), stats_in(many)
    assert int(stats["Request Count"]) == 307
    assert int(stats["Failure Count"]) == sum(row["outcome"] == "failed" for row in rows) > 0


def test_locusts_percentiles_are_those_of_all_calls_within_half_a_percent(many: Path) -> None:
    latencies_ms = [1000 * float(row["latency_s"]) for row in rows_in(many)]
    stats = stats_in(many)
    for name in ("50%", "66%", "75%", "80%", "90%", "95%", "98%", "99%", "99.9%", "100%"):
        exact = float(np.percentile(latencies_ms, float(name.rstrip("%"))))
        assert float(stats[name]) == pytest.approx(exact, rel=0.005), name


def test_without_a_failure_locusts_percentiles_are_the_summarys(folder: Path, ended: dict[str, Ended]) -> None:
    stats, latency_s = stats_in(folder / "seven"), summary_in(folder / "seven")["latency_s"]
    for column, name in (("Median Response Time", "median"), ("50%", "median"), ("95%", "p95"), ("99%", "p99")):
        assert float(stats[column]) == pytest.approx(1000 * latency_s[name], rel=0.005)


def test_a_config_file_sets_the_options(many: Path) -> None:
    row = rows_in(many)[0]
    assert (row["provider"], row["model"], row["mode"]) == ("anthropic", "claude-3-sonnet-20240229", "mock")
    assert summary_in(many)["options"]["mock_median_latency_s"] == 0.05


def test_a_busted_cache_sees_no_payload_twice(many: Path) -> None:
    assert len({row["prompt"] for row in rows_in(many)}) == 307
    assert summary_in(many)["repeated_payloads"] == 0


def test_repeated_payloads_are_counted(folder: Path, ended: dict[str, Ended]) -> None:
    prompts = [row["prompt"] for row in rows_in(folder / "seven")]
    assert summary_in(folder / "seven")["repeated_payloads"] == sum(prompts.count(one) > 1 for one in set(prompts))


def test_a_prefix_that_was_used_is_kept_and_a_seed_draws_the_same_again(one: Path) -> None:
    before = (one / "run_requests.csv").read_bytes(), (one / "run_stats.csv").read_bytes()
    again = locust(one, *ONE_USER.arguments)
    assert again.code == 0
    assert before == ((one / "run_requests.csv").read_bytes(), (one / "run_stats.csv").read_bytes())
    drawn = ("prompt_id", "prompt", "response_bytes", "input_tokens", "output_tokens", "finish_reason")
    first, second = ([[row[name] for name in drawn] for row in rows_in(one, prefix)] for prefix in ("run", "run-2"))
    assert first == second
    endings = {path.name.removeprefix("run_") for path in one.glob("run_*")}
    assert endings == {path.name.removeprefix("run-2_") for path in one.glob("run-2_*")}


def test_without_a_prefix_a_run_has_a_folder_and_latest_points_there(folder: Path, ended: dict[str, Ended]) -> None:
    results = folder / "twenty" / "results"
    (run,) = [path for path in results.iterdir() if not path.is_symlink()]
    assert (results / "latest").resolve() == run
    assert {"metrics_requests.csv", "metrics_run.json", "metrics_summary.json", "metrics_stats.csv"} <= {
        path.name for path in run.iterdir()
    }
    assert summary_in(run, "metrics")["run_id"] == run.name
    assert not list((folder / "twenty").glob("*.csv"))


def test_a_log_file_holds_the_log_and_the_summary(folder: Path, ended: dict[str, Ended]) -> None:
    log = (folder / "twenty" / "run.log").read_text()
    assert ended["twenty"].stdout.strip() in log
    assert "Starting Locust" in log
    assert ended["twenty"].stderr == ""


def test_raw_responses_are_logged_as_one_json_line_each(ended: dict[str, Ended]) -> None:
    lines = re.findall(r"llm: (\{.*\})$", ended["one"].stderr, re.MULTILINE)
    assert [json.loads(line)["object"] for line in lines] == ["chat.completion"] * 5


def test_one_user_logs_a_line_per_call(ended: dict[str, Ended]) -> None:
    assert len(re.findall(r"\[[1-5]\] Latency: \d+\.\d{3}s$", ended["one"].stderr, re.MULTILINE)) == 5


@pytest.mark.parametrize("run", ["seven", "many"])
def test_several_users_log_no_line_per_call(run: str, ended: dict[str, Ended]) -> None:
    assert "Latency:" not in ended[run].stderr
    assert "Failed after" not in ended[run].stderr


@pytest.mark.parametrize("run", ["variables", "overruled"])
def test_the_environment_describes_any_endpoint_that_speaks_openai(
    run: str, folder: Path, ended: dict[str, Ended], shared_mock_server: MockServer
) -> None:
    assert ended[run].code == 0, ended[run].stderr
    summary = summary_in(folder / run)
    assert (summary["provider"], summary["model"], summary["success_count"]) == ("openai", "our-own-model", 2)
    assert summary["host"] == shared_mock_server.url


def test_every_option_can_be_given_by_a_variable_named_as_locust_names_its_own(
    folder: Path, ended: dict[str, Ended]
) -> None:
    assert summary_in(folder / "variables")["options"]["timeout_s"] == 12


def test_a_report_is_the_summary_of_the_run(many: Path) -> None:
    done = report(many, "run", "-o", "json")
    assert json.loads(done.stdout) == summary_in(many)
    assert (done.code, done.stderr) == (0, "")


def test_a_report_finds_the_latest_run_and_shows_its_table(folder: Path, ended: dict[str, Ended]) -> None:
    done = report(folder / "twenty")
    assert done.stdout == ended["twenty"].stdout
    assert done.code == 0


def has_counted(statistics: Path) -> bool:
    return statistics.exists() and bool(re.search(r"^,Aggregated,[1-9]", statistics.read_text(), re.MULTILINE))


def wait_until(happened: Callable[[], object], timeout_s: float = 60) -> None:
    give_up_at = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def test_a_report_of_any_locust_project_says_that_the_percentiles_are_locusts(tmp_path: Path) -> None:
    (tmp_path / "locustfile.py").write_text(PLAIN_LOCUSTFILE)
    plain = [sys.executable, "-m", "locust", "--headless", "-u", "1", "--csv", "own", "--only-summary"]
    null = subprocess.DEVNULL
    with subprocess.Popen(plain, cwd=tmp_path, env=scrubbed(), stdin=null, stdout=null, stderr=null) as process:
        wait_until(lambda: has_counted(tmp_path / "own_stats.csv"))
        process.terminate()
    done = report(tmp_path, "own_stats.csv", "-o", "json")
    summary: dict[str, Any] = json.loads(done.stdout)
    stats = stats_in(tmp_path, "own")
    assert "Percentiles are Locust's" in report(tmp_path, "own").stdout
    assert summary["total_requests"] == int(stats["Request Count"]) > 0
    assert summary["failure_count"] == int(stats["Failure Count"]) == summary["total_requests"] // 100
    assert summary["latency_s"]["p95"] == pytest.approx(float(stats["95%"]) / 1000)
    assert summary["entries"][0]["name"] == "thing"


@pytest.mark.parametrize(("header", "body"), NO_TEXTS)
def test_a_body_that_is_not_text_is_logged_as_far_as_possible_and_its_call_ends(
    header: str, body: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.chdir(tmp_path)
    with serving(answering(answer(body, header))) as server:
        openai = ["-p", "openai", "-m", "gpt-4o", "-k", "test-key-123", "-H", server.url]
        environment, harness = harnessed([*FILES, *openai, "--headless", "-j", "-i", "2", "--csv", "run"])
        with gevent.Timeout(WAIT_S):
            start_and_wait(environment, users=1)
        harness.end(environment)
    assert [row["outcome"] for row in rows_in(tmp_path)] == ["failed", "failed"]
