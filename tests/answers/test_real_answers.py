"""What real servers and gateways answer, through each SDK: read if the SDK can read it, otherwise a failure with the
server's own words."""

import gzip
import json
import re
import tracemalloc
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from botocore.parsers import EventStreamJSONParser, ResponseParserError
from google.genai.types import GenerateContentResponse
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import finishes
from harness.run import session
from harness.secrets import Secrets
from mock.formats import eventstream as encoder
from providers import bedrock_families
from providers.answers import anthropic, converse, eventstream, gemini, gemini_lines, openai, reading, refusal, sse
from providers.answers.content import finished
from providers.answers.document import QUOTED, quoted
from providers.bedrock import SERVICE, aws_session
from providers.call import (
    Answer,
    Call,
    Delta,
    ErrorInStream,
    Finish,
    IncompleteStream,
    MalformedAnswer,
)
from providers.user import ERROR_CHARACTERS, REASON_CHARACTERS, SEARCHED_CHARACTERS
from providers.vertex_ai import DIALECT
from tests.answers.test_readers import EVERY_TYPE
from tests.answers.test_streams import FAMILIES, UNKNOWN_MODEL
from tests.asking import APIS, Asker
from tests.canned import STEP_S, Canned, answered, mocked
from tests.cases import CASES, case_of
from wire.exchange import LOGGED_BYTES, Exchange
from wire.httpx2_plug import LONGEST_TYPE

QUICKLY = settings(deadline=None, max_examples=5)
DISTINCT_APIS = [case for case in APIS if case_of(*case).is_distinct]
"""The others are read by the same readers through the same SDKs."""

EVERY_API = pytest.mark.parametrize(("provider", "api"), DISTINCT_APIS)
SSE_APIS = [(provider, api) for provider, api in DISTINCT_APIS if not CASES[provider].has_frames]
WHOLE_OR_STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
WAYS: list[tuple[str, str, str | None]] = [(provider, api, None) for provider, api in DISTINCT_APIS]
WAYS += [("aws-bedrock", "completions", model) for model in [*FAMILIES, UNKNOWN_MODEL]]
OUR_ERRORS = (ErrorInStream, IncompleteStream, MalformedAnswer, eventstream.BadChecksum)
OUR_NAMES = {error.__name__ for error in OUR_ERRORS}
WORDS = "upstream gone"
Event = dict[str, Any] | bytes


def sse_of(*events: Event) -> list[bytes]:
    """Events as pieces, each named after its type."""
    pieces = []
    for event in events:
        data = event if isinstance(event, bytes) else json.dumps(event).encode()
        name = event["type"] if isinstance(event, dict) and "type" in event else ""
        pieces.append((f"event: {name}\n".encode() if name else b"") + b"data: " + data + b"\n\n")
    return pieces


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def usage(output_tokens: int, reasoning_tokens: int | None = None) -> dict[str, Any]:
    details = None if reasoning_tokens is None else {"reasoning_tokens": reasoning_tokens}
    counts = {"prompt_tokens": 10, "completion_tokens": output_tokens, "completion_tokens_details": details}
    return {"id": "c", "choices": [], "usage": counts}


DONE = b"[DONE]"


def chat(*events: Event, **wire: Any) -> Call:
    """A call of OpenAI's chat API in which every event is a separate read."""
    return answered("openai", "chat", Canned(sse_of(*events), kind="text/event-stream", **wire))


def steps(value: float | None) -> int | None:
    """A time in steps of the canned wire."""
    return None if value is None else int(value / STEP_S)


# Errors

ERRORS: dict[str, Any] = {
    "an object": {"error": {"message": WORDS, "type": "server_error", "code": 502}},
    "a text": {"error": WORDS},
    "flat": {"object": "error", "message": WORDS, "type": "NotFoundError", "code": 404},
    "a message and a code": {"message": WORDS, "code": 502},
    "a detail": {"detail": WORDS},
    "details of fields": {"detail": [{"loc": ["body", "model"], "msg": WORDS, "type": "missing"}]},
    "in an array": [{"error": {"code": 429, "message": WORDS, "status": "RESOURCE_EXHAUSTED"}}],
    "error is true": {"error": True, "message": WORDS},
    "error is a number": {"error": 500, "message": WORDS},
    "errors": {"errors": [{"message": WORDS}]},
    "typed": {"type": "error", "error": {"type": "overloaded_error", "message": WORDS}},
    "from the provider behind": {"error": {"message": "Provider returned error", "metadata": {"raw": WORDS}}},
}
EVERY_ERROR = pytest.mark.parametrize("body", ERRORS.values(), ids=ERRORS.keys())


@EVERY_API
@WHOLE_OR_STREAMED
@EVERY_ERROR
def test_an_error_sent_as_a_200_is_reported_in_its_own_words(provider: str, api: str, stream: bool, body: Any) -> None:
    call = answered(provider, api, Canned([json.dumps(body).encode()]), stream=stream)
    assert (call.outcome, call.status) == ("failed", 200)
    assert WORDS in str(call.error)
    assert str(call.error).partition(":")[0] in OUR_NAMES


@EVERY_API
@WHOLE_OR_STREAMED
@pytest.mark.parametrize("status", [429, 500])
def test_the_words_of_an_error_status_reach_the_user(provider: str, api: str, stream: bool, status: int) -> None:
    bodies = [*(json.dumps(body).encode() for body in ERRORS.values()), WORDS.encode()]
    for body in [*bodies, b"\xef\xbb\xbf" + bodies[0], f"<html><p>{WORDS}</p></html>".encode()]:
        call = answered(provider, api, Canned([body], status=status), stream=stream)
        assert (call.outcome, call.status) == ("failed", status)
        assert WORDS in str(call.error), body
        assert not str(call.error).startswith(("KeyError", "AttributeError", "TypeError", "ValueError"))


@pytest.mark.parametrize(("provider", "api"), SSE_APIS)
@pytest.mark.parametrize(
    "event",
    [
        b"event: error\ndata: " + json.dumps({"message": WORDS, "code": 503}).encode() + b"\n\n",
        b"event: error\ndata: " + WORDS.encode() + b"\n\n",
        *(b"data: " + json.dumps(body).encode() + b"\n\n" for body in ERRORS.values()),
        b"error: " + json.dumps({"code": 500, "message": WORDS, "type": "server_error"}).encode() + b"\n\n",
        json.dumps({"error": {"message": WORDS}}).encode() + b"\n",
        json.dumps({"error": {"message": WORDS}}, indent=1).encode(),
    ],
)
def test_an_error_within_a_stream_is_reported_in_its_own_words(provider: str, api: str, event: bytes) -> None:
    first, *_ = mocked(provider, api, stream=True).partition(b"\n\n")
    call = answered(provider, api, Canned([first + b"\n\n", event], kind="text/event-stream"))
    assert (call.outcome, str(call.error).partition(":")[0]) == ("failed", "ErrorInStream")
    assert WORDS in str(call.error)


@pytest.mark.parametrize(("provider", "api"), [("anthropic", "chat"), ("openai", "responses"), ("vertex-ai", "chat")])
def test_an_error_after_the_finish_marker_is_reported(provider: str, api: str) -> None:
    error = b"event: error\ndata: " + json.dumps({"type": "error", "error": {"message": WORDS}}).encode() + b"\n\n"
    call = answered(provider, api, Canned([mocked(provider, api, stream=True), error], kind="text/event-stream"))
    assert (call.outcome, WORDS in str(call.error)) == ("failed", True)


@pytest.mark.parametrize("nothing", [b"null", b"[]", b'""', b"{}"])
@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_an_event_named_error_is_one_even_if_its_data_says_nothing(provider: str, nothing: bytes) -> None:
    error = b"event: error\ndata: " + nothing + b"\n\n"
    call = answered(provider, "chat", Canned([error, mocked(provider, "chat", stream=True)], kind="text/event-stream"))
    assert (call.outcome, call.error) == ("failed", f"ErrorInStream: {nothing.decode()}")


@EVERY_API
def test_an_error_object_that_says_nothing_is_no_error_of_a_whole_answer(provider: str, api: str) -> None:
    raw = mocked(provider, api, stream=False)
    blank = b'{"error": {"message": "", "type": "", "param": "", "code": null}, '
    assert answered(provider, api, Canned([raw.replace(b"{", blank, 1)]), stream=False).error is None
    assert answered(provider, api, Canned([blank + b'"id": "x"}']), stream=False).outcome == "failed"


@pytest.mark.parametrize("nothing", [None, {}, "", False, []])
@EVERY_API
@WHOLE_OR_STREAMED
def test_an_empty_error_is_not_an_error(provider: str, api: str, stream: bool, nothing: Any) -> None:
    if CASES[provider].has_frames and stream:
        return  # In its frames, headers mark the events.
    body = mocked(provider, api, stream)
    extended = body.replace(b"{", b'{"error": ' + json.dumps(nothing).encode() + b", ", 1)
    if stream:
        extended = body.replace(b"data: {", b'data: {"error": ' + json.dumps(nothing).encode() + b", ")
    error = answered(provider, api, Canned([extended]), stream=stream).error
    if stream and provider == "vertex-ai":  # Its SDK fails at any `error` that comes first.
        assert str(error).startswith("MalformedAnswer: the SDK takes an event that begins with `error`")
        extended = body.replace(b"data: {", b'data: {"a": 1, "error": ' + json.dumps(nothing).encode() + b", ")
        error = answered(provider, api, Canned([extended]), stream=True).error
    assert error is None


