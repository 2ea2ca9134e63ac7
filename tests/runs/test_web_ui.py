"""The web UI as a browser drives it: one process, one run after another, and nothing sent that was not asked for."""

import json
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import gevent
import pytest

from locustfile import harness
from tests.asking import PROVIDERS
from tests.command_line import free_port, rows_in, started, summary_in
from tests.mock_server import MockServer, serving
from tests.web_ui import FIVE_CALLS, KEYS, OPENAI, Page, web_ui

CLASSES = [user_class.__name__ for user_class in harness.classes.values()]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, shared_mock_server: MockServer) -> Iterator[Page]:
    arguments = ["-H", shared_mock_server.url, "--web-allow-host", "127.0.0.1"]
    with web_ui(tmp_path_factory.mktemp("web_ui"), *arguments) as page:
        yield page


@pytest.fixture(scope="module")
def slow_server() -> Iterator[MockServer]:
    """A mock for runs that last: they would use all of the CPU at one that answers at once."""
    with serving("--latency", "0.05") as server:
        yield server


@pytest.fixture(scope="module")
def picker(tmp_path_factory: pytest.TempPathFactory, shared_mock_server: MockServer) -> Iterator[Page]:
    with web_ui(tmp_path_factory.mktemp("picker"), "-H", shared_mock_server.url, "--class-picker") as page:
        yield page


def _is_refused(page: Page, mock: MockServer, **fields: Any) -> str:
    """Check that a start is refused without a request or a run, and return the reason."""
    before = len(list(page.folder.glob("results/*")))
    answer = page.start(**fields)
    assert answer["success"] is False
    time.sleep(0.3)
    assert mock.stats()["requests"] == 0
    assert len(list(page.folder.glob("results/*"))) == before
    assert json.loads(page.get("stats/requests"))["state"] in ("ready", "stopped")
    return str(answer["message"])


def test_the_page_offers_providers_and_models_and_knows_no_key(page: Page) -> None:
    shown = page.get()
    assert f'"choices": {json.dumps(["", *PROVIDERS])}' in shown
    assert all(model in shown for model in ("gpt-4o-mini", "claude-3-opus-20240229", "gemini-1.0-pro"))
    assert not any(key in shown for key in KEYS.values())
    assert "api_key" not in shown


