"""Whole runs that stream: their files, their report, the web UI, and runs over several processes."""

import csv
import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import report
from harness.watch.llm_tab import UNSTREAMED
from summary.vocabulary import OBSERVED
from tests.asking import APIS
from tests.cases import case_of
from tests.command_line import Ended, Running, free_port, rows_in, started, stats_in, summary_in
from tests.mock_server import MockServer, serving
from tests.running import run
from tests.web_ui import FIVE_CALLS, OPENAI, Page, web_ui

STREAM_FIGURES = ("ttft_s", "ttfv_s", "tpot_s")
STATISTICS = {"min", "avg", "median", "p95", "p99", "max"}
NAME = "chat gpt-4o"
STREAMED = ("--stream", "--mock-tokens", "12")
TWO_WORKERS = [
    "--headless", "--mock", "--mock-latency", "0.05", "--mock-tokens", "8", "--stream", "--processes", "2",
    "-t", "4s", "-u", "4", "-r", "4", "--csv", "run",
]  # fmt: skip
GONE_WITHIN_S = 20.0
"""How long to wait for a process to be gone."""

Rows = list[dict[str, Any]]
Summary = dict[str, Any]


def run_in(folder: Path, *arguments: str, monkeypatch: pytest.MonkeyPatch, users: int = 1) -> tuple[Any, Rows, Summary]:
    environment, _ = run(folder, *arguments, users=users, monkeypatch=monkeypatch)
    assert environment.process_exit_code == 0
    return environment, rows_in(folder), summary_in(folder)


def total(rows: Rows, column: str) -> int:
    return sum(int(row[column]) for row in rows if row[column])


def assert_gaps_are_all_there(summary: Summary, rows: Rows) -> None:
    """In-process each token is a separate read, so a call of n tokens has n - 1 gaps."""
    gaps = total(rows, "output_tokens") - len(rows)
    itl_s = summary["itl_s"]
    assert itl_s["gaps"] == sum(itl_s["histogram_ms"].values()) == gaps > 0
    assert set(itl_s) > STATISTICS
    assert 0 < itl_s["min"] <= itl_s["median"] * 1.005
    assert itl_s["median"] <= itl_s["p95"] <= itl_s["p99"] <= itl_s["max"] * 1.005
    assert itl_s["max"] == pytest.approx(max(float(row["itl_max_s"]) for row in rows))


def assert_figures_are_those_of_the_rows(summary: Summary, rows: Rows) -> None:
    for name in ("latency_s", *STREAM_FIGURES):
        values = [float(row[name]) for row in rows if row[name]]
        assert set(summary[name]) > STATISTICS
        assert (summary[name]["min"], summary[name]["max"]) == (min(values), max(values))
        assert summary[name]["avg"] == pytest.approx(sum(values) / len(values))
    tokens = total(rows, "output_tokens")
    assert summary["output_tokens"] == tokens
    assert summary["output_tokens_per_s"] == pytest.approx(tokens / summary["total_execution_time_s"])


def assert_client_was_watched(summary: Summary, processes: int) -> None:
    client = summary["client"]
    assert client["processes"] == processes
    assert client["verdict"] == "ok" or client["verdict"].startswith("the bottleneck (")
    lag_s = client["loop_lag_s"]
    assert 0 <= lag_s["p50"] <= lag_s["p99"] <= lag_s["max"]
    assert client["cpu_share"] > 0
    assert client["late_calls"] >= 0


# In this process


def test_a_streamed_runs_summary_has_every_figure_of_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment, rows, summary = run_in(tmp_path, *STREAMED, "-i", "20", users=4, monkeypatch=monkeypatch)
    assert (len(rows), environment.stats.total.num_requests, summary["success_count"]) == (20, 20, 20)
    assert summary["stream"] is True
    assert_figures_are_those_of_the_rows(summary, rows)
    assert_gaps_are_all_there(summary, rows)
    assert_client_was_watched(summary, processes=1)


@pytest.mark.parametrize(("provider", "api"), APIS)
def test_each_provider_streams_in_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str, api: str
) -> None:
    arguments = (*STREAMED, "-p", provider, "--api", api, "-i", "3")
    _, rows, summary = run_in(tmp_path, *arguments, monkeypatch=monkeypatch)
    assert (summary["success_count"], len(rows), summary["provider"]) == (3, 3, provider)
    for row in rows:
        assert 0 < float(row["ttfb_s"]) <= float(row["ttft_s"]) <= float(row["ttfv_s"]) <= float(row["latency_s"])
    assert ("tpot_s" in summary) is case_of(provider, api).reports_usage