@pytest.mark.parametrize(
    "reason", ["error", " error\n", "abort", "insufficient_system_resource", "network_error", "ERROR_TOXIC"]
)
def test_a_finish_reason_of_provider_failure_is_a_failure(reason: str) -> None:
    streams = [chat(chunk(content="Hi"), chunk(reason), DONE), chat(chunk(content="Hi"), chunk(reason))]
    body = {"choices": [{"message": {"content": "Hi"}, "finish_reason": reason}]}
    for call in [*streams, answered("openai", "chat", Canned([json.dumps(body).encode()]), stream=False)]:
        assert (call.outcome, call.finish_reason) == ("failed", reason.strip())
        assert call.error == f"ErrorInStream: finish reason {reason.strip()}"


@pytest.mark.parametrize("reason", ["", "  ", "null", " None "])
def test_a_blank_finish_reason_finishes_nothing(reason: str) -> None:
    body = {"choices": [{"message": {"content": "Hi"}, "finish_reason": reason}]}
    call = answered("openai", "chat", Canned([json.dumps(body).encode()]), stream=False)
    assert (call.outcome, call.finish_reason) == ("failed", None)


@pytest.mark.parametrize("provider", ["anthropic", "aws-bedrock"])
@pytest.mark.parametrize("reason", [{}, [], False, 0])
def test_an_empty_finish_reason_of_any_type_finishes_nothing(provider: str, reason: Any) -> None:
    content = [{"type": "text", "text": "Hi"}]
    message = {"content": content, "stop_reason": reason}
    body = {**message, "output": {"message": message}, "stopReason": reason}
    call = answered(provider, "chat", Canned([json.dumps(body).encode()]), stream=False)
    assert (call.outcome, call.finish_reason) == ("failed", None)


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("anthropic.claude-v2", {"completion": "Hi", "stop_reason": None}),
        ("meta.llama3-70b-instruct-v1:0", {"generation": "Hi", "stop_reason": None}),
        ("cohere.command-r-v1:0", {"text": "Hi"}),
        ("cohere.command-text-v14", {"generations": [{"text": "Hi", "finish_reason": ""}]}),
        ("amazon.titan-text-express-v1", {"results": [{"outputText": "Hi", "completionReason": None}]}),
        ("mistral.mistral-large-2407-v1:0", {"choices": [{"message": {"content": "Hi"}, "stop_reason": None}]}),
    ],
)
def test_a_whole_answer_without_its_familys_finish_reason_is_unfinished(model: str, body: dict[str, Any]) -> None:
    wire = Canned([json.dumps(body).encode()])
    call = answered("aws-bedrock", "completions", wire, model=model, stream=False)
    assert (call.outcome, call.content_events, str(call.error).partition(":")[0]) == ("failed", 1, "IncompleteStream")


@pytest.mark.parametrize(
    ("reason", "error"), [("COMPLETE", "None"), ("ERROR", "ErrorInStream"), (None, "IncompleteStream")]
)
def test_each_answer_that_a_family_of_bedrock_lists_must_be_finished(reason: str | None, error: str) -> None:
    listed = [{"text": "Hi", "finish_reason": "COMPLETE"}, {"text": "Ho", "finish_reason": reason}]
    wire = Canned([json.dumps({"generations": listed}).encode()])
    call = answered("aws-bedrock", "completions", wire, model="cohere.command-text-v14", stream=False)
    assert (call.content_events, str(call.error).partition(":")[0]) == (2, error)


@pytest.mark.parametrize(
    ("asked", "reason", "error"),
    [
        (2, "COMPLETE", "None"),
        (2, "ERROR", "ErrorInStream"),
        (2, None, "IncompleteStream"),
        (None, None, "None"),
        (None, "ERROR", "ErrorInStream"),
    ],
)
def test_a_stream_of_coheres_needs_one_end_per_answer_asked_for(asked: Any, reason: str | None, error: str) -> None:
    """Of several answers, each chunk has an index. https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-cohere-command.html"""
    texts = [{"text": text, "index": index, "is_finished": False} for index, text in enumerate(("Hi", "Ho"))]
    ends = [{"index": index, "finish_reason": each} for index, each in enumerate(("COMPLETE", reason))]
    frames = [
        encoder.event("chunk", {"bytes": b64encode(json.dumps(body).encode()).decode()}) for body in (*texts, *ends)
    ]
    call = answered(
        "aws-bedrock",
        "completions",
        Canned(frames),
        model="cohere.command-text-v14",
        extra_body={"num_generations": asked},
    )
    assert (call.content_events, str(call.error).partition(":")[0]) == (2, error)


@pytest.mark.parametrize("provider", ["openai", "azure-openai", "deepseek"])
@pytest.mark.parametrize(
    ("extra_body", "outcome"),
    [({}, "ok"), ({"n": 1}, "ok"), ({"n": None}, "ok"), ({"n": 2}, "failed"), ({"n": "two"}, "failed")],
)
def test_a_stream_needs_one_end_per_choice_asked_for(provider: str, extra_body: dict[str, Any], outcome: str) -> None:
    """One choice, whose thinking has index 0 and whose text has index 1, as LiteLLM sent for Bedrock."""
    thinking, text, end = chunk(reasoning_content="Hm"), chunk(content="Hi"), chunk("stop")
    text["choices"][0]["index"] = 1
    wire = Canned(sse_of(thinking, text, end, DONE))
    assert answered(provider, "chat", wire, extra_body=extra_body).outcome == outcome


@pytest.mark.parametrize(
    ("extra_body", "outcome"),
    [
        ({}, "ok"),
        ({"generationConfig": {"candidateCount": 1}}, "ok"),
        ({"generationConfig": None}, "ok"),
        ({"generationConfig": {"candidateCount": 2}}, "failed"),
        ({"generationConfig": {"candidate_count": 2}}, "failed"),
        ({"generation_config": {"candidateCount": 2}}, "failed"),
        ({"generationConfig": 2}, "failed"),
    ],
)
def test_a_stream_of_geminis_needs_one_end_per_candidate_asked_for(extra_body: dict[str, Any], outcome: str) -> None:
    first, last = ({"content": {"parts": [{"text": text}]}, "index": index} for index, text in enumerate("ab"))
    events = [{"candidates": [first]}, {"candidates": [{**last, "finishReason": "STOP"}]}]
    assert answered("vertex-ai", "chat", Canned(sse_of(*events)), extra_body=extra_body).outcome == outcome


def test_an_error_in_a_choice_is_reported() -> None:
    error = {"code": 502, "message": WORDS}
    broken = {"choices": [{"delta": {"content": ""}, "finish_reason": "error", "error": error}]}
    assert chat(chunk(content="Hi"), broken, DONE).error == f"ErrorInStream: 502: {WORDS}"
    assert chat(chunk(content="Hi"), chunk("error"), {"error": error}).error == f"ErrorInStream: 502: {WORDS}"


@pytest.mark.parametrize(
    ("model", "chunks"),
    [
        ("cohere.command-r-v1:0", [{"text": "Hi"}, {"is_finished": True, "finish_reason": "ERROR"}]),
        ("cohere.command-text-v14", [{"text": "Hi"}, {"is_finished": True, "finish_reason": "ERROR_TOXIC"}]),
        ("meta.llama3-70b-instruct-v1:0", [{"generation": "Hi", "stop_reason": "error"}]),
        ("mistral.mistral-large-2407-v1:0", [{"choices": [{"message": {"content": "Hi"}, "stop_reason": "error"}]}]),
        ("anthropic.claude-v2", [{"completion": "Hi", "stop_reason": "error"}]),
    ],
)
def test_a_failing_finish_reason_is_a_failure_in_every_family(model: str, chunks: list[dict[str, Any]]) -> None:
    frames = [encoder.event("chunk", {"bytes": b64encode(json.dumps(body).encode()).decode()}) for body in chunks]
    call = answered("aws-bedrock", "completions", Canned(frames), model=model)
    assert (call.outcome, call.ttft_s is not None) == ("failed", True)
    assert str(call.error).lower().startswith("errorinstream: finish reason error")


def test_the_table_knows_each_reason_once_and_an_unknown_one_is_a_success() -> None:
    for api, reasons in finishes.TABLE.items():
        finishing = f"{reasons.natural} {reasons.finishes}".split()
        assert {finishes.meaning(api, word) for word in finishing} == {"finish"}
        assert {finishes.meaning(api, word) for word in reasons.failures.split()} <= {"failure"}
    assert finishes.meaning("openai", "new_next_year") == "unknown"
    assert (finishes.is_known("END_TURN"), finishes.is_known("new_next_year")) == (True, False)
    call = chat(chunk(content="Hi"), chunk("new_next_year"), DONE)
    assert (call.outcome, call.finish_reason) == ("ok", "new_next_year")


