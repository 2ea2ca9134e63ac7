"""The shape of Bedrock's converse, which Amazon's Nova models also use in invoke."""

from collections.abc import Iterator

from mock.ask import Ask
from mock.formats.message import Json
from mock.formats.utterance import Utterance


def converse(ask: Ask, said: Utterance) -> Json:
    """Return a whole answer."""
    reasoning = {"reasoningContent": {"reasoningText": {"text": said.reasoning, "signature": "bW9jaw=="}}}
    text = {"text": said.text}
    content = [reasoning, text] if said.thoughts else [text]
    message = {"role": "assistant", "content": content}
    return {"output": {"message": message}, "stopReason": stop_reason(said), **metadata(said)}


def converse_timeline(said: Utterance) -> Iterator[tuple[float, str, Json]]:
    """Yield the same as events: due time, name and payload. The usage comes after the stop."""
    yield said.first_s, "messageStart", {"role": "assistant"}
    if said.thoughts:
        yield from reasoning_timeline(said)
    index = 1 if said.thoughts else 0
    for at_s, piece in said.said:
        yield at_s, "contentBlockDelta", block_delta(index, {"text": piece})
    yield said.last_s, "contentBlockStop", {"contentBlockIndex": index}
    yield said.last_s, "messageStop", {"stopReason": stop_reason(said)}
    yield said.last_s, "metadata", metadata(said)


def reasoning_timeline(said: Utterance) -> Iterator[tuple[float, str, Json]]:
    for at_s, piece in said.thought:
        yield at_s, "contentBlockDelta", block_delta(0, {"reasoningContent": {"text": piece}})
    yield said.due_s[len(said.thoughts) - 1], "contentBlockStop", {"contentBlockIndex": 0}


def block_delta(index: int, delta: Json) -> Json:
    return {"contentBlockIndex": index, "delta": delta}


def metadata(said: Utterance) -> Json:
    """Return the usage: `inputTokens` excludes cached tokens, `totalTokens` includes them."""
    usage = {
        "inputTokens": said.input_tokens - said.cached_tokens,
        "outputTokens": said.output_tokens,
        "totalTokens": said.input_tokens + said.output_tokens,
        "cacheReadInputTokens": said.cached_tokens,
        "cacheWriteInputTokens": 0,
    }
    return {"usage": usage, "metrics": {"latencyMs": round(said.last_s * 1000)}}


def stop_reason(said: Utterance) -> str:
    return "max_tokens" if said.cut_short else "end_turn"
