"""What each provider's server receives, exactly: method, path, body and authentication."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.plan.keys import find as find_key
from mock.service import Service
from mock.timing import Pace
from providers.bedrock import Bedrock, aws_session
from providers.vertex_ai import VertexAI
from tests.asking import APIS, Asker
from tests.cases import CASES, case_of
from tests.cases.case import CLAUDE_PROMPT, KEY, Body
from tests.raw_server import Received, mocking, serving

AWS_KEY_ID, AWS_SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEY_HEADERS = {"x-api-key", "x-amz-security-token", *(name for case in CASES.values() for name in case.key_headers)}

FAMILIES: dict[str, tuple[str, Body, Body, Body]] = {
    "claude-v2": (
        "anthropic.claude-v2:1",
        {"prompt": CLAUDE_PROMPT, "temperature": 0.0, "max_tokens_to_sample": 1024},
        {"prompt": CLAUDE_PROMPT, "max_tokens_to_sample": 1024},
        {"prompt": CLAUDE_PROMPT, "temperature": 0.0, "max_tokens_to_sample": 5},
    ),
    "claude-instant": (
        "anthropic.claude-instant-v1",
        {"prompt": CLAUDE_PROMPT, "temperature": 0.0, "max_tokens_to_sample": 1024},
        {"prompt": CLAUDE_PROMPT, "max_tokens_to_sample": 1024},
        {"prompt": CLAUDE_PROMPT, "temperature": 0.0, "max_tokens_to_sample": 5},
    ),
    "claude": (
        "anthropic.claude-3-haiku-20240307-v1:0",
        {
            "anthropic_version": "bedrock-2023-05-31",
            "messages": [{"role": "user", "content": "Say something."}],
            "temperature": 0.0,
            "max_tokens": 1024,
        },
        {
            "anthropic_version": "bedrock-2023-05-31",
            "messages": [{"role": "user", "content": "Say something."}],
            "max_tokens": 1024,
        },
        {
            "anthropic_version": "bedrock-2023-05-31",
            "messages": [{"role": "user", "content": "Say something."}],
            "temperature": 0.0,
            "max_tokens": 5,
        },
    ),
    "llama": (
        "meta.llama3-70b-instruct-v1:0",
        {"prompt": "Say something.", "temperature": 0.0},
        {"prompt": "Say something."},
        {"prompt": "Say something.", "temperature": 0.0, "max_gen_len": 5},
    ),
    "mistral": (
        "mistral.mistral-7b-instruct-v0:2",
        {"prompt": "Say something.", "temperature": 0.0},
        {"prompt": "Say something."},
        {"prompt": "Say something.", "temperature": 0.0, "max_tokens": 5},
    ),
    "deepseek": (
        "deepseek.r1-v1:0",
        {"prompt": "Say something.", "temperature": 0.0},
        {"prompt": "Say something."},
        {"prompt": "Say something.", "temperature": 0.0, "max_tokens": 5},
    ),
    "command-r": (
        "cohere.command-r-plus-v1:0",
        {"message": "Say something.", "temperature": 0.0},
        {"message": "Say something."},
        {"message": "Say something.", "temperature": 0.0, "max_tokens": 5},
    ),
    "command": (
        "cohere.command-text-v14",
        {"prompt": "Say something.", "temperature": 0.0},
        {"prompt": "Say something."},
        {"prompt": "Say something.", "temperature": 0.0, "max_tokens": 5},
    ),
    "jurassic": (
        "ai21.j2-ultra-v1",
        {"prompt": "Say something.", "temperature": 0.0},
        {"prompt": "Say something."},
        {"prompt": "Say something.", "temperature": 0.0, "maxTokens": 5},
    ),
    "jamba": (
        "ai21.jamba-1-5-large-v1:0",
        {"messages": [{"role": "user", "content": "Say something."}], "temperature": 0.0},
        {"messages": [{"role": "user", "content": "Say something."}]},
        {"messages": [{"role": "user", "content": "Say something."}], "temperature": 0.0, "max_tokens": 5},
    ),
    "titan": (
        "amazon.titan-text-express-v1",
        {"inputText": "Say something.", "textGenerationConfig": {"temperature": 0.0}},
        {"inputText": "Say something.", "textGenerationConfig": {}},
        {"inputText": "Say something.", "textGenerationConfig": {"temperature": 0.0, "maxTokenCount": 5}},
    ),
    "nova": (
        "amazon.nova-pro-v1:0",
        {
            "messages": [{"role": "user", "content": [{"text": "Say something."}]}],
            "inferenceConfig": {"temperature": 0.0},
        },
        {"messages": [{"role": "user", "content": [{"text": "Say something."}]}], "inferenceConfig": {}},
        {
            "messages": [{"role": "user", "content": [{"text": "Say something."}]}],
            "inferenceConfig": {"temperature": 0.0, "maxTokens": 5},
        },
    ),
    "unknown": (
        "newcomer.model-1",
        {"prompt": "Say something.", "temperature": 0.0},
        {"prompt": "Say something."},
        {"prompt": "Say something.", "temperature": 0.0},
    ),
}
"""Each family's model and its bodies: by default, without a temperature, limited to five tokens."""