def test_an_api_without_a_row_in_the_table_has_the_reasons_of_the_others() -> None:
    reasons = ("stop", "error", "new_next_year")
    assert [finishes.meaning("new", reason) for reason in reasons] == ["finish", "failure", "unknown"]
    assert [*finished("new", "new_next_year")] == [Finish("new_next_year")]


def test_only_the_end_that_the_model_chose_is_natural() -> None:
    natural = ["stop", "END_TURN", "completed", "complete", "FINISH", "eos", "eos_token", "endoftext"]
    assert all(map(finishes.is_natural, natural))
    assert not any(map(finishes.is_natural, ["length", "tool_use", "stop_sequence", "error", "new_next_year", ""]))


def test_a_protocols_word_for_no_reason_is_not_a_finish() -> None:
    body = {"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "FINISH_REASON_UNSPECIFIED"}]}
    call = answered("vertex-ai", "chat", Canned([json.dumps(body).encode()]), stream=False)
    assert str(call.error).startswith("IncompleteStream")


@pytest.mark.parametrize("secret", ["sk-secret-1", "\0".join("sk-secret-1"), "sk-\u200bsec\x1bret-1"])
def test_a_servers_text_is_redacted_shortened_and_on_one_line_in_rows(secret: str) -> None:
    hostile = f"=1+1,\n\r\x00\ud83d\u202e {secret} " + "x" * 10_000
    wires = [Canned(sse_of(chunk(content="Hi"), chunk(hostile), DONE)), Canned(sse_of({"error": hostile}))]
    for wire, characters in zip(wires, (REASON_CHARACTERS, ERROR_CHARACTERS), strict=True):
        asker = Asker("openai", "http://mock.invalid", wire, stream=True)
        vars(asker.session)["redact"] = lambda text: text.replace("sk-secret-1", "***")
        call = asker.ask()
        shown = str(call.finish_reason or call.error)
        assert "=1+1, *** xxx" in shown
        assert (len(shown) <= characters, shown[-1], shown.isprintable()) == (True, "…", True)
        assert len(shown) > characters - len(secret)


@pytest.mark.parametrize("before", range(SEARCHED_CHARACTERS - 60, SEARCHED_CHARACTERS + 30, 7))
def test_of_a_page_of_megabytes_only_the_beginning_is_searched_for_secrets(before: int) -> None:
    """Whatever is cut there, no piece of a secret is shown, though masks have made room for it."""
    secrets = Secrets()
    secrets.add("sk-secret-5af1c0")
    searched: list[int] = []

    def redact(text: str) -> str:
        searched.append(len(text))
        return secrets.redact(text)

    asker = Asker("openai", "http://mock.invalid", Canned(sse_of({"error": "…"})), stream=True)
    vars(asker.session)["redact"] = redact
    shown = asker.user._shown("sk-secret-5af1c0".rjust(before, "\n") + 200_000 * "sk-secret-5af1c0", 500)
    assert shown.strip("*…") == ""
    assert max(searched) <= SEARCHED_CHARACTERS


@pytest.mark.parametrize(("provider", "api", "model"), WAYS)
def test_latency_ends_with_the_last_event_of_a_stream(provider: str, api: str, model: str | None) -> None:
    options = {"model": model} if model else {}
    raw = mocked(provider, api, True, **options)
    pings = [b": ping\n\n", b"event: ping\ndata: {}\n\n", b"data: null\n\n", b"\n"]
    if provider == "vertex-ai":  # Its SDK reads no other pings.
        pings = [b"data: null\n\n", b"\n"]
    if provider == "aws-bedrock":  # It sends frames.
        pings = []
    call = answered(provider, api, Canned([raw, *pings], kind="text/event-stream"), **options)
    assert (call.outcome, steps(call.latency_s)) == ("ok", 1)
    assert call.response_bytes == len(raw) + sum(map(len, pings))


# Surprises

SURPRISES: list[Any] = [None, "x", 7, 1.5, float("inf"), True, [], ["x"], [None], {}, {"a": 1}, [[]], [{}], ""]


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything within a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from nodes(item, (*path, name))


def with_surprise(value: Any, path: tuple[Any, ...], surprise: Any) -> Any:
    if not path:
        return surprise
    copied = value.copy()
    copied[path[0]] = with_surprise(value[path[0]], path[1:], surprise)
    return copied


def assert_read_or_refused(call: Call) -> None:
    kind = str(call.error).partition(":")[0]
    assert call.outcome == "ok" or kind in OUR_NAMES | {"ResponseParserError"}, call.error


@pytest.mark.parametrize(("provider", "api", "model"), WAYS)
def test_no_surprise_in_a_whole_answer_raises_anything_but_our_errors(
    provider: str, api: str, model: str | None
) -> None:
    options = {"model": model} if model else {}
    body = json.loads(mocked(provider, api, stream=False, **options))
    wire = Canned([])
    asker = Asker(provider, "http://mock.invalid", wire, api=api, **options)
    for number, path in enumerate(nodes(body)):
        for surprise in SURPRISES[number % 2 :: 2]:
            wire.pieces = [json.dumps(with_surprise(body, path, surprise)).encode()]
            assert_read_or_refused(asker.ask())


@pytest.mark.parametrize(("provider", "api", "model"), WAYS)
@QUICKLY
@given(data=st.data())
def test_no_surprise_in_a_stream_raises_anything_but_our_errors(
    provider: str, api: str, model: str | None, data: st.DataObject
) -> None:
    events, write = unpacked(provider, api, model)
    at = data.draw(st.integers(0, len(events) - 1))
    name, body = events[at]
    if isinstance(body, bytes):
        return
    surprising = with_surprise(
        body, data.draw(st.sampled_from(list(nodes(body)))), data.draw(st.sampled_from(SURPRISES))
    )
    pieces = [write(*event) for event in (*events[:at], (name, surprising), *events[at + 1 :])]
    assert_read_or_refused(answered(provider, api, Canned(pieces), **({"model": model} if model else {})))


Named = tuple[str, Any]


def unpacked(provider: str, api: str, model: str | None) -> tuple[list[Named], Callable[[str, Any], bytes]]:
    """The mock's stream as events, and a function that writes events back as bytes."""
    raw = mocked(provider, api, True, **({"model": model} if model else {}))
    if not CASES[provider].has_frames:
        return [(name, data if data == DONE else json.loads(data)) for name, data in sse.events([raw])], written_sse
    frames = [(name, json.loads(data)) for name, data in eventstream.events([raw], EVERY_TYPE)]
    if api == "chat":
        return frames, encoder.event
    return [(name, json.loads(b64decode(data["bytes"]))) for name, data in frames], written_chunk


def written_sse(name: str, body: Any) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + data + b"\n\n"


def written_chunk(name: str, body: Any) -> bytes:
    return encoder.event(name, {"bytes": b64encode(json.dumps(body).encode()).decode()})


@pytest.mark.parametrize("data", ["a " * (1 << 20), b"a " * (1 << 20)], ids=["text", "bytes"])
def test_only_the_beginning_of_a_long_answer_is_looked_at_to_quote_it(data: str | bytes) -> None:
    """Tens of millions of words would take seconds and a gigabyte."""
    tracemalloc.start()
    try:
        assert quoted(data) == f"“{'a ' * (QUOTED // 2)}…”"
        assert tracemalloc.get_traced_memory()[1] < len(data) / 8
    finally:
        tracemalloc.stop()


def test_a_malformed_answer_is_quoted() -> None:
    body = b"data: {\n" + b"x" * 1000
    call = answered("openai", "chat", Canned([body]), stream=False)
    assert str(call.error).startswith("MalformedAnswer: not JSON")
    assert f"“data: {{ {'x' * (QUOTED - 8)}…”" in str(call.error)
    lacking = answered("openai", "chat", Canned([b'{"id": "c"}']), stream=False)
    assert lacking.error == 'MalformedAnswer: the answer can\'t be read (it lacks \'choices\'): “{"id": "c"}”'


# However it is split, and whatever the bytes

Read = Callable[[list[bytes]], Answer]


def of_sse(read: Any) -> Read:
    return lambda pieces: reading.stream(sse.events(pieces), read)


def of_lines(read: Any) -> Read:
    return lambda pieces: reading.quick_stream(gemini_lines.events(pieces), read, DIALECT)


def of_frames(read: Any) -> Read:
    return lambda pieces: reading.stream(eventstream.events(pieces, EVERY_TYPE), read)


def of_family(model: str) -> Read:
    return lambda pieces: bedrock_families.of(model).answer_stream(eventstream.events(pieces, EVERY_TYPE))


READERS: dict[str, tuple[str, str, str | None, Read]] = {
    "chat": ("openai", "chat", None, of_sse(openai.chat_stream)),
    "completions": ("openai", "completions", None, of_sse(openai.chat_stream)),
    "responses": ("openai", "responses", None, of_sse(openai.response_stream)),
    "messages": ("anthropic", "chat", "claude-reason", of_sse(anthropic.message_stream)),
    "complete": ("anthropic", "completions", None, of_sse(anthropic.completion_stream)),
    "gemini": ("vertex-ai", "chat", "gemini-reason", of_lines(gemini.content_stream)),
    "converse": ("aws-bedrock", "chat", None, of_frames(converse.message_stream)),
    **{model: ("aws-bedrock", "completions", model, of_family(model)) for model in (*FAMILIES, UNKNOWN_MODEL)},
}
EVERY_READER = pytest.mark.parametrize("name", READERS)


@EVERY_READER
@QUICKLY
@given(data=st.data())
def test_a_stream_gives_the_same_parts_however_it_is_split(name: str, data: st.DataObject) -> None:
    provider, api, model, read = READERS[name]
    raw = mocked(provider, api, True, **({"model": model} if model else {}))
    if not CASES[provider].has_frames:
        marks = [b""] if name == "gemini" else [b"", b"\xef\xbb\xbf"]
        raw = data.draw(st.sampled_from(marks)) + raw.replace(
            b"\n", data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
        )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=12)))
    pieces = [raw[start:end] for start, end in pairwise([0, *cuts, len(raw)])]
    assert list(read(pieces)) == list(read([raw])) != []