def test_the_report_of_a_streamed_run_is_its_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, summary = run_in(tmp_path, *STREAMED, "-i", "8", users=3, monkeypatch=monkeypatch)
    assert report.main([str(tmp_path / "run"), "-o", "json", "--out", str(tmp_path / "report.json")]) == 0
    assert json.loads((tmp_path / "report.json").read_text()) == summary


def test_a_report_without_the_summary_lacks_only_what_rows_do_not_contain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, summary = run_in(tmp_path, *STREAMED, "-i", "3", monkeypatch=monkeypatch)
    (tmp_path / "run_summary.json").unlink()
    reported = report.summary_of(tmp_path / "run")
    findings = reported.pop("verdict")["findings"]
    assert ("client", "unknown: the run was cut off") in [(found["about"], found["says"]) for found in findings]
    assert reported == {**without(summary, "verdict"), **dict.fromkeys(OBSERVED), "cut_off": True}


def without(summary: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in summary.items() if key != name}


def test_the_table_that_ends_a_streamed_run_shows_its_pace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_in(tmp_path, *STREAMED, "-i", "3", monkeypatch=monkeypatch)
    shown = capsys.readouterr().out
    assert all(title in shown for title in ("latency", "TTFT", "TTFV", "TPOT", "ITL", "tokens/s", "client"))
    assert "stream" in shown


def test_a_run_that_does_not_stream_has_no_pace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, rows, summary = run_in(tmp_path, "-i", "3", monkeypatch=monkeypatch)
    assert not set(STREAM_FIGURES) & set(summary)
    assert (summary["itl_s"], summary["stream"]) == (None, False)
    assert all(row["ttfb_s"] and not row["ttft_s"] and not row["itl_max_s"] for row in rows)
    assert_client_was_watched(summary, processes=1)
    assert not any(title in capsys.readouterr().out for title in ("TTFT", "TTFV", "TPOT", "ITL"))


@pytest.mark.parametrize("users", [1, 4])
def test_warm_up_calls_have_rows_but_are_not_in_any_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, users: int
) -> None:
    arguments = (*STREAMED, "--warmup", "3", "-i", "5")
    environment, rows, summary = run_in(tmp_path, *arguments, users=users, monkeypatch=monkeypatch)
    measured = [row for row in rows if row["phase"] == "measured"]
    assert sorted(int(row["request"]) for row in rows) == list(range(1, 9))
    assert sorted(int(row["request"]) for row in rows if row["phase"] == "warmup") == [1, 2, 3]
    assert (environment.stats.total.num_requests, stats_in(tmp_path)["Request Count"]) == (5, "5")
    assert (summary["total_requests"], summary["success_count"], summary["warmup_count"]) == (5, 5, 3)
    assert summary["total_bytes"] == total(measured, "response_bytes")
    assert summary["input_tokens"] == total(measured, "input_tokens")
    assert_figures_are_those_of_the_rows(summary, measured)
    assert_gaps_are_all_there(summary, measured)


def test_a_failed_warm_up_call_is_not_in_the_error_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--stream", "--warmup", "30", "-i", "5", "--mock-error-rate", "1")
    environment, rows, summary = run_in(tmp_path, *arguments, monkeypatch=monkeypatch)
    assert (len(rows), summary["failure_count"], summary["warmup_count"]) == (35, 5, 30)
    assert (environment.stats.total.num_failures, [failure["count"] for failure in summary["failures"]]) == (5, [5])


def test_the_figures_of_a_stream_are_over_successes_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = (*STREAMED, "-i", "30", "--mock-error-rate", "0.5", "--seed", "7")
    _, rows, summary = run_in(tmp_path, *arguments, monkeypatch=monkeypatch)
    successes = [row for row in rows if row["outcome"] == "ok"]
    assert 0 < summary["success_count"] == len(successes) < 30 == summary["total_requests"]
    assert_figures_are_those_of_the_rows(summary, successes)
    assert_gaps_are_all_there(summary, successes)


# In the web UI


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, shared_mock_server: MockServer) -> Any:
    allowed = ("-H", shared_mock_server.url, "--web-allow-host", "127.0.0.1")
    with web_ui(tmp_path_factory.mktemp("web_ui"), *allowed) as page:
        yield page


def one_run(page: Page, mock: MockServer, **fields: str) -> Path:
    before = len(page.runs())
    answer = page.start(**OPENAI, host=mock.url, **{**FIVE_CALLS, **fields})
    assert answer["success"], answer
    return page.next_run(before)


def shown(page: Page) -> Rows:
    """What the LLM tab shows."""
    tables = {table["key"]: table["data"] for table in json.loads(page.get("stats/requests"))["extended_stats"]}
    return list(tables["llm"])


def downloaded(page: Page) -> Rows:
    return list(csv.DictReader(io.StringIO(page.get("llm/csv"))))


