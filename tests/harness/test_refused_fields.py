"""If a server refuses a field, the run says once how to leave it out, and so does its summary."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from refused_fields import hint
from tests.command_line import FILES, rows_in
from tests.raw_server import answer, answering, serving
from tests.running import harnessed, start_and_wait

REFUSALS = {
    "an o-series model": (
        "max_tokens",
        "BadRequestError: Error code: 400 - Unsupported parameter: 'max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead.",
    ),
    "a fixed temperature": (
        "temperature",
        "BadRequestError: Error code: 400 - Unsupported value: 'temperature' does not support 0 with this model. "
        "Only the default (1) value is supported.",
    ),
    "a param": (
        "stream_options",
        "UnprocessableEntityError: Error code: 422 - {'error': {'message': 'Extra inputs are not permitted', 'type': "
        "'invalid_request_error', 'param': 'stream_options', 'code': 'unsupported_parameter'}}",
    ),
    "pydantic": (
        "stream_options",
        "UnprocessableEntityError: Error code: 422 - {'detail': [{'type': 'extra_forbidden', 'loc': ['body', "
        "'stream_options'], 'msg': 'Extra inputs are not permitted', 'input': {'include_usage': True}}]}",
    ),
    "Go": ("stream_options", 'BadRequestError: Error code: 400 - json: unknown field "stream_options"'),
    "Azure": ("stream_options", "BadRequestError: Unrecognized request argument supplied: stream_options"),
    "an older name": ("max_completion_tokens", "BadRequestError: unknown parameter `max_completion_tokens`"),
    "Claude": ("temperature", "BadRequestError: {'error': {'message': '`temperature` is deprecated for this model.'}}"),
    "Bedrock": ("maxTokens", "ValidationException: extraneous key [maxTokens] is not permitted"),
    "Gemini": ("maxOutputTokens", "ClientError: 400 Unknown name \"maxOutputTokens\" at 'generation_config'"),
    "no streams": ("stream", "BadRequestError: Unsupported value: 'stream' does not support true with this model."),
}
NO_REFUSALS = {
    "a value": "BadRequestError: max_tokens is too large: 5000. This model supports at most 4096 completion tokens",
    "a range": "BadRequestError: temperature must be between 0 and 1",
    "an echo": "BadRequestError: {'error': 'Unsupported model', 'request': {'model': 'x', 'temperature': 0.0}}",
    "another field": "BadRequestError: Unknown parameter: 'top_k'",
    "a word": "BadRequestError: this stream is not supported",
    "part of a name": "BadRequestError: unknown field my_temperature_unit",
    "nothing": "",
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refused_field_is_named_with_the_way_to_leave_it_out(case: str) -> None:
    field, error = REFUSALS[case]
    said = hint(422 if "422" in error else 400, error)
    assert said is not None
    assert said.startswith(f"the server refuses {field}: ")


@pytest.mark.parametrize("case", NO_REFUSALS)
def test_other_errors_bring_no_hint(case: str) -> None:
    assert hint(400, NO_REFUSALS[case]) is None


def test_other_statuses_bring_no_hint() -> None:
    assert hint(500, REFUSALS["Go"][1]) is None
    assert hint(None, REFUSALS["Go"][1]) is None


EXTRA = "Extra inputs are not permitted"
PARAM = {"error": {"message": EXTRA, "type": "invalid_request_error", "param": "temperature"}}
PLACE = {"detail": [{"type": "extra_forbidden", "loc": ["body", "temperature"], "msg": EXTRA}]}


@pytest.mark.parametrize("body", [PARAM, PLACE], ids=["param", "place"])
def test_a_run_says_it_once_and_does_not_retry(
    body: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.chdir(tmp_path)
    refusing = answer(json.dumps(body).encode(), "Content-Type: application/json", status="422 Unprocessable")
    with serving(answering(refusing)) as server:
        openai = ["-p", "openai", "-m", "gpt-4o", "-k", "test-key-123", "-H", server.url]
        environment, harness = harnessed([*FILES, *openai, "--headless", "--stream", "-i", "3", "--csv", "run"])
        start_and_wait(environment, users=1)
        harness.end(environment)
        assert len(server.requests) == len(rows_in(tmp_path)) == 3
    said = "the server refuses temperature: "
    assert [record.getMessage().startswith(said) for record in caplog.records if said in record.getMessage()] == [True]
    assert said in capsys.readouterr().out


def test_the_hint_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.chdir(tmp_path)
    with serving(answering(answer(b"{}", status="400 Bad Request"))) as server:
        openai = ["-p", "openai", "-m", "o3", "-k", "test-key-123", "-H", server.url]
        monkeypatch.setenv("LLM_ENDPOINT_URL", server.url)
        monkeypatch.setenv("LLM_MODEL_NAME", "o3")
        extra = '{"stream_options": null, "max_completion_tokens": null, "max_tokens": 50}'
        options = ["--headless", "--stream", "--temperature", "none", "--max-tokens", "9", "--extra-body", extra]
        environment, _ = harnessed([*FILES, *openai, *options])
        start_and_wait(environment, users=1)
        (received,) = server.requests
    assert set(json.loads(received.body)) == {"model", "messages", "stream", "max_tokens"}
