"""What OpenAI's APIs answer, also Azure's and DeepSeek's. https://platform.openai.com/docs/api-reference

Usage: `prompt_tokens` includes cached ones, `completion_tokens` includes reasoning, in all three APIs.
A stream is finished by a `finish_reason` and then `[DONE]`; a Responses stream by `response.completed` or
`response.incomplete`.
"""

from collections.abc import Callable, Iterable
from typing import Any

import orjson

from providers.call import Answer, Delta, ErrorInStream, Finish, Json, Usage

DONE = b"[DONE]"


def chat(body: Json) -> Answer:
    """Read a whole `chat.completion`."""
    yield from _message(body["choices"][0]["message"])
    yield from _end(body)


def completion(body: Json) -> Answer:
    """Read a whole `text_completion`."""
    yield Delta(body["choices"][0]["text"])
    yield from _end(body)


def chat_stream(events: Iterable[bytes]) -> Answer:
    """Read `chat.completion.chunk` events."""
    return _chunks(events, lambda choice: _message(choice.get("delta") or {}))


def completion_stream(events: Iterable[bytes]) -> Answer:
    """Read streamed `text_completion` events."""
    return _chunks(events, lambda choice: [Delta(choice.get("text") or "")])


def response(body: Json) -> Answer:
    """Read a whole `response`. One that is neither completed nor incomplete is not finished."""
    for item in body["output"]:
        for content in item.get("summary") or []:
            yield Delta(content.get("text", ""), reasoning=True)
        for content in item.get("content") or []:
            yield Delta(content.get("text", ""))
    yield from _response_end(body)


def response_stream(events: Iterable[bytes]) -> Answer:
    """Read the typed events of the Responses API."""
    for data in events:
        event = orjson.loads(data)
        match event["type"]:
            case "response.output_text.delta" | "response.refusal.delta":
                yield Delta(event["delta"])
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                yield Delta(event["delta"], reasoning=True)
            case "response.completed" | "response.incomplete":
                yield from _response_end(event["response"])
                return
            case "response.failed":
                raise _error(event["response"].get("error"))
            case "error":
                raise _error(event.get("error") or event)


def chunk_parts(chunk: Json, read: Callable[[Json], Iterable[Delta]]) -> Answer:
    """Read one chunk: its text, its usage, and its finish reason as a `Finish`."""
    if "error" in chunk:
        raise _error(chunk["error"])
    for choice in chunk.get("choices") or ():
        yield from read(choice)
        if reason := choice.get("finish_reason"):
            yield Finish(reason)
    if usage := chunk.get("usage"):
        yield _usage(usage)


def _chunks(events: Iterable[bytes], read: Callable[[Json], Iterable[Delta]]) -> Answer:
    finish: Finish | None = None
    for data in events:
        if data == DONE:
            if finish:
                yield finish
            return
        for part in chunk_parts(orjson.loads(data), read):
            if isinstance(part, Finish):
                finish = part
            else:
                yield part


def _message(message: Json) -> Iterable[Delta]:
    if reasoning := message.get("reasoning_content"):
        yield Delta(reasoning, reasoning=True)
    if content := message.get("content"):
        yield Delta(content)


def _end(body: Json) -> Answer:
    if usage := body.get("usage"):
        yield _usage(usage)
    if reason := body["choices"][0].get("finish_reason"):
        yield Finish(reason)


def _response_end(body: Json) -> Answer:
    if usage := body.get("usage"):
        yield Usage(
            usage.get("input_tokens"),
            usage.get("output_tokens"),
            (usage.get("input_tokens_details") or {}).get("cached_tokens"),
            (usage.get("output_tokens_details") or {}).get("reasoning_tokens"),
        )
    if body["status"] in ("completed", "incomplete"):
        yield Finish((body.get("incomplete_details") or {}).get("reason") or body["status"])


def _usage(usage: Json) -> Usage:
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
    return Usage(
        usage.get("prompt_tokens"),
        usage.get("completion_tokens"),
        usage.get("prompt_cache_hit_tokens") if cached is None else cached,
        (usage.get("completion_tokens_details") or {}).get("reasoning_tokens"),
    )


def _error(error: Any) -> ErrorInStream:
    if not isinstance(error, dict):
        return ErrorInStream(str(error))
    return ErrorInStream(f"{error.get('code') or error.get('type') or 'error'}: {error.get('message')}")