def test_the_llm_tab_shows_and_downloads_the_latest_streams(page: Page) -> None:
    assert '"LLM"' in page.get()
    assert "/llm/csv" in page.get()
    with serving("--ttft", "0.05", "--itl", "0.03", "--tokens", "5") as paced:
        folder = one_run(page, paced, stream="true")
    [row] = shown(page)
    summary = summary_in(folder, "metrics")
    assert (row["name"], row["calls"], summary["stream"]) == (NAME, 5, True)
    assert_percentiles_rise(row)
    assert row["ttft_p99_ms"] == pytest.approx(1000 * summary["ttft_s"]["p99"], rel=0.006)
    assert row["output_tokens_per_s"] == pytest.approx(summary["output_tokens_per_s"], abs=0.1)
    [line] = downloaded(page)
    assert (line["name"], line["calls"]) == (NAME, "5")
    assert float(line["ttft_s_p50"]) == pytest.approx(summary["ttft_s"]["median"], rel=0.005)


def assert_percentiles_rise(row: dict[str, Any]) -> None:
    for figure in ("ttft", "itl", "tpot"):
        assert 0 < row[f"{figure}_p50_ms"] <= row[f"{figure}_p95_ms"] <= row[f"{figure}_p99_ms"]


def test_locusts_own_totals_hold_real_requests_only(page: Page, mock_server: MockServer) -> None:
    folder = one_run(page, mock_server, stream="true", warmup="2")
    page.running.until(lambda: page.shown_requests() == 5)
    entries = json.loads(page.get("stats/requests"))["stats"]
    assert [(entry["name"], entry["num_requests"]) for entry in entries] == [(NAME, 5), ("Aggregated", 5)]
    assert stats_in(folder, "metrics")["Request Count"] == "5"
    assert (mock_server.stats()["requests"], shown(page)[0]["calls"]) == (7, 5)


def test_a_run_that_does_not_stream_empties_the_llm_tab_which_says_why(page: Page, mock_server: MockServer) -> None:
    one_run(page, mock_server, stream="true")
    assert len(shown(page)) == 1
    one_run(page, mock_server, stream="false")
    assert [row["name"] for row in shown(page)] == [UNSTREAMED]
    assert downloaded(page) == []


# Over two processes


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended, Running]:
    folder = tmp_path_factory.mktemp("two_workers")
    port = str(free_port())  # on Locust's default port, another run's workers would join this run
    with started(folder, [*TWO_WORKERS, "--master-bind-port", port, "--master-port", port]) as running:
        return folder, running.wait(), running


Distributed = tuple[Path, Ended, Running]


def test_the_rows_of_both_workers_are_in_one_file(two_workers: Distributed) -> None:
    folder, ended, _ = two_workers
    rows, summary = rows_in(folder), summary_in(folder)
    assert (ended.code, "Traceback" in ended.stderr) == (0, False), ended.stderr
    assert len({row["worker"] for row in rows}) == 2
    assert len(rows) == int(stats_in(folder)["Request Count"]) == summary["total_requests"] == summary["success_count"]
    assert len({row["run_id"] for row in rows}) == 1
    assert sorted(path.name for path in folder.glob("*_requests.csv")) == ["run_requests.csv"]


def test_a_distributed_runs_figures_are_over_both_workers(two_workers: Distributed) -> None:
    folder, _, _ = two_workers
    rows, summary = rows_in(folder), summary_in(folder)
    assert_figures_are_those_of_the_rows(summary, rows)
    assert_gaps_are_all_there(summary, rows)
    assert_client_was_watched(summary, processes=3)
    assert report.summary_of(folder / "run") == summary


def test_a_distributed_runs_calls_lie_within_it(two_workers: Distributed) -> None:
    """Two processes have two clocks: each counts from the master's start."""
    folder, _, _ = two_workers
    rows = rows_in(folder)
    assert all(float(row["start_s"]) >= -0.01 for row in rows)
    assert all(row["ttft_s"] and float(row["ttft_s"]) <= float(row["latency_s"]) for row in rows)


def test_a_ready_worker_has_imported_its_sdk(two_workers: Distributed) -> None:
    """Otherwise the import takes seconds of the run's time: Locust waits a second for its workers' users, and logs
    it."""
    _, ended, _ = two_workers
    assert "not all reports received from workers" not in ended.stderr


def test_a_distributed_run_leaves_no_process_behind(two_workers: Distributed) -> None:
    _, _, running = two_workers
    wait_until(lambda: not is_alive(running.process.pid))


def is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(happened: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + GONE_WITHIN_S
    while not happened():
        assert time.monotonic() < give_up_at, "it did not happen"
        time.sleep(0.05)