@EVERY_READER
@QUICKLY
@given(data=st.data())
def test_no_bytes_make_a_reader_raise_anything_but_our_errors(name: str, data: st.DataObject) -> None:
    provider, api, model, read = READERS[name]
    raw = mocked(provider, api, True, **({"model": model} if model else {}))
    at = data.draw(st.integers(0, len(raw)))
    corrupted = raw[:at] + data.draw(st.binary(max_size=30)) + raw[data.draw(st.integers(at, len(raw))) :]
    for pieces in (
        [corrupted],
        [corrupted[:at], corrupted[at:]],
        data.draw(st.lists(st.binary(max_size=40), max_size=5)),
    ):
        with suppress(*OUR_ERRORS):
            list(read(pieces))


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000, b'{"choices":' + b"[" * 5000])
def test_too_deep_nesting_is_refused(body: bytes) -> None:
    assert str(answered("openai", "chat", Canned([body]), stream=False).error).startswith("MalformedAnswer")
    assert str(chat(body).error).startswith(("MalformedAnswer", "IncompleteStream"))


# As tolerant as the SDK

PINGS = b": comment\n\nevent: ping\ndata: {}\n\nevent: ping\ndata: not JSON\n\nevent: ping\n\nid: 7\n\nretry: 5\n\n"
VARIATIONS: dict[str, Callable[[bytes], bytes]] = {
    "CRLF": lambda raw: raw.replace(b"\n", b"\r\n"),
    "CR": lambda raw: raw.replace(b"\n", b"\r"),
    "BOM": lambda raw: b"\xef\xbb\xbf" + raw,
    "no empty line": lambda raw: raw.rstrip(b"\n") + b"\n",
    "no line feed": lambda raw: raw.rstrip(b"\n"),
    "DONE and a space": lambda raw: raw.replace(b"[DONE]", b"[DONE] "),
    "pings": lambda raw: PINGS + raw,
    "nothing": lambda raw: raw.replace(b"\n\n", b'\n\ndata: null\n\ndata: []\n\ndata: ""\n\n', 1),
    "surrogates and NaN": lambda raw: raw.replace(b"data: {", b'data: {"half": "\\ud83d", "no number": NaN, '),
}


@pytest.mark.parametrize(("provider", "api"), SSE_APIS)
@pytest.mark.parametrize("vary", VARIATIONS.values(), ids=VARIATIONS.keys())
def test_what_an_sdk_reads_in_a_stream_is_read(provider: str, api: str, vary: Callable[[bytes], bytes]) -> None:
    call = answered(provider, api, Canned([vary(mocked(provider, api, stream=True))]))
    assert (call.error is None) == (provider != "vertex-ai" or vary not in (VARIATIONS["pings"], VARIATIONS["BOM"]))


UNREAD_BY_GEMINI = [
    b": ping", b"event: message", b"id: 7", b"retry: 5", b'data:{"candidates": []}', b' data: {"candidates": []}',
    b"data: [DONE]", b"[DONE]", b"}", b"not JSON",
]  # fmt: skip


@pytest.mark.parametrize("line", UNREAD_BY_GEMINI)
@pytest.mark.parametrize("place", ["first", "between", "last"])
def test_a_line_that_geminis_sdk_cannot_read_fails_the_stream(line: bytes, place: str) -> None:
    """google-genai takes every line but `data: ` for JSON, and raises: keep-alives break its users."""
    first, *others = mocked("vertex-ai", "chat", stream=True).replace(b"\r\n", b"\n").split(b"\n\n")
    events = {
        "first": [line, first, *others],
        "between": [first, line, *others],
        "last": [first, *others[:-1], line, b""],
    }[place]
    call = answered("vertex-ai", "chat", Canned([b"\n\n".join(events)], kind="text/event-stream"))
    assert (call.outcome, line.decode().strip().removeprefix("data: ") in str(call.error)) == ("failed", True)


@pytest.mark.parametrize("framed", [b'data: {"usageMeta', b'{"usageMeta'])
def test_a_gemini_stream_cut_off_within_an_event_fails_even_after_its_finish(framed: bytes) -> None:
    """A proxy ends its chunks as usual where what is behind it broke off. google-genai raises."""
    raw = mocked("vertex-ai", "chat", stream=True).replace(b"\r\n", b"\n")
    raw = raw if framed.startswith(b"data") else raw.replace(b"data: ", b"")
    call = answered("vertex-ai", "chat", Canned([raw, framed], kind="text/event-stream"))
    kind = "event" if framed.startswith(b"data") else "object"
    assert str(call.error).startswith("IncompleteStream")
    assert f'the stream ended within an {kind}: “{{"usageMeta”' in str(call.error)


def test_an_object_after_a_gemini_streams_first_event_is_read() -> None:
    raw = mocked("vertex-ai", "chat", stream=True).replace(b"\r\n", b"\n")
    mixed = raw.replace(b"\n\ndata: ", b"\n\n", 1)
    calls = [answered("vertex-ai", "chat", Canned([body], kind="text/event-stream")) for body in (raw, mixed)]
    assert [(call.error, call.output_tokens) for call in calls] == [(None, 3)] * 2


NOT_UTF_8 = [
    b": na\xefve", b": a\n: na\xefve", b"id: \xff", b"event: \xff", b"event: ping\ndata: \xff", b"retry: \xff",
    b"event: \xff\ndata: null", b"no_field: \xff",
]  # fmt: skip


@pytest.mark.parametrize(("provider", "api"), [case for case in SSE_APIS if case[0] != "vertex-ai"])
@pytest.mark.parametrize("line", NOT_UTF_8)
@pytest.mark.parametrize("place", [0, 1], ids=["first", "second"])
def test_a_line_that_is_not_utf_8_fails_a_stream_though_it_is_skipped_otherwise(
    provider: str, api: str, line: bytes, place: int
) -> None:
    """The SDKs decode each line before they look at it."""
    events = mocked(provider, api, stream=True).replace(b"\r\n", b"\n").split(b"\n\n")
    fine = line.replace(b"\xef", "ï".encode()).replace(b"\xff", b"1")
    odd, even = [b"\n\n".join([*events[:place], each, *events[place:]]) for each in (line, fine)]
    call = answered(provider, api, Canned([odd], kind="text/event-stream"))
    assert str(call.error).startswith("MalformedAnswer: the SDK can't read what is not UTF-8")
    assert answered(provider, api, Canned([even], kind="text/event-stream")).error is None


@EVERY_API
def test_a_byte_order_mark_in_an_events_data_is_not_json(provider: str, api: str) -> None:
    raw, mark = mocked(provider, api, stream=True), b"\xef\xbb\xbf"
    if CASES[provider].has_frames:
        raw = b"".join(encoder.frame(headers, mark + payload) for headers, payload in eventstream.frames([raw]))
    else:
        raw = raw.replace(b"data: {", b"data: " + mark + b"{")
    assert str(answered(provider, api, Canned([raw])).error).startswith("MalformedAnswer")


def test_nothing_after_done_is_decoded() -> None:
    assert chat(chunk(content="Hi"), chunk("stop"), DONE, b"\xff").error is None


def test_text_of_gemini_that_is_not_utf_8_is_read() -> None:
    raw = mocked("vertex-ai", "chat", stream=True).replace(b'"text":"', b'"text":"\xff\xe2\x82')
    call = answered("vertex-ai", "chat", Canned([raw[:50], raw[50:]], kind="text/event-stream"))
    assert (call.outcome, call.output_tokens) == ("ok", 3)


@EVERY_API
def test_what_an_sdk_reads_in_a_whole_answer_is_read(provider: str, api: str) -> None:
    raw = mocked(provider, api, stream=False)
    varied = raw.replace(b"{", b'{"half": "\\ud83d", "no number": NaN, ', 1)
    assert answered(provider, api, Canned([varied]), stream=False).error is None
    marked = answered(provider, api, Canned([b"\xef\xbb\xbf" + raw]), stream=False)
    decodes_first = provider == "vertex-ai" or (provider, api) == ("aws-bedrock", "chat")
    assert (marked.error is None) == (not decodes_first)


