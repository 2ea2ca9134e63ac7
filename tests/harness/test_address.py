"""A base address with a `/v1` too few or too many, or an unknown model: the tool says which address or models would
answer, and sends no second chat call."""

import json
import sys
from pathlib import Path

import pytest

from summary.render.render import as_table
from tests.command_line import FILES, rows_in
from tests.raw_server import Peer, Received, Script, answer, serving
from tests.running import harnessed, start_and_wait

MODELS = b'{"object": "list", "data": []}'
MISSING = answer(b'{"detail": "Not Found"}', "Content-Type: application/json", status="404 Not Found")


NO_MODEL = b'{"error": {"message": "The model `my-model` does not exist.", "code": 404}}'


def listing(target: str, models: bytes = MODELS, missing: bytes = MISSING) -> Script:
    """Know one path: a list of models."""

    def script(peer: Peer) -> None:
        while received := peer.request():
            peer.send(answer(models, "Content-Type: application/json") if received.target == target else missing)

    return script


def asked(provider: str, path: str, script: Script, tmp_path: Path, *more: str) -> list[Received]:
    """Make three calls to a server; return the requests that arrived."""
    given = ["-p", provider, "-m", "my-model", "--any-model", "-k", "test-key-123", "--csv", str(tmp_path / "run")]
    with serving(script) as server:
        environment, ours = harnessed(
            ["--headless", *FILES, *given, "-H", f"{server.url}{path}", "-i", "3", "-u", "1", *more]
        )
        start_and_wait(environment, 1)
        ours.end(environment)
        return list(server.requests)


@pytest.fixture(autouse=True)
def own_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))


@pytest.mark.parametrize(
    ("provider", "path", "right", "more"),
    [
        ("openai", "", "/v1", ()),
        ("openai", "/", "/v1", ("--extra-body", '{"top_k": 5}', "--header", "X-Team: a")),
        ("deepseek", "/proxy", "/proxy/v1", ()),
        ("anthropic", "/v1", "", ()),
    ],
)
def test_after_a_404_the_answering_address_is_named(
    provider: str, path: str, right: str, more: tuple[str, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    models = f"{right or ''}/models" if provider != "anthropic" else "/v1/models"
    requests = asked(provider, path, listing(models), tmp_path, *more)
    named = [record.getMessage() for record in caplog.records if "(404)" in record.getMessage()]
    assert len(named) == 1
    port = dict(requests[0].headers)["Host"].rpartition(":")[2]
    assert f"but http://127.0.0.1:{port}{right} has: use it as -H" in named[0]
    assert sorted(received.method for received in requests) == ["GET", "POST", "POST", "POST"]
    assert [row["status"] for row in rows_in(tmp_path)] == ["404"] * 3


@pytest.mark.parametrize(
    ("provider", "script"),
    [
        ("openai", listing("/nowhere")),
        ("openai", listing("/v1/models", b"<html>Welcome</html>")),
        ("azure-openai", listing("/v1/models")),
    ],
    ids=["nothing answers", "a web page answers", "a provider without a list"],
)
def test_what_is_not_known_is_not_claimed(
    provider: str, script: Script, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    requests = asked(provider, "", script, tmp_path)
    assert not [record for record in caplog.records if "(404)" in record.getMessage()]
    assert [received.method for received in requests].count("POST") == 3


def test_an_unknown_model_is_told_of_the_models_that_the_server_lists(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ids = ["llama-1\x1b[2J", *(f"llama-{number}" for number in range(2, 9))]
    models = json.dumps({"data": [{"id": name} for name in ids] + [5, {"id": None}]}).encode()
    missing = answer(NO_MODEL, "Content-Type: application/json", status="404 Not Found")
    requests = asked("openai", "/v1", listing("/v1/models", models, missing), tmp_path)
    (named,) = [record.getMessage() for record in caplog.records if "(404)" in record.getMessage()]
    assert named.endswith(", llama-2, llama-3, llama-4, llama-5, …")
    assert "\x1b" not in named
    assert [(each.method, each.target) for each in requests if each.method == "GET"] == [("GET", "/v1/models")]


@pytest.mark.parametrize(
    ("says", "hint"),
    [("The model `x` does not exist.", "is the model's name right"), ("Not Found", "is -H the SDK's base address")],
)
def test_the_summary_says_what_a_404_can_mean(says: str, hint: str) -> None:
    failure = {"error": "NotFoundError", "status": 404, "count": 3, "example": f"NotFoundError: {says}"}
    summary = {"total_requests": 3, "success_count": 0, "failure_count": 3, "error_rate": 1.0, "failures": [failure]}
    assert hint in " ".join(as_table(summary).replace("│", " ").split())
