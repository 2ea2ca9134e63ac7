"""The web UI answers several start forms at once, as when a host is slow to connect and someone tries again."""

import json
from pathlib import Path
from typing import Any

import gevent
import pytest

from harness.errors import UsageError
from harness.plan.plan import Plan
from harness.runs import BUSY
from tests.harness.test_web_guard import UI, page

FORM = {"user_count": "1", "spawn_rate": "1", "iterations": "5", "mock_latency": "0"}
QUICK = {**FORM, "provider": "openai", "model": "gpt-4o", "mock": "true"}
SLOW = {**FORM, "provider": "anthropic", "model": "claude-3-opus-20240229", "mock": "false"}


@pytest.mark.parametrize("lasting_s", [0, 1], ids=["is about to start", "has started"])
def test_a_start_that_is_slow_to_connect_gives_way_to_a_later_one(
    lasting_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "marker-key")
    slow = page(monkeypatch, "--csv", str(tmp_path / "run"))
    answers: list[Any] = []

    def connect(plan: Plan) -> None:
        if not plan.settings.mock:
            answers.append(slow.application.test_client().post("/swarm", data=QUICK, headers={"Host": UI}).json)
            gevent.sleep(lasting_s)

    monkeypatch.setattr("harness.run.preflight.check", connect)
    answers.append(slow.post("/swarm", data=SLOW, headers={"Host": UI}).json)
    assert [answer["message"] for answer in answers] == ["Swarming started", "a later start took the place of this one"]
    gevent.sleep(2 - lasting_s)
    run = json.loads((tmp_path / "run_summary.json").read_text())
    assert (run["provider"], run["success_count"]) == ("openai", 5)


@pytest.mark.parametrize("classes", [[], ["OpenAIUser", "AnthropicUser"]])
def test_a_form_that_is_refused_costs_an_accepted_start_nothing(
    classes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The class picker's form posts all classes: the provider chooses among them."""
    accepted = page(monkeypatch, "--csv", str(tmp_path / "run"), "--class-picker")
    for form in ({**QUICK, "user_classes": classes}, {**QUICK, "iterations": "many"}):
        answer: Any = accepted.post("/swarm", data=form, headers={"Host": UI}).json
    assert "many" in answer["message"]
    gevent.sleep(2)
    run = json.loads((tmp_path / "run_summary.json").read_text())
    assert (run["provider"], run["success_count"]) == ("openai", 5)


def test_a_start_waits_until_the_users_of_one_that_failed_have_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise UsageError("the disk is full")

    ui = page(monkeypatch, "--csv", str(tmp_path / "run"), "--class-picker")

    def start(**changes: str) -> Any:
        return ui.post("/swarm", data={**QUICK, **changes}, headers={"Host": UI}).json["message"]

    def wait_until(state: str) -> None:
        with gevent.Timeout(10):
            while ui.get("/llm/data", headers={"Host": UI}).json["status"]["state"] != state:
                gevent.sleep(0)

    with monkeypatch.context() as full:
        full.setattr("harness.runs.Run", fail)
        assert start(provider="anthropic", model="claude-3-opus-20240229") == "Swarming started"
        wait_until("cleanup")
    assert start() == BUSY
    wait_until("stopped")
    assert start() == "Swarming started"
    gevent.sleep(1)
    assert json.loads((tmp_path / "run_summary.json").read_text())["success_count"] == 5
    assert "Unhandled exception" not in caplog.text