def test_types_given_only_in_event_lines_are_read() -> None:
    raw = mocked("anthropic", "chat", stream=True)
    events = [(name, json.loads(data)) for name, data in sse.events([raw])]
    pieces = [written_sse(name, {key: value for key, value in body.items() if key != "type"}) for name, body in events]
    assert answered("anthropic", "chat", Canned(pieces)).error is None


def test_events_without_a_name_are_nothing_to_anthropic_but_an_error_is_read() -> None:
    raw = mocked("anthropic", "chat", stream=True)
    after = b'data: {"type": "content_block_delta", "delta": {"text": "x"}}\n\ndata: no JSON\n\ndata: [DONE]\n\n'
    expected = answered("anthropic", "chat", Canned([raw]))
    for pieces in ([raw, after], [after, raw]):
        call = answered("anthropic", "chat", Canned(pieces))
        assert (call.error, call.content_events) == (None, expected.content_events)
    nameless = re.sub(rb"event: .*\n", b"", raw)
    assert "IncompleteStream" in str(answered("anthropic", "chat", Canned([nameless])).error)
    assert "not UTF-8" in str(answered("anthropic", "chat", Canned([b"data: \xff\n\n", raw])).error)
    overloaded = b'data: {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}\n\n'
    assert str(answered("anthropic", "chat", Canned([overloaded, raw])).error).endswith("Overloaded")


def test_half_an_emoji_is_content() -> None:
    half = b'{"choices":[{"delta":{"content":"\\ud83d"},"finish_reason":null}]}'
    call = chat(half, half, chunk("stop"), DONE)
    assert (call.outcome, call.content_events) == ("ok", 2)


def test_half_an_emoji_does_not_keep_a_body_out_of_a_log() -> None:
    wired = Exchange(keep_body=True)
    wired.received(b'{"text": "\\ud83d"}', at=0.0)
    assert session._body_line(wired, str).encode() == b'{"text": "?"}'


def test_nor_does_an_endless_list() -> None:
    wired = Exchange(keep_body=True)
    wired.received(b"[" * 100_000, at=0.0)
    assert len(session._body_line(wired, str)) == 100_002


def test_a_body_with_a_secret_in_a_number_is_logged_as_json() -> None:
    """As the number of a project, given by `--header`."""
    secrets = Secrets()
    secrets.add("123456")
    wired = Exchange(keep_body=True)
    wired.received(b'{"project": 123456, "cost": 1.23456e5, "created": 1764150000, "of": ["123456"]}', at=0.0)
    shown = json.loads(secrets.redact(session._body_line(wired, secrets.redact)))
    assert shown == {"project": "***", "cost": "***.0", "created": 1764150000, "of": ["***"]}


@pytest.mark.parametrize("body", ['{"text": "é\\u009b2J\\u202e"}', "<p>é\x9b2J\u202e\x1b[2J"])
def test_no_control_character_of_a_body_reaches_a_terminal(body: str) -> None:
    wired = Exchange(keep_body=True)
    wired.received(body.encode(), at=0.0)
    line = session._body_line(wired, str)
    assert "é\\u009b2J\\u202e" in line
    assert line.isprintable()


def test_a_body_compressed_twice_is_quoted_as_it_was_before() -> None:
    headers = [("Content-Encoding", "deflate"), ("content-encoding", "gzip")]
    wired = Exchange(keep_body=True, status=502, headers=headers)
    wired.received(gzip.compress(zlib.compress(b'{"error": {"message": "upstream is down"}}')), at=0.0)
    assert refusal.missing_words(wired, "Connection error.") == "upstream is down"
    assert "upstream is down" in session._body_line(wired, str)


def test_a_body_that_its_head_calls_compressed_and_that_is_not_is_quoted() -> None:
    wired = Exchange(keep_body=True, status=502, headers=[("Content-Encoding", "gzip")])
    wired.received(b'{"error": {"message": "upstream is down"}}', at=0.0)
    assert refusal.missing_words(wired, "Connection error.") == "upstream is down"
    assert "upstream is down" in session._body_line(wired, str)


@pytest.mark.parametrize("headers", [[("Content-Encoding", "\xff")], [("Content-Type", "text/plain; charset=\xff")]])
def test_a_head_that_is_not_ascii_keeps_no_body_from_being_quoted(headers: list[tuple[str, str]]) -> None:
    wired = Exchange(keep_body=True, status=502, headers=headers)
    wired.received(b'{"error": {"message": "upstream is down"}}', at=0.0)
    assert refusal.missing_words(wired, "Connection error.") == "upstream is down"
    assert "upstream is down" in session._body_line(wired, str)


@pytest.mark.parametrize("kind", ["text/plain; charset=punycode", "text/plain; charset=utf-7" + ";" * LONGEST_TYPE])
def test_the_log_of_bodies_reads_no_charset_that_takes_minutes(kind: str) -> None:
    wired = Exchange(headers=[("Content-Type", kind)], body=bytearray(b"+AGE-zz"))
    assert session._body_line(wired, str) == '"+AGE-zz"'


@pytest.mark.parametrize("text", [b" ", b"\x01", b'"', b"\xc2\x85", b"data: {}\n\n"])
def test_a_body_of_megabytes_is_not_logged_to_its_end(text: bytes) -> None:
    body = gzip.compress(text * ((8 << 20) // len(text)))
    wired = Exchange(headers=[("Content-Encoding", "gzip")], body=bytearray(body))
    line = session._body_line(wired, str)
    assert len(line) <= LOGGED_BYTES
    assert json.loads(line).encode().startswith(text)


@pytest.mark.parametrize("secret", ["no secret", "777"])
def test_the_numbers_of_a_body_are_searched_for_secrets_all_at_once(secret: str) -> None:
    searched: list[str] = []

    def redact(text: str) -> str:
        searched.append(text)
        return text.replace(secret, "***")

    numbers = list(range(1000))
    wired = Exchange(body=bytearray(json.dumps(numbers).encode()))
    shown = [number if str(number) != secret else "***" for number in numbers]
    assert json.loads(session._body_line(wired, redact)) == shown
    assert searched == ["\n".join(map(str, numbers))]


def test_a_body_of_which_one_mask_hides_several_numbers_is_logged_as_a_text() -> None:
    wired = Exchange(body=bytearray(b"[1, 2, 3]"))
    assert session._body_line(wired, lambda text: text.replace("1\n2", "***")) == '"[1, 2, 3]"'


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_a_body_with_a_number_that_json_does_not_have_is_logged_as_a_text(number: str) -> None:
    """As a gateway in Python sends it, in log probabilities."""
    body = f'{{"logprob": {number}}}'
    assert session._body_line(Exchange(body=bytearray(body.encode())), str) == json.dumps(body)


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("headers", [[], [("content-type", "text/plain; charset=utf-8")]])
def test_the_log_of_bodies_reads_wide_characters_that_no_header_announces(
    charset: str, headers: list[tuple[str, str]]
) -> None:
    for text in ('{"error": "sk-ün"}', "no sk-ün"):
        wired = Exchange(headers=headers, body=bytearray(text.encode(charset)))
        assert "sk-ün" in session._body_line(wired, str)


@pytest.mark.parametrize("later", [None, {}, {"prompt_tokens": None, "completion_tokens": None}, [], "x"])
def test_a_later_usage_without_counts_erases_nothing(later: Any) -> None:
    call = chat(chunk(content="Hi"), chunk("stop"), usage(5), {"choices": [], "usage": later}, DONE)
    assert (call.error, call.input_tokens, call.output_tokens) == (None, 10, 5)


def test_zeros_in_place_of_counts_are_no_counts() -> None:
    """Gateways report them if the server behind them reports nothing."""
    zeros = {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}}
    call = chat(chunk(content="Hi"), chunk("stop"), zeros, DONE)
    assert (call.outcome, call.input_tokens, call.output_tokens) == ("ok", None, None)
    call = chat(chunk(content="Hi"), chunk("stop"), usage(5), zeros, DONE)
    assert (call.input_tokens, call.output_tokens) == (10, 5)
    call = chat(chunk("stop"), usage(0), DONE)
    assert (call.input_tokens, call.output_tokens) == (10, 0)
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 7, "output_tokens": 1}}}
    text = {"type": "content_block_delta", "delta": {"text": "Hi"}}
    end = {"type": "message_delta", "delta": {}, "usage": {"input_tokens": 0, "output_tokens": 5}}
    call = answered("anthropic", "chat", Canned(sse_of(start, text, end, {"type": "message_stop"})))
    assert (call.input_tokens, call.output_tokens) == (7, 5)


def said_by_gemini(text: str, counts: dict[str, int] | None = None, reason: str | None = None) -> dict[str, Any]:
    candidate = {"content": {"parts": [{"text": text}]}, "finishReason": reason}
    return {"candidates": [candidate], "usageMetadata": counts}