EVERY_API = pytest.mark.parametrize(("provider", "api"), APIS)
EVERY_FAMILY = pytest.mark.parametrize("family", FAMILIES)


def sent(provider: str, **options: Any) -> Received:
    """Make one call, and return the one request that arrived for it."""
    with serving(mocking(Service(Pace(0)))) as server:
        call = Asker(provider, server.url, **options).ask()
        assert (call.outcome, call.error) == ("ok", None)
        [received] = server.requests
    return received


def body_of(received: Received) -> Any:
    return json.loads(received.body)


def keys_in(received: Received) -> dict[str, str]:
    """Return every header that could authenticate the request."""
    return {name.lower(): value for name, value in received.headers if name.lower() in KEY_HEADERS}


# Every provider and API


@EVERY_API
def test_a_call_is_a_post_to_the_apis_path_with_the_key_in_its_place(provider: str, api: str) -> None:
    received = sent(provider, api=api)
    assert (received.method, received.target) == ("POST", case_of(provider, api).target)
    assert keys_in(received) == CASES[provider].key_headers
    assert received.all("content-type") == ["application/json"]
    assert received.all("content-length") == [str(len(received.body))]


@EVERY_API
def test_the_host_header_appears_once_with_its_port(provider: str, api: str) -> None:
    with serving(mocking(Service(Pace(0)))) as server:
        Asker(provider, server.url, api=api).ask()
    assert server.requests[0].all("host") == [f"127.0.0.1:{server.port}"]


@EVERY_API
def test_by_default_the_temperature_is_0_and_there_is_no_token_limit(provider: str, api: str) -> None:
    case = case_of(provider, api)
    assert body_of(sent(provider, api=api)) == case.sent(case.temperature, case.unlimited)


@EVERY_API
def test_a_temperature_of_none_is_left_out(provider: str, api: str) -> None:
    case = case_of(provider, api)
    assert body_of(sent(provider, api=api, temperature=None)) == case.sent(case.unlimited)


@EVERY_API
def test_a_token_limit_is_sent_under_the_apis_own_name(provider: str, api: str) -> None:
    case = case_of(provider, api)
    assert body_of(sent(provider, api=api, max_tokens=5)) == case.sent(case.temperature, case.limit)


@EVERY_API
def test_every_call_of_a_user_sends_the_same(provider: str, api: str) -> None:
    with serving(mocking(Service(Pace(0)))) as server:
        asker = Asker(provider, server.url, api=api)
        for _ in range(2):
            asker.ask()
        first, second = server.requests
    assert (first.method, first.target, first.body) == (second.method, second.target, second.body)


@EVERY_API
def test_a_prompt_beyond_ascii_arrives_as_it_was(provider: str, api: str) -> None:
    prompt = 'Ünïcode 漢字 🎈 "quoted" \\ and\nlines\t\u2028'
    with serving(mocking(Service(Pace(0)))) as server:
        asker = Asker(provider, server.url, api=api)
        asker.session.payload = prompt
        asker.ask()
    assert prompt in "".join(strings_in(body_of(server.requests[0])))


def strings_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings_in(item)


@EVERY_API
def test_a_base_path_of_the_host_is_kept(provider: str, api: str) -> None:
    with serving(mocking(Service(Pace(0)))) as server:
        Asker(provider, f"{server.url}/proxy", api=api).ask()
    assert [received.target for received in server.requests] == [f"/proxy{case_of(provider, api).target}"]


# OpenAI on Azure


