"""What Bedrock's Converse answers, and Amazon's Nova models in `invoke_model` too.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html

Usage: `inputTokens` leaves out what was read from or written to the cache, which is added here; `outputTokens`
includes reasoning, whose share is not told. A stream is finished by `messageStop`; its usage follows.
"""

from collections.abc import Iterable

from providers.call import Answer, Delta, Finish, Json, Usage, total


def message(body: Json) -> Answer:
    """Read a whole answer."""
    for block in body["output"]["message"]["content"]:
        yield _delta(block)
    if usage := body.get("usage"):
        yield _usage(usage)
    yield Finish(body["stopReason"])


def message_stream(events: Iterable[tuple[str, Json]]) -> Answer:
    """Read the events of a streamed answer, to the end: the usage comes last."""
    for kind, event in events:
        match kind:
            case "contentBlockDelta":
                yield _delta(event["delta"])
            case "messageStop":
                yield Finish(event["stopReason"])
            case "metadata" if usage := event.get("usage"):
                yield _usage(usage)


def _delta(block: Json) -> Delta:
    """Read a block of a whole answer, or a delta of a streamed one: reasoning is nested deeper in the former."""
    if reasoning := block.get("reasoningContent"):
        return Delta(reasoning.get("text") or (reasoning.get("reasoningText") or {}).get("text") or "", reasoning=True)
    return Delta(block.get("text") or "")


def _usage(usage: Json) -> Usage:
    cached = usage.get("cacheReadInputTokens")
    inputs = total(usage.get("inputTokens"), cached, usage.get("cacheWriteInputTokens"))
    return Usage(inputs, usage.get("outputTokens"), cached)
