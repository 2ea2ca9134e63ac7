"""OpenAI's chat and text completions, also Azure's and DeepSeek's: https://platform.openai.com/docs/api-reference"""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from mock.ask import Ask
from mock.formats import sse
from mock.formats.format import Format
from mock.formats.message import Headers, Json, Part
from mock.formats.utterance import Utterance

PREFIX = r"(?:/v1)?(?:/openai(?:/v1|/deployments/(?P<model>[^/]+))?)?"
AZURE = "/openai/"
ERROR_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
ERROR_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


def chat(ask: Ask, said: Utterance) -> Json:
    """Return a `chat.completion`."""
    message = {"role": "assistant", "content": said.text, "refusal": None}
    if said.thoughts:
        message["reasoning_content"] = said.reasoning
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason(said)}
    return {**envelope(ask, said, "chat.completion", "chatcmpl"), "choices": [choice], "usage": usage(said)}


def chat_events(ask: Ask, said: Utterance) -> Iterator[Part]:
    """Yield the same as `chat.completion.chunk`s: role, tokens, finish reason, usage if asked for."""
    head = chunk_head(ask, said, "chat.completion.chunk", "chatcmpl")
    chunk = partial(chat_chunk, head)
    if ask.path.startswith(AZURE):
        yield azure_opening(said)
    yield Part(said.first_s, chunk({"role": "assistant", "content": "", "refusal": None}))
    think = sse.template(lambda text: chunk({"reasoning_content": text}))
    yield from (Part(at_s, think(piece)) for at_s, piece in said.thought)
    say = sse.template(lambda text: chunk({"content": text}))
    yield from (Part(at_s, say(piece)) for at_s, piece in said.said)
    yield Part(said.last_s, chunk({}, finish_reason(said)))
    yield from closing(ask, said, head)


def chat_chunk(head: Json, delta: Json, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return sse.event({**head, "choices": [choice]})


def azure_opening(said: Utterance) -> Part:
    """Return Azure's first chunk, its verdict on the prompt. It has no choices, which trips up clients."""
    verdict = {"prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]}
    empty = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
    return Part(said.first_s, sse.event({**empty, **verdict}))


def completion(ask: Ask, said: Utterance) -> Json:
    """Return a `text_completion`."""
    choice = completion_choice(said.text, finish_reason(said))
    return {**envelope(ask, said, "text_completion", "cmpl"), "choices": [choice], "usage": usage(said)}


def completion_events(ask: Ask, said: Utterance) -> Iterator[Part]:
    """Yield the same in pieces."""
    head = chunk_head(ask, said, "text_completion", "cmpl")
    say = sse.template(lambda text: sse.event({**head, "choices": [completion_choice(text)]}))
    yield from (Part(at_s, say(piece)) for at_s, piece in said.said)
    yield Part(said.last_s, sse.event({**head, "choices": [completion_choice("", finish_reason(said))]}))
    yield from closing(ask, said, head)


def completion_choice(text: str, finish: str | None = None) -> Json:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}


def closing(ask: Ask, said: Utterance, head: Json) -> Iterator[Part]:
    """Yield the end of a stream: a chunk with usage and no choices, if asked for, and the marker."""
    if "usage" in head:
        yield Part(said.last_s, sse.event({**head, "choices": [], "usage": usage(said)}))
    yield Part(said.last_s, sse.DONE)


def chunk_head(ask: Ask, said: Utterance, kind: str, prefix: str) -> Json:
    """Return the fields that all chunks share; if usage is asked for, it is null in all but the last."""
    options = ask.body.get("stream_options") or {}
    usage_so_far: dict[str, Any] = {"usage": None} if options.get("include_usage") else {}
    return {**envelope(ask, said, kind, prefix), **usage_so_far}


def envelope(ask: Ask, said: Utterance, kind: str, prefix: str) -> Json:
    return {
        "id": f"{prefix}-{said.id}",
        "object": kind,
        "created": said.created_s,
        "model": ask.model,
        "system_fingerprint": "fp_mock",
    }


def usage(said: Utterance) -> Json:
    """Return OpenAI's counts, and DeepSeek's two for cached and uncached tokens."""
    return {
        "prompt_tokens": said.input_tokens,
        "completion_tokens": said.output_tokens,
        "total_tokens": said.input_tokens + said.output_tokens,
        "prompt_tokens_details": {"cached_tokens": said.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": len(said.thoughts)},
        "prompt_cache_hit_tokens": said.cached_tokens,
        "prompt_cache_miss_tokens": said.input_tokens - said.cached_tokens,
    }


def finish_reason(said: Utterance) -> str:
    return "length" if said.cut_short else "stop"


def error(status: int, message: str) -> tuple[Headers, Json]:
    """Return the error object; clients go by the status."""
    kind = ERROR_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return [], {"error": {"message": message, "type": kind, "param": None, "code": ERROR_CODES.get(status)}}


STREAM_ERROR = sse.event(error(500, "The server had an error while processing your request")[1])

FORMATS = (
    Format(
        name="openai chat",
        path=re.compile(PREFIX + "/chat/completions"),
        plain=chat,
        events=chat_events,
        error=error,
        stream_error=STREAM_ERROR,
    ),
    Format(
        name="openai completions",
        path=re.compile(PREFIX + "/completions"),
        plain=completion,
        events=completion_events,
        error=error,
        stream_error=STREAM_ERROR,
    ),
)
