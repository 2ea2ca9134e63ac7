"""What Gemini answers. https://ai.google.dev/api/generate-content

Usage: `promptTokenCount` includes cached ones; `candidatesTokenCount` leaves out thoughts, which are added here. What
it shows of them is a summary. A stream is finished by a candidate's `finishReason`; a blocked prompt has no candidates.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from providers.answers.content import counts_of, finished, is_settled, merged, reason_of, text_of
from providers.call import Answer, Delta, ErrorInStream, Json, Usage, total

NOT_BLOCKED = (None, "", "BLOCK_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED")
NO_CONTENT = {"thought", "thoughtSignature", "text"}


def content(body: Json) -> Answer:
    """Read a whole `GenerateContentResponse`."""
    _refuse_block(body)
    first, *others = body["candidates"]
    yield from _parts(first)
    reason, by = reason_of(first.get("finishReason")), first
    for candidate in others:
        yield from _parts(candidate)
        if (said := reason_of(candidate.get("finishReason"))) and not is_settled("gemini", reason):
            reason, by = said, candidate
    if usage := body.get("usageMetadata"):
        yield _usage(counts_of(usage))
    if reason:
        yield from finished("gemini", reason, by)


def content_stream(bodies: Iterable[Json | Delta]) -> Answer:
    """Read a stream of them. The usage grows with each: the last one counts."""
    usage: Json = {}
    reason, by = None, None
    for body in bodies:
        if isinstance(body, Delta):
            yield body
            continue
        _refuse_block(body)
        usage = merged(usage, body.get("usageMetadata"))
        for candidate in body.get("candidates") or ():
            yield from _parts(candidate)
            if (said := reason_of(candidate.get("finishReason"))) and not is_settled("gemini", reason):
                reason, by = said, candidate
    if usage:
        yield _usage(usage)
    if reason:
        yield from finished("gemini", reason, by)


def _refuse_block(body: Json) -> None:
    """Raise `ErrorInStream` for a prompt that was blocked."""
    feedback = body.get("promptFeedback")
    if feedback and (reason := feedback.get("blockReason")) not in NOT_BLOCKED:
        words = feedback.get("blockReasonMessage")
        raise ErrorInStream(f"the prompt was blocked: {reason}" + (f": {words}" if words else ""))


def _parts(candidate: Json) -> Iterator[Delta]:
    for part in (candidate.get("content") or {}).get("parts") or ():
        if "text" in part:
            is_thought = bool(part.get("thought"))
            yield Delta(text_of(part["text"]), is_thought, is_thought)
        else:
            yield Delta(_beside_text(part))


def _beside_text(part: Any) -> str:
    """Return the kind of a part that is no text, such as `functionCall` or `inlineData`."""
    return next((name for name in part if name not in NO_CONTENT and part[name]), "")


def _usage(usage: Json) -> Usage:
    thoughts = usage.get("thoughtsTokenCount")
    outputs = total(thoughts, usage.get("candidatesTokenCount"))
    return Usage(usage.get("promptTokenCount"), outputs, usage.get("cachedContentTokenCount"), thoughts)