OF_A_PART: dict[str, list[Event]] = {
    "openai": [{**usage(1), **chunk(content="a")}, chunk(content="b"), chunk("stop"), DONE],
    "anthropic": [
        {"type": "message_start", "message": {"usage": {
            "input_tokens": 10, "output_tokens": 1, "output_tokens_details": {"thinking_tokens": 1},
        }}},
        {"type": "content_block_delta", "delta": {"text": "a"}},
        {"type": "content_block_delta", "delta": {"text": "b"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"},
    ],
    "vertex-ai": [
        said_by_gemini("a", {"promptTokenCount": 10, "candidatesTokenCount": 1, "thoughtsTokenCount": 1}),
        said_by_gemini("b", reason="STOP"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("provider", OF_A_PART)
def test_a_count_that_more_content_follows_is_not_the_answers(provider: str) -> None:
    call = answered(provider, "chat", Canned(sse_of(*OF_A_PART[provider])))
    assert (call.error, call.content_events, call.input_tokens) == (None, 2, 10)
    assert (call.output_tokens, call.reasoning_tokens, call.tpot_s) == (None, None, None)


INVOKED = "qwen.qwen3-32b-v1:0"
MEASURED = {bedrock_families.METRICS: {"inputTokenCount": 7, "outputTokenCount": 50}}


def invoked(*events: Event, **options: object) -> Call:
    """A call of Bedrock's `invoke_model` in which every event is a frame, and a separate read."""
    pieces = [encoder.event("chunk", {"bytes": b64encode(data).decode()}) for data in map(json_of, events)]
    return answered("aws-bedrock", "completions", Canned(pieces), model=INVOKED, **options)


def json_of(event: Event) -> bytes:
    return event if isinstance(event, bytes) else json.dumps(event).encode()


@pytest.mark.parametrize("early", [{"completion_tokens": 0}, {"completion_tokens": 1}, {"completion_tokens": "2"}])
def test_an_early_or_empty_count_does_not_hide_bedrocks_own(early: dict[str, Any]) -> None:
    first = {**chunk(content="a"), "usage": {"prompt_tokens": 0, **early}}
    call = invoked(first, chunk(content="b"), {**chunk("stop"), **MEASURED})
    assert (call.error, call.input_tokens, call.output_tokens) == (None, 7, 50)
    call = invoked(first, chunk(content="b"), chunk("stop"))
    assert (call.error, call.input_tokens, call.output_tokens) == (None, None, None)


def test_zeros_in_a_whole_answer_do_not_hide_bedrocks_counts() -> None:
    usage = {"prompt_tokens": 0, "completion_tokens": 0}
    body = {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "usage": usage}
    wire = Canned([json.dumps(body).encode()])
    wire.headers += [("x-amzn-bedrock-input-token-count", "7"), ("x-amzn-bedrock-output-token-count", "50")]
    call = answered("aws-bedrock", "completions", wire, model=INVOKED, stream=False)
    assert (call.error, call.input_tokens, call.output_tokens) == (None, 7, 50)


def test_counts_that_come_one_by_one_are_all_kept_by_bedrock() -> None:
    counts = [{"choices": [], "usage": {name: 5}} for name in ("prompt_tokens", "completion_tokens")]
    call = invoked(chunk(content="a"), chunk("stop"), *counts)
    assert (call.error, call.input_tokens, call.output_tokens) == (None, 5, 5)


def test_content_after_bedrocks_own_count_is_not_in_it() -> None:
    call = invoked({**chunk(content="a"), **MEASURED}, chunk(content="b"), chunk("stop"))
    assert (call.error, call.content_events, call.input_tokens, call.output_tokens) == (None, 2, 7, None)
    call = invoked({**chunk(content="a"), **MEASURED}, chunk("stop"))
    assert (call.error, call.content_events, call.output_tokens) == (None, 1, 50)


@pytest.mark.parametrize(("extra", "outcome"), [({}, "ok"), ({"n": 2}, "failed")])
def test_pieces_of_one_choice_numbered_by_token_are_one_answer_to_bedrock(extra: dict[str, Any], outcome: str) -> None:
    reasons = [None, None, "stop"]
    choices = [{"index": n, "delta": {"content": "a"}, "finish_reason": reason} for n, reason in enumerate(reasons)]
    numbered = [{"choices": [choice]} for choice in choices]
    call = invoked(*numbered, extra_body=extra)
    assert (call.outcome, call.content_events) == (outcome, 3)


def test_a_bedrock_stream_is_read_beyond_done_as_botocore_does() -> None:
    good: list[Event] = [chunk(content="a"), chunk("stop"), DONE]
    call = invoked(*good, MEASURED)
    assert (call.error, call.output_tokens) == (None, 50)
    frames = [encoder.event("chunk", {"bytes": b64encode(json_of(event)).decode()}) for event in good]
    for end in (encoder.exception("throttlingException", WORDS), encoder.with_bad_crc(frames[0]), frames[0][:-1]):
        call = answered("aws-bedrock", "completions", Canned([*frames, end]), model=INVOKED)
        assert (call.outcome, call.status) == ("failed", 200)


@pytest.mark.parametrize("error", [None, {}, {"message": "", "code": None}])
def test_a_blank_error_in_a_completed_response_is_none(error: Any) -> None:
    end = {"type": "response.completed", "response": {"status": "completed", "error": error}}
    assert answered("openai", "responses", Canned(sse_of(end))).error is None
    failed = {"type": "response.failed", "response": {"error": error}}
    assert "status is failed" in str(answered("openai", "responses", Canned(sse_of(failed))).error)


def test_what_a_shell_put_out_is_read_and_is_no_content() -> None:
    output = {"type": "response.shell_call_output_content.delta", "delta": {"stdout": "total 0", "stderr": ""}}
    text = {"type": "response.output_text.delta", "delta": "Hi"}
    end = {"type": "response.completed", "response": {"status": "completed"}}
    call = answered("openai", "responses", Canned(sse_of(output, text, end)))
    assert (call.error, call.content_events, steps(call.ttft_s)) == (None, 1, 2)


@pytest.mark.parametrize("status", [{}, {"status": None}, {"status": ""}])
def test_a_response_that_only_its_event_calls_completed_is_finished(status: dict[str, Any]) -> None:
    end = {"type": "response.completed", "response": {"output": [], **status}}
    call = answered("openai", "responses", Canned(sse_of(end)))
    assert (call.error, call.finish_reason) == (None, "completed")


def test_usage_in_floats_is_counted_and_a_later_stop_reason_may_be_missing() -> None:
    assert chat(chunk("stop"), {"choices": [], "usage": {"completion_tokens": 5.0}}, DONE).output_tokens == 5
    ends = [
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 9}}
        for delta in ({"stop_reason": "max_tokens"}, {})
    ]
    call = answered("anthropic", "chat", Canned(sse_of(*ends, {"type": "message_stop"})))
    assert (call.finish_reason, call.output_tokens) == ("max_tokens", 9)


def test_reasoning_included_only_in_the_total_is_output() -> None:
    counts = {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 20}}
    for total_tokens, output_tokens in ((35, 25), (15, 5), (None, 5)):
        told = {"choices": [], "usage": {**counts, "total_tokens": total_tokens}}
        call = chat(chunk(content="Hi"), chunk("stop"), told, DONE)
        assert (call.output_tokens, call.reasoning_tokens) == (output_tokens, 20)


USAGES: dict[str, tuple[str, str, Callable[[Any], dict[str, Any]]]] = {
    "anthropic": (
        "chat",
        "input_tokens",
        lambda count: {
            "content": [],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": count, "cache_read_input_tokens": 0, "output_tokens": 5},
        },
    ),
    "aws-bedrock": (
        "chat",
        "input_tokens",
        lambda count: {
            "output": {"message": {"content": []}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": count, "cacheReadInputTokens": 0, "outputTokens": 5},
        },
    ),
    "vertex-ai": (
        "chat",
        "output_tokens",
        lambda count: {
            "candidates": [{"finishReason": "STOP"}],
            "usageMetadata": {"thoughtsTokenCount": 2, "candidatesTokenCount": count},
        },
    ),
}
"""Each provider's API, the count that is a sum, and its answer with one of the parts."""


@pytest.mark.parametrize("provider", USAGES)
@pytest.mark.parametrize("count", [-1, 1.5, True, None])
def test_a_sum_of_which_a_part_is_unknown_is_unknown(provider: str, count: Any) -> None:
    api, name, body = USAGES[provider]
    call = answered(provider, api, Canned([json.dumps(body(count)).encode()]), stream=False)
    is_google = provider == "vertex-ai"
    assert (call.outcome == "failed") == (is_google and count == 1.5)  # Its SDK refuses fractions.
    assert getattr(call, name) == (2 if is_google and count is None else None)  # Google leaves out what is 0.


@pytest.mark.parametrize("message", [{}, {"message": None}, {"message": {"role": "assistant"}}])
def test_a_filtered_answer_without_content_is_finished(message: dict[str, Any]) -> None:
    body = {"choices": [{"index": 0, "finish_reason": "content_filter", **message}]}
    call = answered("azure-openai", "chat", Canned([json.dumps(body).encode()]), stream=False)
    assert (call.outcome, call.finish_reason, call.content_events) == ("ok", "content_filter", 0)


# Content, and its figures

REASONING_DELTAS: dict[str, dict[str, Any]] = {
    "DeepSeek": {"reasoning_content": "Hm"},
    "vLLM": {"reasoning": "Hm"},
    "both": {"reasoning": "Hm", "reasoning_content": "Hm", "reasoning_details": [{"text": "Hm"}]},
    "OpenRouter": {"reasoning": None, "reasoning_details": [{"type": "reasoning.text", "text": "Hm"}]},
    "Magistral": {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]},
}


@pytest.mark.parametrize("delta", REASONING_DELTAS.values(), ids=REASONING_DELTAS.keys())
def test_reasoning_is_read_under_each_of_its_names(delta: dict[str, Any]) -> None:
    text = chunk(content=[{"type": "text", "text": "Hi"}] if "content" in delta else "Hi")
    call = chat(
        chunk(role="assistant", content=""), chunk(**delta), chunk(**delta), text, chunk("stop"), usage(7), DONE
    )
    assert [steps(figure) for figure in (call.ttft_s, call.ttfv_s)] == [2, 4]
    assert (call.content_events, call.content_reads) == (3, 3)
    assert call.tpot_s == pytest.approx(2 * STEP_S / 6)


CONTENT_WITHOUT_TEXT: list[tuple[str, str, list[Event]]] = [
    ("openai", "chat", [chunk(tool_calls=[{"function": {"name": "f"}}]), chunk("tool_calls"), DONE]),
    ("openai", "chat", [chunk(function_call={"arguments": "{"}), chunk("function_call"), DONE]),
    ("openai", "chat", [chunk(refusal="No"), chunk("stop"), DONE]),
    ("openai", "responses", [
        {"type": "response.output_item.added", "item": {"type": "function_call", "name": "f", "arguments": ""}},
        {"type": "response.completed", "response": {"status": "completed"}},
    ]),
    ("openai", "responses", [
        {"type": "response.refusal.delta", "delta": "No"},
        {"type": "response.completed", "response": {"status": "completed"}},
    ]),
    ("anthropic", "chat", [
        {"type": "content_block_start", "content_block": {"type": "tool_use", "name": "f", "input": {}}},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}}, {"type": "message_stop"},
    ]),
    ("vertex-ai", "chat", [
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {}}}]}, "finishReason": "STOP"}]},
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "api", "events"), CONTENT_WITHOUT_TEXT)
def test_a_tool_call_and_a_refusal_are_visible_content(provider: str, api: str, events: list[Event]) -> None:
    call = answered(provider, api, Canned(sse_of(*events)))
    assert (call.error, call.content_events, steps(call.ttft_s), steps(call.ttfv_s)) == (None, 1, 1, 1)