REFUSED = {
    "no provider": ({}, "no provider"),
    "an unknown provider": ({"provider": "opnai", "model": "gpt-4o"}, "'opnai'"),
    "another provider's model": ({"provider": "anthropic", "model": "gpt-4o"}, "claude-3-opus-20240229"),
    "a model of one's own": ({"provider": "openai", "model": "my-model"}, "(--any-model takes any)"),
    "no model": ({"provider": "openai", "model": ""}, "gpt-4o-mini"),
    "no key": ({"provider": "deepseek", "model": "deepseek-chat"}, "DEEPSEEK_API_KEY"),
    "a dead host": ({**OPENAI, "host": f"http://127.0.0.1:{free_port()}"}, "can't be reached"),
    "a count of words": ({**OPENAI, "iterations": "many"}, "--iterations"),
    "a timeout of nothing": ({**OPENAI, "timeout": ""}, "--timeout"),
    "a timeout of words": ({**OPENAI, "timeout": "soon"}, "--timeout"),
    "an error rate of nothing": ({**OPENAI, "mock_error_rate": ""}, "--mock-error-rate"),
    "a seed of words": ({**OPENAI, "seed": "lucky"}, "--seed"),
    "no number of users": ({**OPENAI, "user_count": ""}, "user_count"),
    "no spawn rate": ({**OPENAI, "spawn_rate": ""}, "spawn_rate is missing"),
    "a negative number of users": ({**OPENAI, "user_count": "-1"}, "user_count"),
    "a spawn rate of words": ({**OPENAI, "spawn_rate": "fast"}, "spawn_rate"),
    "a folder of seed files": ({**OPENAI, "data_dir": "nowhere"}, "no field 'data_dir'"),
    "a report's file": ({**OPENAI, "junit": "locustfile.py"}, "no field 'junit'"),
    "a host that no key is for": ({**OPENAI, "host": "http://localhost:8000"}, "--web-allow-host localhost"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_start_that_can_not_work_is_refused_with_a_reason(case: str, page: Page, mock_server: MockServer) -> None:
    fields, reason = REFUSED[case]
    assert reason in _is_refused(page, mock_server, **{"host": mock_server.url, **FIVE_CALLS, **fields})


def test_any_model_is_taken_if_the_form_says_so(page: Page, mock_server: MockServer) -> None:
    before = len(page.runs())
    answer = page.start(**OPENAI | {"model": "my-model"}, any_model="true", host=mock_server.url, **FIVE_CALLS)
    assert answer["success"], answer
    assert {row["model"] for row in rows_in(page.next_run(before), "metrics")} == {"my-model"}


def test_two_runs_with_different_providers_have_their_own_five_calls(page: Page, mock_server: MockServer) -> None:
    chosen = [("openai", "gpt-4o-mini"), ("anthropic", "claude-3-opus-20240229")]
    for provider, model in chosen:
        before = len(page.runs())
        answer = page.start(provider=provider, model=model, host=mock_server.url, **FIVE_CALLS)
        assert answer["success"], answer
        run = page.next_run(before)
        assert sorted(row["request"] for row in rows_in(run, "metrics")) == ["1", "2", "3", "4", "5"]
        assert {(row["provider"], row["model"]) for row in rows_in(run, "metrics")} == {(provider, model)}
        assert summary_in(run, "metrics")["total_requests"] == summary_in(run, "metrics")["success_count"] == 5
        page.running.until(lambda: page.shown_requests() == 5)
    assert mock_server.stats()["by_format"] == {"openai chat": 5, "anthropic messages": 5}


def test_a_stop_in_the_middle_writes_a_summary(page: Page, mock_server: MockServer) -> None:
    before = len(page.runs())
    endless = {"user_count": "2", "spawn_rate": "2", "iterations": ""}
    assert page.start(**OPENAI, host=mock_server.url, **endless)["success"]
    page.running.until(lambda: mock_server.stats()["requests"] >= 5)
    assert page.post("stop")["success"]
    run = page.next_run(before)
    rows = rows_in(run, "metrics")
    assert len(rows) == summary_in(run, "metrics")["total_requests"] == mock_server.stats()["requests"] >= 5
    assert {row["outcome"] for row in rows} == {"ok"}


def test_a_start_while_the_last_calls_end_is_refused_and_none_of_them_is_lost(page: Page) -> None:
    before = len(page.runs())
    two_calls = {**FIVE_CALLS, "iterations": ""}
    with serving("--ttft", "4", "--itl", "0") as slow:
        assert page.start(**OPENAI, host=slow.url, **two_calls)["success"]
        time.sleep(1)
        stopping = gevent.spawn(page.post, "stop")
        time.sleep(1)
        answer = page.start(**OPENAI, host=slow.url, **FIVE_CALLS)
        assert stopping.get(timeout=60)["success"]
        page.post("stop")
        run = page.next_run(before)
        assert slow.stats()["requests"] == len(rows_in(run, "metrics")) == 2
    assert len(list(page.folder.glob("results/2*"))) == len(page.runs())
    assert answer["success"] is False


def test_an_empty_count_after_a_run_with_one_means_no_limit(page: Page, mock_server: MockServer) -> None:
    before = len(page.runs())
    assert page.start(**OPENAI, host=mock_server.url, **FIVE_CALLS)["success"]
    page.next_run(before)
    assert page.start(**OPENAI, host=mock_server.url, **{**FIVE_CALLS, "iterations": ""})["success"]
    page.running.until(lambda: mock_server.stats()["requests"] > 20)
    page.post("stop")
    page.next_run(before + 1)


@pytest.mark.parametrize("rate", ["4", "0"])
def test_a_change_of_users_keeps_the_time_limit_even_if_it_is_refused(
    rate: str, page: Page, slow_server: MockServer
) -> None:
    before = len(page.runs())
    fields = {**OPENAI, "host": slow_server.url, **FIVE_CALLS, "iterations": "", "run_time": "3s"}
    assert page.start(**fields)["success"]
    changed = page.start(user_count="4", spawn_rate=rate)
    assert changed["success"] is (rate != "0"), changed
    assert 2 < summary_in(page.next_run(before), "metrics")["total_execution_time_s"] < 10


def test_a_time_limit_is_only_that_of_its_own_run(page: Page, mock_server: MockServer) -> None:
    before = len(page.runs())
    fields = {**OPENAI, "host": mock_server.url, **FIVE_CALLS}
    for limit in ({"run_time": "20s"}, {}):
        assert page.start(**fields, **limit)["success"]
        page.next_run(before + bool(not limit))
    limits = [json.loads((run / "metrics_run.json").read_text())["options"]["run_time"] for run in page.runs()[-2:]]
    assert limits == [20, None]


def test_locusts_own_form_changes_the_users_of_a_run_that_ours_has_started(page: Page, slow_server: MockServer) -> None:
    before = len(page.runs())
    fields = {"provider": "openai", "model": "my-model", "any_model": "true", "iterations": "", "max_tokens": "7"}
    assert page.start(**fields, host=slow_server.url, user_count="1", spawn_rate="1")["success"]
    posted = {name: field["default_value"] for name, field in page.options().items()}
    posted = {name: json.dumps(value) if isinstance(value, bool) else value for name, value in posted.items()}
    assert "my-model" in page.options()["model"]["choices"]
    changed = page.start(**posted, user_count="3", spawn_rate="3")
    assert changed["success"], changed
    page.running.until(lambda: json.loads(page.get("stats/requests"))["user_count"] == 3)
    refused = page.start(**{**posted, "max_tokens": "8"}, user_count="4", spawn_rate="4")
    page.post("stop")
    page.next_run(before)
    assert "not max_tokens: stop it first" in refused["message"]


def test_more_users_than_the_system_has_open_files_for_are_refused_during_a_run_too(
    tmp_path: Path, mock_server: MockServer
) -> None:
    with web_ui(tmp_path, "-H", mock_server.url) as page:
        resource.prlimit(page.running.process.pid, resource.RLIMIT_NOFILE, (1000, 1000))
        assert page.start(**OPENAI, **{**FIVE_CALLS, "iterations": ""})["success"]
        refused = page.start(user_count="900", spawn_rate="900")
        assert page.post("stop")["success"]
    assert (
        refused["message"] == "1100 open files are needed for 900 users, but the limit is 1000: raise it with ulimit -n"
    )


def test_a_master_without_workers_starts_nothing_and_says_so(tmp_path: Path) -> None:
    with web_ui(tmp_path, "--mock", "--master", "--master-bind-port", str(free_port())) as page:
        answer = page.start(**OPENAI, **FIVE_CALLS)
    assert (answer["success"], answer["message"]) == (False, "no worker has connected: start one first")


def test_one_class_in_the_picker_chooses_the_provider(picker: Page, mock_server: MockServer) -> None:
    before = len(picker.runs())
    fields = {"user_classes": ["OpenAIUser"], "model": "gpt-4o", "host": mock_server.url, **FIVE_CALLS}
    answer = picker.start(**fields)
    assert answer["success"], answer
    assert {row["provider"] for row in rows_in(picker.next_run(before), "metrics")} == {"openai"}
    assert mock_server.stats()["by_format"] == {"openai chat": 5}


def test_all_classes_in_the_picker_do_not_choose_a_provider(picker: Page, mock_server: MockServer) -> None:
    fields = {"user_classes": CLASSES, "provider": "", "model": "gpt-4o", "host": mock_server.url, **FIVE_CALLS}
    assert "one User class" in _is_refused(picker, mock_server, **fields)


def test_all_classes_in_the_picker_run_only_the_chosen_provider(picker: Page, mock_server: MockServer) -> None:
    before = len(picker.runs())
    answer = picker.start(**OPENAI, user_classes=CLASSES, host=mock_server.url, **FIVE_CALLS)
    assert answer["success"], answer
    assert {row["provider"] for row in rows_in(picker.next_run(before), "metrics")} == {"openai"}
    assert mock_server.stats()["by_format"] == {"openai chat": 5}


def test_a_user_class_in_the_picker_accepts_settings(picker: Page, mock_server: MockServer) -> None:
    settings = {"user_class_name": "OpenAIUser", "weight": 2, "fixed_count": 0, "tasks": ["ask"], "host": ""}
    with urlopen(f"{picker.url}/user", json.dumps(settings).encode(), timeout=60) as answer:
        assert answer.status == 201
    assert '"weight": 2' in picker.get()


@pytest.mark.parametrize("tasks", [[], ["nothing"]])
def test_a_user_class_in_the_picker_keeps_a_task(tasks: Any, picker: Page) -> None:
    settings = {"user_class_name": "OpenAIUser", "tasks": tasks}
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{picker.url}/user", json.dumps(settings).encode(), timeout=60)
    assert refused.value.code == 400
    assert "OpenAIUser would be left without a task" in refused.value.read().decode()


def test_editing_the_users_with_the_picker_keeps_the_running_class(picker: Page, mock_server: MockServer) -> None:
    before = len(picker.runs())
    fields = {**OPENAI, "user_classes": CLASSES, "host": mock_server.url, "iterations": ""}
    assert picker.start(**fields, user_count="2", spawn_rate="2")["success"]
    picker.running.until(lambda: mock_server.stats()["requests"] >= 5)
    edited = picker.start(user_classes=CLASSES, user_count="8", spawn_rate="8")
    assert edited["success"], edited
    picker.running.until(lambda: json.loads(picker.get("stats/requests"))["user_count"] == 8)
    assert set(json.loads(picker.get("tasks"))["per_class"]) == {"OpenAIUser"}
    picker.post("stop")
    assert {row["outcome"] for row in rows_in(picker.next_run(before), "metrics")} == {"ok"}
    assert set(mock_server.stats()["by_format"]) == {"openai chat"}


def test_editing_the_users_keeps_the_classes_for_the_next_start(page: Page, mock_server: MockServer) -> None:
    before = len(page.runs())
    assert page.start(**OPENAI, host=mock_server.url, user_count="1", spawn_rate="1", iterations="")["success"]
    assert page.start(user_classes=["AnthropicUser"], user_count="2", spawn_rate="2")["success"]
    page.post("stop")
    page.next_run(before)
    assert page.start(**OPENAI, host=mock_server.url, **FIVE_CALLS)["success"]
    page.next_run(before + 1)


def test_an_open_loop_that_falls_behind_shows_it_in_its_own_tab(page: Page) -> None:
    before = len(page.runs())
    with serving("--ttft", "60", "--itl", "0") as slow:
        options = {"rate": "50", "timeout": "1", "user_count": "2", "spawn_rate": "2", "iterations": ""}
        assert page.start(**OPENAI, host=slow.url, **options)["success"]
        page.running.until(lambda: _standing(page).get("dropped", 0) > 0)
        standing = _standing(page)
        page.post("stop")
        page.next_run(before)
    assert standing["asked"] == standing["delivered"] + standing["waiting"] + standing["dropped"]
    assert standing["waiting"] > standing["delivered"]
    assert '"key": "schedule"' in page.get()


def _standing(page: Page) -> dict[str, Any]:
    tables = {table["key"]: table["data"] for table in json.loads(page.get("stats/requests"))["extended_stats"]}
    assert set(tables) == {"llm", "schedule"}
    return dict(tables["schedule"][0]) if tables["schedule"] else {}


def test_autoquit_ends_a_run_whose_calls_are_all_made(tmp_path: Path) -> None:
    port = str(free_port())
    quitting = ["--autostart", "--autoquit", "1", "--web-host", "127.0.0.1", "--web-port", port, "--csv", "run"]
    with started(tmp_path, ["--mock", "--mock-latency", "0", "-i", "5", *quitting]) as running:
        ended = running.wait(timeout_s=30)
    assert ended.code == 0, ended.stderr
    assert summary_in(tmp_path)["total_requests"] == 5
