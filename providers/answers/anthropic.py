"""Anthropic's answers. https://docs.anthropic.com/en/api/messages-streaming

Usage: `input_tokens` excludes tokens read from or written to the cache, which are added here; `output_tokens` includes
thinking, which newer answers also report separately. Newer models stream only a summary of their thinking, or none of
it, so it is always treated as partial. The legacy Text Completions API reports no usage.
A Messages stream is finished by `message_stop`, a Text Completions stream by a `stop_reason`.
"""

from collections.abc import Iterable, Iterator

from providers.answers.content import counts_of, ended, few, finished, merged, reason_of, text_of
from providers.call import Answer, Delta, Json, Usage, total

OUTPUT = ("output_tokens", "output_tokens_details")
COUNTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", *OUTPUT)


def message(body: Json) -> Answer:
    """Read a whole `message`."""
    for block in few(body["content"]):
        yield from _block(block)
    if usage := body.get("usage"):
        yield _usage(counts_of(usage))
    yield from ended("anthropic", body["stop_reason"], body)


def message_stream(bodies: Iterable[Json | Delta]) -> Answer:
    """Read a message's events to their end, as the SDK does. A `message_stop` before any other event ends nothing, and
    neither does a second one."""
    usage: Json = {}
    reason, has_begun, has_ended = None, False, False
    for event in bodies:
        if isinstance(event, Delta):
            yield event
            continue
        match event.get("type"):
            case "content_block_delta":
                yield from _block(event.get("delta") or {})
            case "content_block_start":
                yield from _block(event.get("content_block") or {})
            case "message_start":
                usage = merged(usage, (event.get("message") or {}).get("usage"), COUNTS)
                for name in OUTPUT:  # It has hardly begun.
                    usage.pop(name, None)
            case "message_delta":
                usage = merged(usage, event.get("usage"), COUNTS)
                reason = reason_of((event.get("delta") or {}).get("stop_reason")) or reason
            case "message_stop" if has_begun and not has_ended:
                has_ended = True
                if usage:
                    yield _usage(usage)
                yield from finished("anthropic", reason, event)
        has_begun = True


def completion(body: Json) -> Answer:
    """Read a whole legacy `completion`."""
    yield Delta(text_of(body["completion"]))
    yield from ended("anthropic", body["stop_reason"], body)


def completion_stream(bodies: Iterable[Json | Delta]) -> Answer:
    """Read a legacy completion's events to their end."""
    for event in bodies:
        if isinstance(event, Delta):
            yield event
            continue
        yield Delta(text_of(event.get("completion")))
        if reason := reason_of(event.get("stop_reason")):
            yield from finished("anthropic", reason, event)


def _block(block: Json) -> Iterator[Delta]:
    """Read a whole content block, its start, or a delta."""
    if "text" in block:
        yield Delta(text_of(block["text"]))
    elif "thinking" in block:
        yield Delta(text_of(block["thinking"]), reasoning=True, partial=True)
    elif "partial_json" in block:
        yield Delta(text_of(block["partial_json"]))
    elif block.get("type") == "redacted_thinking":
        yield Delta(text_of(block.get("data")), reasoning=True, partial=True)
    elif "input" in block:
        yield Delta(text_of(block.get("name")))


def _usage(usage: Json) -> Usage:
    cached = usage.get("cache_read_input_tokens")
    inputs = total(usage.get("input_tokens"), cached, usage.get("cache_creation_input_tokens"))
    thinking = counts_of(usage.get("output_tokens_details")).get("thinking_tokens")
    return Usage(inputs, usage.get("output_tokens"), cached, thinking)