def answer_of_gemini() -> dict[str, Any]:
    parts = [{"text": "Hi", "functionCall": None}, {"functionCall": {"name": "f", "args": {}}}]
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 4}, "responseId": "r", "modelVersion": "g"}


OF_ANOTHER_TYPE: list[tuple[tuple[str | int, ...], Any]] = [
    (("usageMetadata",), []), (("usageMetadata",), "no"), (("promptFeedback",), []), (("responseId",), 7),
    (("usageMetadata", "promptTokenCount"), 2.5), (("usageMetadata", "promptTokenCount"), "two"),
    (("usageMetadata", "totalTokenCount"), []), (("modelVersion",), 2.5),
    (("candidates",), 0), (("candidates", 0, "content"), []), (("candidates", 0, "content"), ""),
    (("candidates", 0, "content", "parts"), {}), (("candidates", 0, "content", "role"), 1),
    (("candidates", 0, "finishReason"), 1), (("candidates", 0, "groundingMetadata"), []),
    (("candidates", 0, "index"), "first"), (("candidates", 0, "index"), {}), (("candidates", 0, "index"), 1.5),
    (("candidates", 0, "content", "parts", 1), []), (("candidates", 0, "content", "parts", 1, "functionCall"), []),
    (("candidates", 0, "content", "parts", 1, "functionCall", "args"), "{}"),
    (("candidates", 0, "content", "parts", 1, "functionCall", "args"), []),
    (("candidates", 0, "content", "parts", 1, "functionCall", "name"), 1),
    (("usageMetadata", "promptTokenCount"), 1e300), (("usageMetadata", "promptTokenCount"), "2.5"),
    (("candidates", 0, "content", "parts", 0, "thought"), "x"),
    (("candidates", 0, "content", "parts", 0, "thought"), 2), (("candidates", 0, "content", "parts", 0, "thought"), []),
    *((("candidates", 0, "content", "parts", 1, kind), "x") for kind in ("functionResponse", "inlineData", "fileData")),
    *((("candidates", 0, "content", "parts", 1, kind), []) for kind in ("executableCode", "codeExecutionResult")),
]  # fmt: skip


@WHOLE_OR_STREAMED
@pytest.mark.parametrize(("place", "value"), OF_ANOTHER_TYPE)
def test_a_field_of_a_type_that_google_genai_cannot_read_fails_the_call(
    stream: bool, place: tuple[str | int, ...], value: Any
) -> None:
    body: Any = answer_of_gemini()
    within = body
    assert GenerateContentResponse.model_validate(body)
    assert answered("vertex-ai", "chat", Canned([json.dumps(body).encode()]), stream=stream).error is None
    for step in place[:-1]:
        within = within[step]
    within[place[-1]] = value
    with pytest.raises((ValidationError, AttributeError)):
        GenerateContentResponse.model_validate(body)
    call = answered("vertex-ai", "chat", Canned([json.dumps(body).encode()]), stream=stream)
    assert str(call.error).startswith("MalformedAnswer")


@WHOLE_OR_STREAMED
@pytest.mark.parametrize("count", ["12", "12.0", 12.0, 12])
def test_a_count_of_geminis_is_read_as_google_genai_reads_it(stream: bool, count: Any) -> None:
    body = answer_of_gemini() | {"usageMetadata": {"promptTokenCount": count, "candidatesTokenCount": count}}
    counts = GenerateContentResponse.model_validate(body).usage_metadata
    call = answered("vertex-ai", "chat", Canned([json.dumps(body).encode()]), stream=stream)
    assert counts
    assert counts.prompt_token_count == call.input_tokens == call.output_tokens == 12


@WHOLE_OR_STREAMED
@pytest.mark.parametrize("thought", [True, 1, 1.0, "true", "Yes", False, 0, "off", None])
def test_a_thought_of_geminis_is_one_where_google_genai_says_so(stream: bool, thought: Any) -> None:
    body = answer_of_gemini()
    body["candidates"][0]["content"]["parts"] = [{"text": "Hm", "thought": thought}]
    [candidate] = GenerateContentResponse.model_validate(body).candidates or []
    parts = (gemini.content_stream if stream else gemini.content)(*([[body]] if stream else [body]))
    said = next(part for part in parts if isinstance(part, Delta))
    assert candidate.content
    assert candidate.content.parts
    assert said.reasoning == bool(candidate.content.parts[0].thought)


CONVERSE_EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("contentBlockDelta", {"delta": {"text": ""}}),
    ("contentBlockDelta", {"delta": {"text": "Hi", "toolUse": None, "__type": "x"}}),
    ("contentBlockDelta", {"delta": {"someday": 1}}),
    ("contentBlockDelta", {"delta": {}}),
    ("contentBlockDelta", {"delta": {"text": None}}),
    ("contentBlockDelta", {"delta": {"text": "Hi", "someday": 1}}),
    ("contentBlockDelta", {"delta": []}),
    ("contentBlockDelta", {"delta": None}),
    ("contentBlockDelta", {}),
    ("contentBlockDelta", {"delta": "Hi"}),
    ("contentBlockDelta", {"delta": {"toolUse": "{}"}}),
    ("contentBlockDelta", {"delta": {"reasoningContent": {"text": "Hm"}}}),
    ("contentBlockDelta", {"delta": {"reasoningContent": {"text": "Hm", "signature": "s"}}}),
    ("contentBlockDelta", {"delta": {"reasoningContent": {}}}),
    ("contentBlockDelta", {"delta": {"reasoningContent": "Hm"}}),
    ("contentBlockDelta", {"delta": {"citation": {"title": "Hi"}}}),
    ("contentBlockDelta", {"delta": {"citation": "Hi"}}),
    ("contentBlockDelta", {"delta": {"image": []}}),
    ("contentBlockStart", {}),
    ("contentBlockStart", {"start": None}),
    ("contentBlockStart", {"start": {}}),
    ("contentBlockStart", {"start": {"someday": 1}}),
    ("contentBlockStart", {"start": {"toolUse": []}}),
    ("metadata", {"usage": None, "metrics": None}),
    ("metadata", {"usage": []}),
    ("metadata", {"usage": "no"}),
    ("metadata", {"metrics": 2.5}),
]


NOT_AS_IT_SAYS: list[tuple[str, bytes]] = [
    ("messageStart", b'{"role": "assistant", "type": "message"}'),
    ("contentBlockDelta", b'{"type": "ping", "delta": {"text": "Hi"}}'),
    ("contentBlockDelta", b"null"),
    ("contentBlockDelta", b"[]"),
    ("contentBlockDelta", '{"delta": {"text": "Hi"}}'.encode("utf-16")),
]


