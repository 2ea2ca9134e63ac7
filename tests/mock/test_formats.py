"""The mock's wire formats, read by the providers' own SDKs."""

import os
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import anthropic
import boto3
import botocore.config
import botocore.exceptions
import openai
import orjson
import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer, EventStreamMessage
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

from mock.formats import bedrock, eventstream
from mock.formats.message import Answer, Request
from mock.service import Service
from mock.timing import Pace
from tests.command_line import PROJECT

TOKENS = 20
PROMPT = "What does the letter ask for?"
PROMPT_TOKENS = len(PROMPT) // 4 + 1


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The base URL of a mock without delays, whose answers all have TOKENS tokens."""
    options = ["--port", "0", "--latency", "0", "--tokens", str(TOKENS), "--exact-tokens", "--seed", "1"]
    with subprocess.Popen(
        [sys.executable, "-m", "mock", *options], cwd=PROJECT, stderr=subprocess.PIPE, text=True
    ) as mock:
        assert mock.stderr is not None
        yield mock.stderr.readline().split()[-1]
        mock.terminate()


def answer(target: str, body: Any, **headers: str) -> Answer:
    """What the mock answers in-process."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    service = Service(Pace(0), tokens=TOKENS, exact_tokens=True)
    return service.answer(Request("POST", target, named, orjson.dumps(body)))


def whole(answer: Answer) -> bytes:
    return b"".join(part.data for part in answer.parts)


# OpenAI, Azure, DeepSeek


@pytest.fixture
def openai_client(address: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)


def ask_chat(client: openai.OpenAI, model: str = "gpt-4o", **options: Any) -> Any:
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": PROMPT}], **options)


def chat_text(chunks: list[Any], field: str = "content") -> str:
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    return "".join(getattr(delta, field, None) or "" for delta in deltas)


def test_a_chat_completion_is_a_json_object_with_its_usage(openai_client: openai.OpenAI) -> None:
    completion = ask_chat(openai_client)
    assert list(orjson.loads(completion.choices[0].message.content)) == ["summary"]
    assert completion.choices[0].finish_reason == "stop"
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (PROMPT_TOKENS, TOKENS)


def test_a_chat_stream_has_a_delta_per_token_and_then_its_usage(openai_client: openai.OpenAI) -> None:
    *chunks, last = ask_chat(openai_client, stream=True, stream_options={"include_usage": True})
    assert len([chunk for chunk in chunks if chunk.choices[0].delta.content]) == TOKENS
    assert orjson.loads(chat_text(chunks))
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert (last.choices, last.usage.completion_tokens) == ([], TOKENS)


def test_a_stream_without_include_usage_has_no_usage_chunk(openai_client: openai.OpenAI) -> None:
    chunks = list(ask_chat(openai_client, stream=True))
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_a_token_limit_cuts_a_chat_short(openai_client: openai.OpenAI, field: str) -> None:
    completion = ask_chat(openai_client, extra_body={field: 5})
    assert completion.choices[0].finish_reason == "length"
    assert completion.usage.completion_tokens == 5


def test_a_deepseek_reasoner_thinks_before_it_answers(openai_client: openai.OpenAI) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(ask_chat(openai_client, "deepseek-reasoner", **options))
    assert chat_text(chunks, "reasoning_content")
    assert orjson.loads(chat_text(chunks))
    usage = chunks[-1].usage
    assert usage.completion_tokens_details.reasoning_tokens == TOKENS // 2
    assert usage.completion_tokens == TOKENS + TOKENS // 2


def test_cached_tokens_are_as_many_as_the_request_asks_for(openai_client: openai.OpenAI) -> None:
    completion = ask_chat(openai_client, extra_headers={"x-mock-cached": "3"})
    assert completion.usage.prompt_tokens_details.cached_tokens == 3


def test_a_text_completion_has_text_and_usage(openai_client: openai.OpenAI) -> None:
    completion = openai_client.completions.create(model="gpt-3.5-turbo-instruct", prompt=PROMPT)
    assert orjson.loads(completion.choices[0].text)
    assert completion.usage is not None
    assert completion.usage.total_tokens == PROMPT_TOKENS + TOKENS