@pytest.mark.parametrize(
    ("api", "target"),
    [
        ("chat", "/openai/deployments/gpt-4o/chat/completions?api-version=2025-01-01-preview"),
        ("completions", "/openai/deployments/gpt-4o/completions?api-version=2025-01-01-preview"),
        ("responses", "/openai/responses?api-version=2025-01-01-preview"),
    ],
)
def test_azure_takes_the_runs_api_version(api: str, target: str) -> None:
    assert sent("azure-openai", api=api, api_version="2025-01-01-preview").target == target


# Gemini and Vertex AI


@pytest.fixture
def on_vertex(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "us-central1")


VERTEX_PATH = "projects/p/locations/us-central1/publishers/google/models/gemini-1.0-pro:generateContent"


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_on_vertex_the_path_names_the_project_and_the_key_is_a_bearer_token(on_vertex: None, api: str) -> None:
    received = sent("vertex-ai", api=api)
    assert (received.method, received.target) == ("POST", f"/v1beta1/{VERTEX_PATH}")
    assert keys_in(received) == {"authorization": f"Bearer {KEY}"}
    assert body_of(received) == {
        "contents": [{"role": "user", "parts": [{"text": "Say something."}]}],
        "generationConfig": {"temperature": 0.0},
    }


def test_on_vertex_a_token_limit_is_sent_as_on_gemini(on_vertex: None) -> None:
    assert body_of(sent("vertex-ai", max_tokens=5, temperature=None)) == {
        "contents": [{"role": "user", "parts": [{"text": "Say something."}]}],
        "generationConfig": {"maxOutputTokens": 5},
    }


def test_vertex_takes_the_runs_api_version(on_vertex: None) -> None:
    assert sent("vertex-ai", api_version="v1").target == f"/v1/{VERTEX_PATH}"


def test_gemini_takes_the_runs_api_version() -> None:
    assert sent("vertex-ai", api_version="v1").target == "/v1/models/gemini-1.0-pro:generateContent"


def test_the_sdks_new_variable_counts_before_the_old_one(on_vertex: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_GENAI_USE_ENTERPRISE", "1")
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "false")
    assert sent("vertex-ai").target == f"/v1beta1/{VERTEX_PATH}"


LOGIN = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
WORKLOAD = {"type": "external_account", "audience": "//a", "subject_token_type": "urn:a", "token_url": "http://a"}
CREDENTIALS = {
    "whole": (json.dumps(LOGIN), None),
    "cut": (json.dumps(LOGIN)[:-1], "not a valid json"),
    "none": ("{}", "type"),
    "another form": ("[]", "what was given for credentials is malformed (AttributeError: "),
    "a number as its file": (
        json.dumps({**WORKLOAD, "credential_source": {"file": 5}}), "credential_source.file must be a path",
    ),
}  # fmt: skip


@pytest.mark.parametrize("written", CREDENTIALS)
def test_on_vertex_without_a_key_googles_credentials_are_looked_for(
    written: str, on_vertex: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, reason = CREDENTIALS[written]
    (tmp_path / "credentials.json").write_text(content)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "credentials.json"))
    missing = VertexAI.missing_key()
    assert (missing is None) == (reason is None)
    assert (reason or "") in (missing or "")


def test_the_reason_why_googles_credentials_cant_be_opened_is_more_than_its_number(
    on_vertex: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path))
    assert f"Is a directory: '{tmp_path}'" in (VertexAI.missing_key() or "")


@pytest.mark.parametrize("variable", ["GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE"])
def test_gemini_is_used_if_the_variable_says_false(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "false")
    received = sent("vertex-ai")
    assert received.target == "/v1beta/models/gemini-1.0-pro:generateContent"
    assert keys_in(received) == {"x-goog-api-key": KEY}


# Bedrock


@EVERY_FAMILY
def test_each_bedrock_family_gets_its_own_body(family: str) -> None:
    model, body, _, _ = FAMILIES[family]
    received = sent("aws-bedrock", api="completions", model=model)
    assert received.target == f"/model/{model.replace(':', '%3A')}/invoke"
    assert body_of(received) == body


@EVERY_FAMILY
def test_a_bedrock_family_gets_no_temperature_if_there_is_none(family: str) -> None:
    model, _, body, _ = FAMILIES[family]
    assert body_of(sent("aws-bedrock", api="completions", model=model, temperature=None)) == body


@EVERY_FAMILY
def test_each_bedrock_family_gets_the_token_limit_under_its_own_name(family: str) -> None:
    model, _, _, body = FAMILIES[family]
    assert body_of(sent("aws-bedrock", api="completions", model=model, max_tokens=5)) == body