@pytest.mark.parametrize(("name", "payload"), NOT_AS_IT_SAYS)
def test_an_event_of_converse_is_what_its_frame_says(name: str, payload: bytes) -> None:
    end = encoder.event("messageStop", {"type": "end", "stopReason": "end_turn"})
    call = answered("aws-bedrock", "chat", Canned([encoder.frame(encoder.headers("event", name), payload), end]))
    assert (call.error is None) == payload.startswith(b"{")
    assert call.error is None or call.error.startswith("MalformedAnswer")
    assert (call.content_events or 0) == payload.count(b'"text": "Hi"')


def botocore_reads(name: str, payload: dict[str, Any]) -> bool:
    client = aws_session().client(SERVICE, region_name="us-east-1")
    shape = client.meta.service_model.operation_model("ConverseStream").get_event_stream_output()
    event = {"status_code": 200, "headers": {":event-type": name}, "body": json.dumps(payload).encode()}
    try:
        EventStreamJSONParser().parse(event, shape)
    except (ResponseParserError, AttributeError, TypeError):
        return False
    return True


@pytest.mark.parametrize(("name", "payload"), CONVERSE_EVENTS)
def test_an_event_of_converse_that_botocore_cannot_read_fails_the_call(name: str, payload: dict[str, Any]) -> None:
    frames = [encoder.event(name, payload), encoder.event("messageStop", {"stopReason": "end_turn"})]
    call = answered("aws-bedrock", "chat", Canned(frames))
    assert (call.error is None) == botocore_reads(name, payload)
    assert call.error is None or call.error.startswith("MalformedAnswer")


def test_a_tool_call_in_converse_is_content() -> None:
    frames = [
        encoder.event("contentBlockStart", {"start": {"toolUse": {"toolUseId": "t", "name": "f"}}}),
        encoder.event("contentBlockDelta", {"delta": {"toolUse": {"input": "{}"}}}),
        encoder.event("messageStop", {"stopReason": "tool_use"}),
    ]
    call = answered("aws-bedrock", "chat", Canned(frames))
    assert (call.error, call.content_events, steps(call.ttfv_s)) == (None, 2, 1)


@EVERY_API
@WHOLE_OR_STREAMED
def test_the_content_of_every_answer_is_counted(provider: str, api: str, stream: bool) -> None:
    call = answered(provider, api, Canned([mocked(provider, api, stream)]), stream=stream)
    assert call.content_events == (3 if stream else 1)
    assert call.content_reads == (1 if stream else None)


def test_an_answer_without_content_counts_no_content() -> None:
    call = chat(chunk(role="assistant", content=""), chunk("stop"), DONE)
    assert (call.outcome, call.content_events, call.content_reads, call.ttft_s) == ("ok", 0, None, None)


def test_reasoning_that_was_counted_but_not_streamed_is_excluded_from_tpot() -> None:
    words = [chunk(content="w ") for _ in range(11)]
    call = chat(chunk(role="assistant", content=""), b"{}", *words, chunk("stop"), usage(211, 200), DONE)
    assert call.tpot_s == pytest.approx(STEP_S)
    assert call.output_tokens_per_s == pytest.approx(1 / STEP_S)


def test_with_summarised_reasoning_tpot_covers_the_visible_part() -> None:
    counts = {"input_tokens": 1, "output_tokens": 205, "output_tokens_details": {"reasoning_tokens": 200}}
    summary = [{"type": "response.reasoning_summary_text.delta", "delta": "Hm"}] * 3
    text = [{"type": "response.output_text.delta", "delta": "w"}] * 5
    end = {"type": "response.completed", "response": {"status": "completed", "usage": counts}}
    call = answered("openai", "responses", Canned(sse_of(*summary, *text, end)))
    assert (steps(call.ttft_s), steps(call.ttfv_s)) == (1, 4)
    assert call.tpot_s == pytest.approx(STEP_S)


def test_a_summary_of_reasoning_in_a_content_list_is_reasoning() -> None:
    """As Databricks sends it."""
    summary = chunk(content=[{"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm"}]}])
    text = [chunk(content=[{"type": "text", "text": "w"}])] * 5
    call = chat(*[summary] * 3, *text, chunk("stop"), usage(205, 200), DONE)
    assert (steps(call.ttft_s), steps(call.ttfv_s)) == (1, 4)
    assert call.tpot_s == pytest.approx(STEP_S)


def test_a_thinking_summary_of_unknown_size_leaves_no_tpot() -> None:
    thinking = {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "Hm"}}
    text = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "w"}}
    for share, tpot_s in (({}, None), ({"output_tokens_details": {"thinking_tokens": 97}}, STEP_S)):
        counts = {"output_tokens": 100, **share}
        end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": counts}
        call = answered("anthropic", "chat", Canned(sse_of(thinking, text, text, text, end, {"type": "message_stop"})))
        assert call.tpot_s == (None if tpot_s is None else pytest.approx(tpot_s))
        assert call.itl_mean_s == pytest.approx(STEP_S)


@pytest.mark.parametrize(
    ("reads", "has_pace"),
    [
        ([12], False),
        ([11, 1], False),
        ([1, 11], False),
        ([1, 5, 6], True),
        ([4, 4, 4], False),
        ([2] + [1] * 17, False),
        ([2] + [1] * 18, True),
        ([1, 1], True),
        ([2], False),
        ([1], False),
        ([1] * 12, True),
    ],
)
def test_a_pace_is_reported_only_if_it_was_observed(reads: list[int], has_pace: bool) -> None:
    pieces = [b"".join(sse_of(*[chunk(content="w")] * count)) for count in reads]
    end = b"".join(sse_of(chunk("stop"), usage(50), DONE))
    call = answered("openai", "chat", Canned([*pieces, end]))
    assert (call.content_events, call.content_reads) == (sum(reads), len(reads))
    paced = (call.tpot_s, call.itl_mean_s, call.itl_max_s, call.output_tokens_per_s)
    assert [figure is not None for figure in paced] == [has_pace] * 4
    assert bool(call.gaps_s) is has_pace
    assert steps(call.ttft_s) == 1


@pytest.mark.parametrize(("lag_s", "joined"), [(None, (None, None)), (0.0, (0, 0)), (0.0009, (0, 0)), (0.0011, (2, 5))])
def test_a_late_read_of_several_events_may_have_joined_them(
    lag_s: float | None, joined: tuple[int | None, int | None]
) -> None:
    pieces = [b"".join(sse_of(*[chunk(content="w")] * count)) for count in (1, 3, 1, 2)]
    call = answered("openai", "chat", Canned([*pieces, *sse_of(chunk("stop"), DONE)], lag_s=lag_s))
    assert (call.joined_reads, call.joined_events) == joined


# Bedrock's families that use OpenAI's chat format


@WHOLE_OR_STREAMED
@pytest.mark.parametrize("ending", ["stop_reason", "finish_reason"])
@pytest.mark.parametrize("part", ["message", "delta"])
def test_a_mistral_on_bedrock_uses_the_chat_format(stream: bool, ending: str, part: str) -> None:
    choice = {"index": 0, part: {"role": "assistant", "content": "Hello"}, ending: "stop"}
    raw = json.dumps({"id": "x", "object": "chat.completion", "choices": [choice]}).encode()
    body = encoder.event("chunk", {"bytes": b64encode(raw).decode()}) if stream else raw
    model = "us.mistral.mistral-large-2407-v1:0"
    call = answered("aws-bedrock", "completions", Canned([body]), model=model, stream=stream)
    assert (call.error, call.finish_reason, call.content_events) == (None, "stop", 1)


@pytest.mark.parametrize("line", [b"event:", b"event: "])
def test_an_event_whose_name_is_empty_has_none_to_anthropic(line: bytes) -> None:
    raw = mocked("anthropic", "chat", stream=True)
    delta = line + b'\ndata: {"type": "content_block_delta", "delta": {"text": "x"}}\n\n'
    expected, call = [answered("anthropic", "chat", Canned([body])) for body in (raw, delta + raw)]
    assert (call.error, call.content_events) == (None, expected.content_events)


@pytest.mark.parametrize("api", ["chat", "completions"])
@pytest.mark.parametrize("place", ["first", "last"])
def test_done_in_a_named_event_is_not_json_to_anthropic(api: str, place: str) -> None:
    raw, done = mocked("anthropic", api, stream=True), b"event: done\ndata: [DONE]\n\n"
    call = answered("anthropic", api, Canned([done, raw] if place == "first" else [raw, done]))
    assert str(call.error).startswith("MalformedAnswer: not JSON")
    assert str(call.error).endswith("“[DONE]”")


def test_a_second_message_stop_ends_nothing() -> None:
    """The SDK reads on to the end."""
    raw = mocked("anthropic", "chat", stream=True)
    again = written_sse("message_stop", {"type": "message_stop"})
    for after in (again, again * 2, written_sse("message_delta", {"type": "message_delta", "usage": {}}) + again):
        parts = list(reading.stream(sse.events([raw + after]), anthropic.message_stream))
        assert parts == list(reading.stream(sse.events([raw]), anthropic.message_stream))
        assert answered("anthropic", "chat", Canned([raw + after])).error is None
    broken = answered("anthropic", "chat", Canned([raw + again + written_sse("note", b"no JSON")]))
    assert str(broken.error).startswith("MalformedAnswer")