def test_a_text_completion_stream_ends_with_its_finish_reason(openai_client: openai.OpenAI) -> None:
    chunks = list(openai_client.completions.create(model="davinci", prompt=PROMPT, stream=True))
    assert orjson.loads("".join(chunk.choices[0].text for chunk in chunks))
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_response_has_text_and_usage(openai_client: openai.OpenAI) -> None:
    response = openai_client.responses.create(model="gpt-4o", input=PROMPT)
    assert orjson.loads(response.output_text)
    assert response.status == "completed"
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (PROMPT_TOKENS, TOKENS)


@pytest.mark.parametrize(("model", "reasoning"), [("gpt-4o", 0), ("o-reason", TOKENS // 2)])
def test_a_response_stream_ends_with_the_whole_response(
    openai_client: openai.OpenAI, model: str, reasoning: int
) -> None:
    events = list(openai_client.responses.create(model=model, input=PROMPT, stream=True))
    last = events[-1]
    assert last.type == "response.completed"
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert said == last.response.output_text
    assert last.response.usage is not None
    assert last.response.usage.output_tokens_details.reasoning_tokens == reasoning
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_a_token_limit_leaves_a_response_incomplete(openai_client: openai.OpenAI) -> None:
    events = list(openai_client.responses.create(model="gpt-4o", input=PROMPT, stream=True, max_output_tokens=5))
    assert events[-1].type == "response.incomplete"


def test_azure_deployments_answer_chats_plain_and_streaming(address: str) -> None:
    client = openai.AzureOpenAI(azure_endpoint=address, api_key="none", api_version="2024-10-21", max_retries=0)
    assert orjson.loads(ask_chat(client).choices[0].message.content)
    first, *chunks = ask_chat(client, stream=True)
    assert first.choices == []
    assert orjson.loads(chat_text(chunks))


def test_azure_answers_responses(address: str) -> None:
    client = openai.AzureOpenAI(azure_endpoint=address, api_key="none", api_version="2025-03-01-preview", max_retries=0)
    assert orjson.loads(client.responses.create(model="gpt-4o", input=PROMPT).output_text)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (409, openai.ConflictError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
def test_openai_raises_its_own_class_for_a_status(
    openai_client: openai.OpenAI, status: int, error: type[openai.APIStatusError]
) -> None:
    with pytest.raises(error) as raised:
        ask_chat(openai_client, extra_headers={"x-mock-status": str(status)})
    assert raised.value.status_code == status
    assert raised.value.type


def test_an_error_in_an_openai_stream_is_an_api_error(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIError, match="The server had an error"):
        list(ask_chat(openai_client, stream=True, extra_headers={"x-mock-fault": "error-in-stream"}))


# Anthropic


@pytest.fixture
def anthropic_client(address: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=address, api_key="none", max_retries=0)


def ask_message(client: anthropic.Anthropic, model: str = "claude-sonnet", **options: Any) -> Any:
    settings = {"max_tokens": 1000, **options}
    return client.messages.create(model=model, messages=[{"role": "user", "content": PROMPT}], **settings)


def test_a_message_has_text_and_usage(anthropic_client: anthropic.Anthropic) -> None:
    message = ask_message(anthropic_client)
    assert orjson.loads(message.content[0].text)
    assert message.stop_reason == "end_turn"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (PROMPT_TOKENS, TOKENS)


def test_a_message_stream_goes_from_message_start_to_message_stop(
    anthropic_client: anthropic.Anthropic,
) -> None:
    events = list(ask_message(anthropic_client, stream=True))
    deltas = [event.delta.text for event in events if event.type == "content_block_delta"]
    assert len(deltas) == TOKENS
    assert orjson.loads("".join(deltas))
    assert (events[0].type, events[-1].type) == ("message_start", "message_stop")
    assert events[0].message.usage.input_tokens == PROMPT_TOKENS
    assert (events[-2].delta.stop_reason, events[-2].usage.output_tokens) == ("end_turn", TOKENS)


def test_a_reasoning_claude_thinks_in_a_separate_block(anthropic_client: anthropic.Anthropic) -> None:
    with anthropic_client.messages.stream(
        model="claude-reason", max_tokens=1000, messages=[{"role": "user", "content": PROMPT}]
    ) as stream:
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.usage.output_tokens == TOKENS + TOKENS // 2


def test_max_tokens_cuts_a_message_short(anthropic_client: anthropic.Anthropic) -> None:
    assert ask_message(anthropic_client, max_tokens=5).stop_reason == "max_tokens"


def test_cached_tokens_are_not_among_anthropics_input_tokens(anthropic_client: anthropic.Anthropic) -> None:
    usage = ask_message(anthropic_client, extra_headers={"x-mock-cached": "3"}).usage
    assert (usage.input_tokens, usage.cache_read_input_tokens) == (PROMPT_TOKENS - 3, 3)


def test_a_legacy_completion_says_why_it_stopped(anthropic_client: anthropic.Anthropic) -> None:
    body = {"model": "claude-2.1", "prompt": PROMPT, "max_tokens_to_sample": 1000}
    completion: Any = anthropic_client.post("/v1/complete", cast_to=object, body=body)
    assert orjson.loads(completion["completion"])
    assert completion["stop_reason"] == "stop_sequence"


def test_a_legacy_completion_stream_ends_with_an_empty_piece(
    anthropic_client: anthropic.Anthropic,
) -> None:
    body = {"model": "claude-2.1", "prompt": PROMPT, "max_tokens_to_sample": 5, "stream": True}
    stream: Any = anthropic_client.post(
        "/v1/complete", cast_to=object, body=body, stream=True, stream_cls=anthropic.Stream[object]
    )
    *pieces, last = list(stream)
    assert len(pieces) == 5
    assert (last["completion"], last["stop_reason"]) == ("", "max_tokens")


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.AuthenticationError, "authentication_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (529, anthropic.InternalServerError, "overloaded_error"),
    ],
)
def test_anthropic_raises_its_own_class_for_a_status(
    anthropic_client: anthropic.Anthropic, status: int, error: type[anthropic.APIStatusError], kind: str
) -> None:
    with pytest.raises(error) as raised:
        ask_message(anthropic_client, extra_headers={"x-mock-status": str(status)})
    assert raised.value.status_code == status
    assert kind in str(raised.value.body)


def test_an_error_in_an_anthropic_stream_has_status_200(anthropic_client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.APIStatusError, match="Overloaded") as raised:
        list(ask_message(anthropic_client, stream=True, extra_headers={"x-mock-fault": "error-in-stream"}))
    assert raised.value.status_code == 200


# Gemini


@pytest.fixture
def genai_client(address: str) -> genai.Client:
    options = genai_types.HttpOptions(base_url=address, api_version="v1beta")
    return genai.Client(api_key="none", http_options=options)


def genai_config(headers: dict[str, str] | None = None, **settings: Any) -> Any:
    options = genai_types.HttpOptions(headers=headers)
    return genai_types.GenerateContentConfig(http_options=options, **settings)


def test_generated_content_has_text_and_usage(genai_client: genai.Client) -> None:
    response = genai_client.models.generate_content(model="gemini-2.5-pro", contents=PROMPT)
    assert orjson.loads(response.text or "")
    assert response.candidates is not None
    assert response.candidates[0].finish_reason == "STOP"
    usage = response.usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.candidates_token_count) == (PROMPT_TOKENS, TOKENS)


def test_a_content_stream_brings_its_finish_reason_with_the_last_token(genai_client: genai.Client) -> None:
    chunks = list(genai_client.models.generate_content_stream(model="gemini-2.5-pro", contents=PROMPT))
    assert len(chunks) == TOKENS
    assert orjson.loads("".join(chunk.text or "" for chunk in chunks))
    reasons = [chunk.candidates[0].finish_reason for chunk in chunks if chunk.candidates]
    assert reasons == [None] * (TOKENS - 1) + ["STOP"]


def test_a_token_limit_ends_content_with_max_tokens(genai_client: genai.Client) -> None:
    config = genai_config(max_output_tokens=5)
    response = genai_client.models.generate_content(model="gemini", contents=PROMPT, config=config)
    assert response.candidates is not None
    assert response.candidates[0].finish_reason == "MAX_TOKENS"


def test_a_reasoning_gemini_marks_its_thoughts(genai_client: genai.Client) -> None:
    response = genai_client.models.generate_content(model="gemini-reason", contents=PROMPT)
    assert response.parts is not None
    assert [part.thought for part in response.parts] == [True, None]
    assert response.usage_metadata is not None
    assert response.usage_metadata.thoughts_token_count == TOKENS // 2


def test_a_vertex_path_is_answered_like_the_gemini_api() -> None:
    path = "/v1beta1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro"
    good = answer(f"{path}:generateContent", {"contents": [{"parts": [{"text": PROMPT}]}]})
    assert orjson.loads(whole(good))["modelVersion"] == "gemini-2.5-pro"


def test_gemini_streams_end_their_lines_with_crlf() -> None:
    body = whole(answer("/v1/models/gemini:streamGenerateContent?alt=sse", {}))
    assert body.count(b"\n") == body.count(b"\r\n") > 0


@pytest.mark.parametrize(
    ("status", "error", "name"),
    [
        (400, genai_errors.ClientError, "INVALID_ARGUMENT"),
        (429, genai_errors.ClientError, "RESOURCE_EXHAUSTED"),
        (500, genai_errors.ServerError, "INTERNAL"),
        (503, genai_errors.ServerError, "UNAVAILABLE"),
    ],
)
def test_genai_raises_its_own_class_for_a_status(
    genai_client: genai.Client, status: int, error: type[genai_errors.APIError], name: str
) -> None:
    config = genai_config({"x-mock-status": str(status)})
    with pytest.raises(error) as raised:
        genai_client.models.generate_content(model="gemini", contents=PROMPT, config=config)
    assert (raised.value.code, raised.value.status) == (status, name)


# Bedrock

FAMILIES = {
    "anthropic.claude-v2": lambda body: body["completion"],
    "anthropic.claude-3-haiku-20240307-v1:0": lambda body: body["content"][0]["text"],
    "us.meta.llama3-2-1b-instruct-v1:0": lambda body: body["generation"],
    "mistral.mistral-7b-instruct-v0:2": lambda body: body["outputs"][0]["text"],
    "cohere.command-text-v14": lambda body: body["generations"][0]["text"],
    "cohere.command-r-v1:0": lambda body: body["text"],
    "ai21.jamba-1-5-mini-v1:0": lambda body: body["choices"][0]["message"]["content"],
    "ai21.j2-mid-v1": lambda body: body["completions"][0]["data"]["text"],
    "amazon.titan-text-express-v1": lambda body: body["results"][0]["outputText"],
    "amazon.nova-lite-v1:0": lambda body: body["output"]["message"]["content"][0]["text"],
    "us.deepseek.r1-v1:0": lambda body: body["choices"][0]["text"],
    "somebody.something": lambda body: body["text"],
}
PIECES = {
    "anthropic.claude-v2": lambda chunk: chunk["completion"],
    "anthropic.claude-3-haiku-20240307-v1:0": lambda chunk: chunk.get("delta", {}).get("text", ""),
    "us.meta.llama3-2-1b-instruct-v1:0": lambda chunk: chunk["generation"],
    "mistral.mistral-7b-instruct-v0:2": lambda chunk: chunk["outputs"][0]["text"],
    "cohere.command-text-v14": lambda chunk: chunk.get("text", ""),
    "cohere.command-r-v1:0": lambda chunk: chunk.get("text", ""),
    "ai21.jamba-1-5-mini-v1:0": lambda chunk: chunk["choices"][0]["delta"]["content"],
    "amazon.titan-text-express-v1": lambda chunk: chunk["outputText"],
    "amazon.nova-lite-v1:0": lambda chunk: chunk.get("contentBlockDelta", {}).get("delta", {}).get("text", ""),
    "us.deepseek.r1-v1:0": lambda chunk: chunk["choices"][0]["text"],
    "somebody.something": lambda chunk: chunk["text"],
}


@pytest.fixture
def bedrock_client(address: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client that reaches only the mock; its event `before-sign` can add headers."""
    monkeypatch.setitem(os.environ, "AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )


def with_header(client: Any, name: str, value: str) -> Any:
    """The same client; each of its requests carries the header."""
    client.meta.events.register("before-sign", lambda request, **_: request.headers.add_header(name, value))
    return client


def ask_converse(call: Any, model: str = "amazon.nova-lite-v1:0", **settings: Any) -> Any:
    message = {"role": "user", "content": [{"text": PROMPT}]}
    return call(modelId=model, messages=[message], inferenceConfig=settings)


def test_a_conversation_has_text_and_usage(bedrock_client: Any) -> None:
    answer = ask_converse(bedrock_client.converse)
    assert orjson.loads(answer["output"]["message"]["content"][0]["text"])
    assert answer["stopReason"] == "end_turn"
    assert (answer["usage"]["inputTokens"], answer["usage"]["outputTokens"]) == (PROMPT_TOKENS, TOKENS)


def test_a_conversation_stream_ends_with_its_usage(bedrock_client: Any) -> None:
    events = list(ask_converse(bedrock_client.converse_stream)["stream"])
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    assert len(deltas) == TOKENS
    assert orjson.loads("".join(delta["text"] for delta in deltas))
    assert events[-2]["messageStop"]["stopReason"] == "end_turn"
    assert events[-1]["metadata"]["usage"]["outputTokens"] == TOKENS


def test_a_token_limit_cuts_a_conversation_short(bedrock_client: Any) -> None:
    assert ask_converse(bedrock_client.converse, maxTokens=5)["stopReason"] == "max_tokens"


def test_a_reasoning_model_streams_reasoning_content(bedrock_client: Any) -> None:
    events = list(ask_converse(bedrock_client.converse_stream, "some.reasoner")["stream"])
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    assert ["reasoningContent" in delta for delta in deltas] == [True] * (TOKENS // 2) + [False] * TOKENS


@pytest.mark.parametrize("model", FAMILIES)
def test_invoke_answers_in_the_shape_of_the_family(bedrock_client: Any, model: str) -> None:
    answer = bedrock_client.invoke_model(modelId=model, body=orjson.dumps({"prompt": PROMPT}))
    assert orjson.loads(FAMILIES[model](orjson.loads(answer["body"].read())))
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-bedrock-input-token-count"] == str(PROMPT_TOKENS)
    assert headers["x-amzn-bedrock-output-token-count"] == str(TOKENS)


@pytest.mark.parametrize("model", PIECES)
def test_an_invoke_stream_ends_with_its_counts(bedrock_client: Any, model: str) -> None:
    body = orjson.dumps({"prompt": PROMPT})
    answer = bedrock_client.invoke_model_with_response_stream(modelId=model, body=body)
    chunks = [orjson.loads(event["chunk"]["bytes"]) for event in answer["body"]]
    assert orjson.loads("".join(PIECES[model](chunk) for chunk in chunks))
    metrics = chunks[-1]["amazon-bedrock-invocationMetrics"]
    assert (metrics["inputTokenCount"], metrics["outputTokenCount"]) == (PROMPT_TOKENS, TOKENS)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
        (503, "ServiceUnavailableException"),
    ],
)
def test_bedrock_raises_a_client_error_named_by_a_header(bedrock_client: Any, status: int, code: str) -> None:
    client = with_header(bedrock_client, "x-mock-status", str(status))
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        ask_converse(client.converse)
    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_an_error_in_a_bedrock_stream_is_an_event_stream_error(bedrock_client: Any) -> None:
    client = with_header(bedrock_client, "x-mock-fault", "error-in-stream")
    with pytest.raises(botocore.exceptions.EventStreamError, match="modelStreamErrorException"):
        list(ask_converse(client.converse_stream)["stream"])


def test_a_bad_crc_is_noticed(bedrock_client: Any) -> None:
    client = with_header(bedrock_client, "x-mock-fault", "bad-crc")
    with pytest.raises(ChecksumMismatch):
        list(ask_converse(client.converse_stream)["stream"])


def frames(data: bytes) -> list[EventStreamMessage]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return list(buffer)


def test_botocore_parses_a_frame_back_into_its_headers_and_payload() -> None:
    (message,) = frames(eventstream.event("contentBlockDelta", {"delta": {"text": "ü"}}))
    headers: Any = message.headers
    assert headers == {
        ":event-type": "contentBlockDelta",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    assert orjson.loads(message.payload) == {"delta": {"text": "ü"}}


def test_chunks_carry_their_json_in_base64() -> None:
    (message,) = frames(bedrock.chunk({"text": "word"}))
    assert orjson.loads(b64decode(orjson.loads(message.payload)["bytes"])) == {"text": "word"}


# What all formats share


@pytest.mark.parametrize(
    ("target", "shape"),
    [
        ("/v1/nothing", "error"),
        ("/v1/messages/nothing", "type"),
        ("/v1beta/models/gemini:nothing", "error"),
        ("/model/some.model/nothing", "message"),
    ],
)
def test_an_unknown_path_is_a_404_in_the_nearest_providers_shape(target: str, shape: str) -> None:
    missing = answer(target, {})
    assert missing.status == 404
    assert next(iter(orjson.loads(whole(missing)))) == shape


def test_a_body_that_is_not_json_is_a_400() -> None:
    request = Request("POST", "/v1/messages", {}, b"{")
    bad = Service(Pace(0)).answer(request)
    assert bad.status == 400
    assert orjson.loads(whole(bad))["error"]["type"] == "invalid_request_error"


def test_a_429_says_when_to_retry() -> None:
    assert ("retry-after", "1") in answer("/v1/messages", {}, x_mock_status="429").headers


def test_a_redirect_says_where_to() -> None:
    assert ("location", "/redirected") in answer("/v1/messages", {}, x_mock_status="302").headers


def test_an_unknown_fault_is_a_400_that_lists_the_known_ones() -> None:
    bad = answer("/v1/messages", {}, x_mock_fault="mischief")
    assert bad.status == 400
    assert b"early-end" in whole(bad)


@pytest.mark.parametrize(
    "target", ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/v1/complete"]
)
def test_event_streams_carry_a_comment(target: str) -> None:
    assert b": keep-alive" in whole(answer(target, {"stream": True}))


def test_an_exact_schedule_has_tokens_at_equal_intervals() -> None:
    assert Pace(ttft_s=0.5, itl_s=0.25).due_s(4, median_tokens=64) == [0.5, 0.75, 1.0, 1.25]


def test_drawn_answers_take_a_third_of_a_second_to_one_and_a_half() -> None:
    pace = Pace(seed=7)
    latencies_s = sorted(pace.due_s(64, median_tokens=64)[-1] for _ in range(1000))
    assert latencies_s[10] > 0.3
    assert latencies_s[500] == pytest.approx(0.7, rel=0.05)
    assert latencies_s[990] < 1.6


def test_the_same_seed_gives_the_same_answers_at_the_same_times() -> None:
    request = Request("POST", "/v1/messages", {}, b'{"stream": true}')
    first, second = (Service(Pace(seed=3), seed=3).answer(request) for _ in range(2))
    assert first == second


def test_a_share_of_requests_fails_as_the_error_rate_says() -> None:
    service = Service(Pace(0), seed=5, error_rate=0.25, error_status=429)
    for _ in range(1000):
        service.answer(Request("POST", "/v1/messages", {}, b"{}"))
    assert service.stats.by_status["429"] == pytest.approx(250, abs=50)


def test_tokens_vary_by_three_tenths_around_their_median() -> None:
    service = Service(Pace(0), seed=5, tokens=100)
    request = Request("POST", "/v1/chat/completions", {}, b"{}")
    counts = [orjson.loads(whole(service.answer(request)))["usage"]["completion_tokens"] for _ in range(200)]
    assert 70 <= min(counts) < 80 < 120 < max(counts) <= 130
