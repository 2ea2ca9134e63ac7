"""What a user adds to every request: fields of its body, a query in its target, and the right name of the token
limit."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from harness.errors import UsageError
from harness.plan.extra_body import named_secrets, parse
from mock.service import Service
from mock.timing import Pace
from providers.azure_openai import AzureOpenAI
from providers.bedrock import aws_session
from providers.deepseek import DeepSeek
from providers.openai import OpenAI
from tests.asking import APIS, Asker
from tests.cases import case_of
from tests.providers.test_requests_sent import AWS_KEY_ID, AWS_SECRET, body_of, sent, signature_of
from tests.raw_server import mocking, serving
from wire.extra_body import patched

EVERY_API = pytest.mark.parametrize(("provider", "api"), APIS)
EXTRA: dict[str, Any] = {"top_k": 3, "nested": {"new": {"a": 1, "gone": None}}, "temperature": None}


@pytest.fixture
def aws_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", AWS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", AWS_SECRET)
    aws_session.cache_clear()
    yield
    aws_session.cache_clear()


@EVERY_API
def test_fields_are_added_to_and_removed_from_every_apis_body(provider: str, api: str) -> None:
    received = sent(provider, api=api, extra_body=EXTRA)
    case = case_of(provider, api)
    expected = {**case.sent(case.temperature, case.unlimited), "top_k": 3, "nested": {"new": {"a": 1}}}
    expected.pop("temperature", None)
    assert body_of(received) == expected
    assert received.all("content-length") == [str(len(received.body))]
    assert received.target == case.target


def test_converses_own_fields_are_merged_in_depth() -> None:
    extra = {"inferenceConfig": {"topP": 0.5, "temperature": None}, "additionalModelRequestFields": {"top_k": 3}}
    assert body_of(sent("aws-bedrock", extra_body=extra)) == {
        "messages": case_of("aws-bedrock", "chat").body["messages"],
        "inferenceConfig": {"topP": 0.5},
        "additionalModelRequestFields": {"top_k": 3},
    }


def test_geminis_config_is_merged_in_depth() -> None:
    extra = {"generationConfig": {"temperature": None, "topK": 3}}
    assert body_of(sent("vertex-ai", extra_body=extra))["generationConfig"] == {"topK": 3}


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_bedrocks_signature_covers_the_users_fields_and_query(aws_keys: None, api: str) -> None:
    received = sent("aws-bedrock", api=api, api_key=None, extra_body={"top_k": 3}, host_query="tenant=a%20b")
    assert body_of(received)["top_k"] == 3
    assert received.target.endswith("?tenant=a%20b")
    assert received.all("authorization")[0].endswith(f"Signature={signature_of(received)}")


@EVERY_API
def test_a_query_of_the_address_is_sent_with_every_request(provider: str, api: str) -> None:
    path, _, query = case_of(provider, api).target.partition("?")
    target = sent(provider, api=api, host_query="tenant=7&b=").target
    assert target == f"{path}?tenant=7&b=" + (f"&{query}" if query else "")


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_a_stream_without_its_usage_asked_for_has_no_tokens(api: str) -> None:
    with serving(mocking(Service(Pace(0)))) as server:
        asker = Asker("openai", server.url, api=api, stream=True, extra_body={"stream_options": None})
        call = asker.ask()
    assert "stream_options" not in json.loads(server.requests[0].body)
    assert (call.outcome, call.input_tokens, call.output_tokens, call.tpot_s) == ("ok", None, None, None)


NEW_NAME = [
    "o1",
    "o3-mini",
    "o4-mini-2025-04-16",
    "gpt-5",
    "gpt-5.1-chat",
    "GPT-6-mini",
    "openai/gpt-5-nano",
    "ft:o3-mini:us::x",
]
OLD_NAME = ["gpt-4o", "gpt-4.1", "gpt-35-turbo", "gpt-oss-120b", "olmo-2", "mistral-large", "qwen/qwen3-o1ish"]


@pytest.mark.parametrize(
    ("model", "name"),
    [*((model, "max_completion_tokens") for model in NEW_NAME), *((model, "max_tokens") for model in OLD_NAME)],
)
def test_the_limit_goes_out_under_the_name_that_the_model_takes(model: str, name: str) -> None:
    assert OpenAI.limit_name("chat", model) == AzureOpenAI.limit_name("chat", model) == name
    assert DeepSeek.limit_name("chat", model) == OpenAI.limit_name("completions", model) == "max_tokens"


@pytest.mark.parametrize("provider", ["openai", "azure-openai"])
def test_a_reasoning_models_limit_is_sent_under_its_new_name(provider: str) -> None:
    body = body_of(sent(provider, model="o3-mini", max_tokens=5))
    assert (body["max_completion_tokens"], "max_tokens" in body) == (5, False)


def test_the_name_of_the_limit_can_be_overridden() -> None:
    extra = {"max_tokens": None, "max_completion_tokens": 5}
    body = body_of(sent("azure-openai", model="my-deployment", max_tokens=9, extra_body=extra))
    assert (body["max_completion_tokens"], "max_tokens" in body) == (5, False)


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_fields_are_merged_as_rfc_7396_says(target: Any, patch: Any, merged: Any) -> None:
    assert patched(target, patch) == merged


TOO_DEEP = '{"a":' * 3000 + "1" + "}" * 3000


@pytest.mark.parametrize(
    "text", ["[1]", "1", '"x"', "null", "{", "{'a': 1}", '{"a": NaN}', '{"a": "\\ud83d"}', TOO_DEEP]
)
def test_what_is_not_a_json_object_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageError, match="--extra-body") as refused:
        parse(text)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


def test_text_under_the_name_of_a_secret_is_secret() -> None:
    extra = {
        "max_tokens": 5,
        "apiKey": "one",
        "auth": {"client_secret": ["two"], "user": "me"},
        "access_token": "three",
    }
    assert list(named_secrets(extra)) == ["one", "two", "three"]


@pytest.mark.parametrize(
    "name",
    ["api-key", "x-api-key", "apiKey", "aws_access_key_id", "aws_secret_access_key", "private_key",
     "vertex_credentials", "passwd", "Cookie", "Ocp-Apim-Subscription-Key", "azure_ad_token"],
)  # fmt: skip
def test_gateways_names_for_a_secret_are_known(name: str) -> None:
    assert list(named_secrets({"litellm": {name: {"inside": ["it"]}}, "prompt_cache_key": "shown"})) == ["it"]
