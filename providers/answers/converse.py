"""Answers of Bedrock's Converse, and of Amazon's Nova models in `invoke_model`.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html

Usage: `inputTokens` excludes tokens read from or written to the cache, which are added here; `outputTokens` includes
reasoning, which is not reported separately and which some models only summarise.
A stream is finished by `messageStop`; its usage follows.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from providers.answers.content import called, counts_of, ended, few, finished, reason_of, require, text_of
from providers.call import Answer, Delta, Json, Said, Usage, total

TOOL, REASONING, CITED = "toolUse", "reasoningContent", "citationsContent"

EVENTS = ("contentBlockStart", "contentBlockDelta", "messageStop", "metadata")
"""The types of events that say something of an answer."""

BLOCK = {TOOL: dict, REASONING: dict, "citation": dict, "image": dict}
METADATA = {"usage": dict, "metrics": dict}
"""The types of fields that botocore checks."""


def message(body: Json) -> Answer:
    """Read a whole answer."""
    for block in few(body["output"]["message"].get("content") or ()):
        yield from _block(block)
    if usage := body.get("usage"):
        yield _usage(counts_of(usage))
    yield from _metrics(body)
    yield from ended("converse", body["stopReason"], body)


def message_stream(bodies: Iterable[Json | Delta]) -> Answer:
    """Read the events of a streamed answer to their end, because the usage comes last."""
    for event in bodies:
        if isinstance(event, Delta):
            yield event
            continue
        match event.get("type"):
            case "contentBlockDelta":
                yield from _block(event.get("delta") or {})
            case "contentBlockStart":
                yield from _block(event.get("start") or {})
            case "messageStop":
                yield from finished("converse", reason_of(event["stopReason"]), event)
            case "metadata":
                if usage := event.get("usage"):
                    yield _usage(counts_of(usage))
                yield from _metrics(event)


def checked_stream(bodies: Iterable[Json | Delta]) -> Answer:
    """Read a stream as `message_stream` does. Raises `TypeError` for an event that botocore can't read, which checks
    what Converse sends, but not what a model does in `invoke_model`."""
    return message_stream(map(_checked, bodies))


def _checked(event: Json | Delta) -> Json | Delta:
    if isinstance(event, Delta):
        return event
    match event.get("type"):
        case "contentBlockDelta":
            _check_union(event.get("delta"))
            _check_union((event.get("delta") or {}).get(REASONING))
        case "contentBlockStart":
            _check_union(event.get("start"))
        case "metadata":
            require(event, METADATA)
    return event


def _check_union(union: Json | None) -> None:
    """Raise unless exactly one member is set, of its type; one that botocore doesn't know counts, too."""
    if union is None:
        return
    require(union, BLOCK)
    if sum(value is not None and name != "__type" for name, value in union.items()) != 1:
        raise TypeError("a union with several members, or none")


def _block(block: Json) -> Iterator[Delta]:
    """Read a whole content block, its start, or a delta."""
    if "text" in block:
        yield Delta(text_of(block["text"]))
    elif REASONING in block:
        yield Delta(_reasoning(block[REASONING] or {}), reasoning=True, partial=True)
    elif TOOL in block:
        yield from called(block[TOOL])
    elif CITED in block:
        for part in few(block[CITED].get("content") or ()):
            yield Delta(text_of(part.get("text")))
    elif "image" in block:
        yield Delta("image")


def _reasoning(block: Any) -> str:
    """Return the text of reasoning, nested deeper in a whole answer than in a delta, or its encrypted form."""
    text = block.get("text") or (block.get("reasoningText") or {}).get("text") or block.get("redactedContent")
    return text_of(text)


def _metrics(body: Json) -> Iterator[Said]:
    if "metrics" in body:
        yield Said({"metrics.latencyMs": counts_of(body["metrics"]).get("latencyMs")})


def _usage(usage: Json) -> Usage:
    """Read the counts; Nova, asked by `invoke_model`, gives those of the cache longer names."""
    cached = usage.get("cacheReadInputTokens", usage.get("cacheReadInputTokenCount"))
    written = usage.get("cacheWriteInputTokens", usage.get("cacheWriteInputTokenCount"))
    inputs = total(usage.get("inputTokens"), cached, written)
    return Usage(inputs, usage.get("outputTokens"), cached)
