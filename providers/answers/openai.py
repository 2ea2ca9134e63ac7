"""Answers of OpenAI's APIs, and of Azure's and DeepSeek's. https://platform.openai.com/docs/api-reference

Usage: `prompt_tokens` includes cached tokens and `completion_tokens` includes reasoning, in all three APIs. xAI's
excludes reasoning, as its total shows; it is added here.
A stream is finished by a `finish_reason` followed by `[DONE]`; a Responses stream by `response.completed` or
`response.incomplete`. On Bedrock, where many families use this format, `finish_reason` (or `stop_reason`) is enough.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import finishes
from providers.answers.content import Choices, called, counts_of, few, finished, reason_of, text_of
from providers.answers.errors import refuse_error, told, without_blank_error, words_of
from providers.answers.reading import DONE
from providers.call import Answer, Delta, ErrorInStream, Json, Said, Usage, total

REASONING = ("reasoning_content", "reasoning")
"""The names used by DeepSeek and older vLLM, and by vLLM, OpenRouter, Groq and Ollama."""

TIMES = ("total_time", "queue_time", "prompt_time", "completion_time")
"""Groq's, in seconds, among the counts of its usage."""


def chat(body: Json) -> Answer:
    """Read a whole `chat.completion`, or `text_completion`."""
    choices = Choices("openai")
    if not body["choices"]:
        raise LookupError("no choice")
    yield from _choices(body, choices)
    if usage := body.get("usage"):
        yield from _usage(usage)
    yield from choices.finished()


def chat_stream(bodies: Iterable[Json | Delta], needs_done: bool = True, asked: int | None = None) -> Answer:
    """Read `chat.completion.chunk` events, or streamed `text_completion` ones. `asked`: see `Choices`."""
    choices, is_done = Choices("openai", asked), not needs_done
    for body in bodies:
        if isinstance(body, Delta):
            yield body
            continue
        if body is DONE:
            is_done = True
            break
        yield from _choices(body, choices)
        if usage := body.get("usage"):
            yield from _usage(usage)
    yield from choices.finished(is_done)


def response(body: Json) -> Answer:
    """Read a whole `response`. It is finished only if its status is completed or incomplete."""
    for item in few(body["output"]):
        for summary in few(item.get("summary") or ()):
            yield Delta(text_of(summary.get("text")), reasoning=True, partial=True)
        is_reasoning = item.get("type") == "reasoning"
        for content in few(item.get("content") or ()):
            yield Delta(text_of(content.get("text")) or text_of(content.get("refusal")), is_reasoning)
        yield from _item_call(item)
    yield from _response_end(body)


def response_stream(bodies: Iterable[Json | Delta]) -> Answer:
    """Read the typed events of the Responses API to their end, as the SDK does."""
    for event in bodies:
        if isinstance(event, Delta):
            yield event
            continue
        kind = event.get("type") or ""
        if kind.endswith(".delta"):
            yield _response_delta(kind, event)
        elif kind == "response.output_item.added":
            yield from _item_call({**event["item"], "arguments": None, "input": None})
        elif kind in ("response.completed", "response.incomplete"):
            response = event["response"]
            yield from _response_end({**response, "status": response.get("status") or kind.removeprefix("response.")})
        elif kind == "response.failed":
            yield from _response_end({**event["response"], "status": "failed"})


def _choices(body: Json, choices: Choices) -> Iterator[Delta]:
    for number, choice in enumerate(few(body.get("choices") or ())):
        yield from _content(choice)
        choices.take(number, choice, _reason(choice))


def _content(choice: Json) -> Iterator[Delta]:
    """Read a choice's message, delta or text."""
    if error := choice.get("error"):
        raise ErrorInStream(words_of(error))
    message = choice.get("delta") or choice.get("message")
    if message:
        content = message.get("content")
        if len(message) > 1 or not isinstance(content, str):
            yield from _beside_content(message)
        if isinstance(content, list):
            yield from _content_parts(content)
        elif content:
            yield Delta(text_of(content))
    elif text := choice.get("text"):
        yield Delta(text_of(text))