@EVERY_FAMILY
def test_a_region_before_the_model_does_not_change_the_family(family: str) -> None:
    model, body, _, _ = FAMILIES[family]
    assert body_of(sent("aws-bedrock", api="completions", model=f"us.{model}")) == body


def test_an_arn_as_a_model_is_quoted_and_its_family_known() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.meta.llama3-1-8b-instruct-v1:0"
    received = sent("aws-bedrock", api="completions", model=arn, max_tokens=5)
    assert received.target == (
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3A"
        "inference-profile%2Fus.meta.llama3-1-8b-instruct-v1%3A0/invoke"
    )
    assert body_of(received) == {"prompt": "Say something.", "temperature": 0.0, "max_gen_len": 5}


@pytest.mark.parametrize("model", [model for model, *_ in FAMILIES.values()])
def test_converse_is_the_same_for_every_family(model: str) -> None:
    received = sent("aws-bedrock", api="chat", model=model, max_tokens=5)
    assert received.target == f"/model/{model.replace(':', '%3A')}/converse"
    assert body_of(received) == {
        "messages": [{"role": "user", "content": [{"text": "Say something."}]}],
        "inferenceConfig": {"temperature": 0.0, "maxTokens": 5},
    }


@pytest.fixture
def aws_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS's key pair in the environment. boto3's session caches what it found, so it is recreated."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", AWS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", AWS_SECRET)
    aws_session.cache_clear()
    yield
    aws_session.cache_clear()


@pytest.mark.parametrize("api", ["chat", "completions"])
@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_bedrock_without_a_key_is_signed_for_host_and_region(aws_keys: None, api: str, region: str) -> None:
    received = sent("aws-bedrock", api=api, api_key=None, region=region)
    kind, *fields = received.all("authorization")[0].replace(",", "").split(" ")
    signed = dict(field.split("=", 1) for field in fields)
    day = received.all("x-amz-date")[0][:8]
    assert kind == "AWS4-HMAC-SHA256"
    assert signed["Credential"] == f"{AWS_KEY_ID}/{day}/{region}/bedrock/aws4_request"
    assert "host" in signed["SignedHeaders"].split(";")
    assert len(signed["Signature"]) == 64


@pytest.mark.parametrize("api", ["chat", "completions"])
@pytest.mark.parametrize("model", ["anthropic.claude-v2", "meta.llama3-70b-instruct-v1:0"])
def test_bedrocks_signature_fits_what_arrived(aws_keys: None, api: str, model: str) -> None:
    received = sent("aws-bedrock", api=api, model=model, api_key=None)
    assert received.all("authorization")[0].endswith(f"Signature={signature_of(received)}")


def signature_of(received: Received) -> str:
    """What AWS would compute from the request that arrived."""
    _, _, signed = received.all("authorization")[0].partition("SignedHeaders=")
    names = signed.partition(",")[0].split(";")
    url = f"http://{received.all('host')[0]}{received.target}"
    headers = {name: received.all(name)[0] for name in names}
    request = AWSRequest(received.method, url, headers, received.body)
    request.context["timestamp"] = received.all("x-amz-date")[0]
    signer = SigV4Auth(Credentials(AWS_KEY_ID, AWS_SECRET), "bedrock", "us-east-1")
    return str(signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request))


def test_a_bedrock_key_takes_precedence_over_the_aws_key_pair(aws_keys: None) -> None:
    assert keys_in(sent("aws-bedrock")) == {"authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_bedrocks_bearer_variable_is_its_key(aws_keys: None, api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "test-token-456")
    key = find_key(Bedrock, "", mock=False)
    received = sent("aws-bedrock", api=api, api_key=key)
    assert keys_in(received) == {"authorization": "Bearer test-token-456"}
    assert keys_in(sent("aws-bedrock", api=api)) == {"authorization": f"Bearer {KEY}"}


def test_bedrock_with_no_key_at_all_fails_before_anything_is_sent() -> None:
    aws_session.cache_clear()
    with serving(mocking(Service(Pace(0)))) as server:
        asker = Asker("aws-bedrock", server.url, api_key=None)
        call = asker.ask()
    assert (call.outcome, call.status) == ("failed", None)
    assert call.error is not None
    assert call.error.startswith("NoCredentialsError: ")
    assert server.requests == []
