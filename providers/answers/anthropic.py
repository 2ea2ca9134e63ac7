"""What Anthropic's APIs answer. https://docs.anthropic.com/en/api/messages-streaming

Usage: `input_tokens` leaves out what was read from or written to the cache, which is added here; `output_tokens`
includes thinking, whose share is not told. The legacy Text Completions API reports none.
A Messages stream is finished by `message_stop`, a Text Completions stream by a `stop_reason`.
"""

from collections.abc import Iterable

import orjson

from providers.call import Answer, Delta, ErrorInStream, Finish, Json, Usage, total


def message(body: Json) -> Answer:
    """Read a whole `message`."""
    for block in body["content"]:
        yield _block(block)
    if usage := body.get("usage"):
        yield _usage(usage)
    if reason := body["stop_reason"]:
        yield Finish(reason)


def message_stream(events: Iterable[bytes]) -> Answer:
    """Read the events of a streamed message."""
    return message_events(orjson.loads(data) for data in events)


def message_events(events: Iterable[Json]) -> Answer:
    """Read a message's events, which Bedrock wraps in frames of its own."""
    usage: Json = {}
    reason = None
    for event in events:
        match event["type"]:
            case "content_block_delta":
                yield _block(event["delta"])
            case "message_start":
                usage = event["message"].get("usage") or {}
            case "message_delta":
                usage = {**usage, **_reported(event.get("usage"))}
                reason = event["delta"].get("stop_reason")
            case "message_stop":
                if usage:
                    yield _usage(usage)
                yield Finish(reason)
                return
            case "error":
                raise _error(event["error"])


def completion(body: Json) -> Answer:
    """Read a whole legacy `completion`."""
    yield Delta(body["completion"])
    yield Finish(body["stop_reason"])


def completion_stream(events: Iterable[bytes]) -> Answer:
    """Read a streamed legacy completion."""
    return completion_events(orjson.loads(data) for data in events)


def completion_events(events: Iterable[Json]) -> Answer:
    """Read a legacy completion's pieces, which Bedrock wraps in frames of its own."""
    for event in events:
        if event.get("type") == "error":
            raise _error(event["error"])
        yield Delta(event.get("completion") or "")
        if reason := event.get("stop_reason"):
            yield Finish(reason)
            return


def _block(block: Json) -> Delta:
    if "thinking" in block:
        return Delta(block["thinking"], reasoning=True)
    return Delta(block.get("text") or "")


def _usage(usage: Json) -> Usage:
    cached = usage.get("cache_read_input_tokens")
    inputs = total(usage.get("input_tokens"), cached, usage.get("cache_creation_input_tokens"))
    return Usage(inputs, usage.get("output_tokens"), cached)


def _reported(usage: Json | None) -> Json:
    return {name: count for name, count in (usage or {}).items() if count is not None}


def _error(error: Json) -> ErrorInStream:
    return ErrorInStream(f"{error.get('type')}: {error.get('message')}")