def _beside_content(message: Json) -> Iterator[Delta]:
    """Read the fields other than `content`: reasoning, a refusal, tool calls, images, audio."""
    yield from _reasoning(message)
    if refusal := message.get("refusal"):
        yield Delta(text_of(refusal))
    for call in few(message.get("tool_calls") or ()):
        yield from called(call.get("function") or call.get("custom"))
    yield from called(message.get("function_call"))
    if message.get("images"):
        yield Delta("images")
    if isinstance(audio := message.get("audio"), dict):
        yield Delta(text_of(audio.get("transcript")) or text_of(audio.get("data")))


def _reasoning(message: Json) -> Iterator[Delta]:
    """Read reasoning from the first of its fields that has text: some servers send the same text in two."""
    for name in REASONING:
        reasoning = message.get(name)
        if reasoning and isinstance(reasoning, str):
            yield Delta(reasoning, reasoning=True)
            return
    details = message.get("reasoning_details")
    for detail in few(details) if isinstance(details, list) else ():
        if isinstance(detail, dict):
            yield from _reasoning_detail(detail)


def _reasoning_detail(detail: Json) -> Iterator[Delta]:
    """Read one of OpenRouter's details: text or a summary; an encrypted one yields nothing."""
    if summary := detail.get("summary"):
        yield Delta(text_of(summary), reasoning=True, partial=True)
    elif text := detail.get("text"):
        yield Delta(text_of(text), reasoning=True)


def _content_parts(parts: list[Any]) -> Iterator[Delta]:
    """Read a content list, as Mistral and Databricks send it: the one thinks in full, the other in a summary."""
    for part in few(parts):
        if isinstance(part, str):
            yield Delta(part)
        elif thinking := part.get("thinking"):
            texts = [{"text": thinking}] if isinstance(thinking, str) else few(thinking)
            yield Delta("".join(text_of(text.get("text")) for text in texts), reasoning=True)
        elif summary := part.get("summary"):
            yield Delta("".join(text_of(text.get("text")) for text in few(summary)), reasoning=True, partial=True)
        else:
            yield Delta(text_of(part.get("text")) or text_of(part.get("refusal")))


def _reason(choice: Json) -> str | None:
    return reason_of(choice.get("finish_reason") or choice.get("stop_reason"))


def _item_call(item: Json) -> Iterator[Delta]:
    """Read a call of any kind of tool; a built-in tool's only name is the item's type."""
    kind = item.get("type") or ""
    if kind.endswith("_call"):
        yield from called({"name": kind, **item})


def _response_delta(kind: str, event: Json) -> Delta:
    """Read any kind of delta: text, refusal, reasoning, a tool call's arguments or code, audio; but not what a shell
    put out, which the model did not write."""
    is_summary = kind == "response.reasoning_summary_text.delta"
    is_output = kind == "response.shell_call_output_content.delta"
    return Delta("" if is_output else text_of(event.get("delta")), "reasoning" in kind, is_summary)


def _response_end(body: Json) -> Answer:
    if usage := body.get("usage"):
        yield _response_usage(counts_of(usage))
    body = without_blank_error(body)
    refuse_error(body)
    status = reason_of(body["status"])
    if status in ("completed", "incomplete"):
        yield from finished("responses", reason_of((body.get("incomplete_details") or {}).get("reason")) or status)
    elif status and finishes.meaning("responses", status) == "failure":
        raise ErrorInStream(told(body) or f"the response's status is {status}")


def _response_usage(usage: Json) -> Usage:
    return Usage(
        usage.get("input_tokens"),
        usage.get("output_tokens"),
        counts_of(usage.get("input_tokens_details")).get("cached_tokens"),
        counts_of(usage.get("output_tokens_details")).get("reasoning_tokens"),
    )


def _usage(usage: Any) -> Iterator[Usage | Said]:
    usage = counts_of(usage)
    cached = counts_of(usage.get("prompt_tokens_details")).get("cached_tokens")
    reasoning = counts_of(usage.get("completion_tokens_details")).get("reasoning_tokens")
    outputs = usage.get("completion_tokens")
    in_all = usage.get("total_tokens")
    if reasoning and in_all is not None and in_all == total(usage.get("prompt_tokens"), outputs, reasoning):
        outputs = total(outputs, reasoning)
    yield Usage(
        usage.get("prompt_tokens"),
        outputs,
        cached or usage.get("prompt_cache_hit_tokens", cached),
        reasoning,
    )
    if "total_time" in usage:  # Groq
        yield Said({f"usage.{name}": usage.get(name) for name in TIMES})
