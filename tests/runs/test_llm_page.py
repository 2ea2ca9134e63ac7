"""The LLM page over HTTP: live, reset, at the end, and for the next run; and no process that outlives it."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import psutil
import pytest

from harness.watch.llm_tab import UNSTREAMED
from tests.charts.made import Page as Report
from tests.command_line import rows_in, summary_in
from tests.mock_server import MockServer
from tests.web_ui import Page, web_ui

MOCKED = {"provider": "openai", "model": "gpt-4o", "mock": "true", "mock_latency": "0.05"}
LOAD = {"user_count": "2", "spawn_rate": "2", "iterations": ""}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with web_ui(tmp_path_factory.mktemp("llm_page")) as page:
        yield page


def look(page: Page, query: str = "") -> dict[str, Any]:
    return dict(json.loads(page.get(f"llm/data{query}")))


def numbers(found: dict[str, Any]) -> dict[str, list[str]]:
    blocks = (found["drawing"] or {}).get("blocks", ())
    return Report("".join(block["markup"] for block in blocks)).numbers


def tab_of(page: Page) -> list[dict[str, Any]]:
    """Return the rows of the tab LLM on Locust's page."""
    tables = json.loads(page.get("stats/requests"))["extended_stats"]
    return next(list(table["data"]) for table in tables if table["key"] == "llm")


def calls_of(page: Page) -> int:
    return int(numbers(look(page)).get("calls", ["0"])[0])


def final(page: Page, run_id: str) -> dict[str, Any]:
    """Wait until the page shows how the run ended."""

    def is_final() -> bool:
        found = look(page)
        return found["status"]["run"]["run_id"] == run_id and bool((found["drawing"] or {}).get("final"))

    page.running.until(is_final)
    return look(page)


def test_a_run_is_shown_live_then_reset_and_at_its_end_with_its_files(page: Page) -> None:
    before = len(page.runs())
    assert page.start(**MOCKED, **LOAD, stream="true", slo="ttft<1")["success"]
    page.running.until(lambda: calls_of(page) > 20)
    live = look(page)
    run = live["status"]["run"]
    assert (run["provider"], run["model"], run["mode"], run["is_over"], run["files"]) == (
        "openai", "gpt-4o", "mock", False, [],
    )  # fmt: skip
    assert "believed so far?" in live["drawing"]["blocks"][0]["markup"]
    assert {"tokens", "goodput", "ttft_s", "in_flight"} <= {block["key"] for block in live["drawing"]["blocks"]}
    assert look(page, "?seen=older&rest")["drawing"] is None
    with pytest.raises(HTTPError) as refused:
        page.get(f"llm/files/{run['run_id']}/requests.csv")
    assert refused.value.code == 409

    shown = calls_of(page)
    page.post_bare("stats/reset")
    page.running.until(lambda: _left_out(page) >= shown)
    page.post("stop")
    folder = page.next_run(before)
    found, summary = final(page, run["run_id"]), summary_in(folder, "metrics")
    assert numbers(found)["calls"] == [str(summary["total_requests"])]
    assert summary["total_requests"] == len(rows_in(folder, "metrics")) > shown
    assert "Can these figures be believed?" in found["drawing"]["blocks"][-1]["markup"]

    assert 0 < int(tab_of(page)[0]["calls"]) < summary["total_requests"]

    of_run = f"llm/files/{run['run_id']}"
    offered = {file["name"]: page.get(f"{of_run}/{file['name']}") for file in found["status"]["run"]["files"]}
    assert offered == {name: (folder / f"metrics_{name}").read_bytes().decode() for name in offered}
    assert {"requests.csv", "summary.json", "run.json", "stats.csv"} <= set(offered)
    assert page.get("llm/calls.csv") == offered["requests.csv"]
    assert Report(page.get(f"{of_run}/report.html")).blocks["summaries"] == [summary]
    for path in (f"{of_run}/nothing", f"{of_run}/..%2fmetrics_run.json", "llm/files/another/run.json"):
        with pytest.raises(HTTPError) as refused:
            page.get(path)
        assert refused.value.code in (404, 409)


def _left_out(page: Page) -> int:
    """Return how many calls the page knows and does not draw."""
    found = look(page)
    return int(found["status"]["run"]["rows"]) - int(numbers(found)["calls"][0]) if found["drawing"] else 0


def test_a_second_run_takes_the_place_of_the_first(page: Page) -> None:
    before, first = len(page.runs()), look(page)["status"]["run"]["run_id"]
    assert page.start(**MOCKED, **{**LOAD, "iterations": "5"}, stream="false", slo="")["success"]
    folder = page.next_run(before)
    second = look(page)["status"]["run"]
    assert second["run_id"] != first
    assert (second["stream"], second["since_s"]) == (False, 0)
    assert numbers(final(page, second["run_id"]))["calls"] == ["5"]
    with pytest.raises(HTTPError):
        page.get(f"llm/files/{first}/run.json")
    assert [row["name"] for row in tab_of(page)] == [UNSTREAMED]
    (folder / "metrics_summary.json").write_text("{")
    with pytest.raises(HTTPError) as refused:
        page.get(f"llm/files/{second['run_id']}/report.html")
    assert refused.value.code == 500


def test_an_open_loop_and_a_comparison_show_their_standing_and_both_sides(tmp_path: Path) -> None:
    with web_ui(tmp_path, "--against", "mock") as page:
        assert page.start(**MOCKED, rate="20", user_count="8", spawn_rate="8", iterations="60")["success"]
        page.next_run(0)
        run = look(page)["status"]["run"]
        assert run["standing"] == {"asked": 60, "delivered": 60, "waiting": 0, "dropped": 0}
        assert run["against"]["mode"] == "mock"
        shown = final(page, run["run_id"])["drawing"]["blocks"]
        names = {trace.get("name") for block in shown for figure in block["figures"] for trace in figure["data"]}
        assert {"target started", "baseline started"} <= names
        assert "differences" in {block["key"] for block in shown}


def test_an_endpoint_that_the_environment_describes_can_be_started(tmp_path: Path, mock_server: MockServer) -> None:
    described = {"LLM_ENDPOINT_URL": mock_server.url, "LLM_MODEL_NAME": "my-model", "LLM_API_KEY": "marker-key-7a8b9c"}
    with web_ui(tmp_path, **described) as page:
        form = page.get("llm/start")
        assert "marker-key" not in form
        assert '"given": "my-model"' in form
        fields = {"provider": "openai", "model": "my-model", "host": mock_server.url, "iterations": "3"}
        answer = page.start(**{**LOAD, **fields})
        assert answer["success"], answer
        assert {row["model"] for row in rows_in(page.next_run(0), "metrics")} == {"my-model"}


def test_what_draws_has_the_lowest_priority_and_ends_with_its_parent(tmp_path: Path) -> None:
    with web_ui(tmp_path) as page:
        look(page)
        locust = psutil.Process(page.running.process.pid)
        page.running.until(lambda: any(child.nice() == 19 for child in locust.children()))
        [artist] = locust.children()
        assert not any("marker-key" in value for value in artist.environ().values())
        os.kill(locust.pid, signal.SIGKILL)
        artist.wait(timeout=30)  # Raises if it still runs.
        page.running.process.wait(30)


def test_a_process_that_ends_by_a_signal_leaves_none_behind(tmp_path: Path) -> None:
    with web_ui(tmp_path) as page:
        look(page)
        locust = psutil.Process(page.running.process.pid)
        page.running.until(locust.children)
        [artist] = locust.children()
        page.running.send(signal.SIGTERM)
        page.running.process.wait(30)
        artist.wait(timeout=30)  # Raises if it still runs.
