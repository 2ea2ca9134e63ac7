"""Gemini's answers. https://ai.google.dev/api/generate-content

Usage: `promptTokenCount` includes cached tokens; `candidatesTokenCount` excludes thoughts, which are added here. Of
thoughts, answers contain only a summary.
A stream is finished by the candidates' `finishReason`; a blocked prompt has no candidates.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from providers.answers.content import Choices, few, merged, reason_of, require, text_of
from providers.call import Answer, Delta, ErrorInStream, Json, MalformedAnswer, Said, Usage, total

NOT_BLOCKED = (None, "", "BLOCK_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED")
NO_CONTENT = {"thought", "thoughtSignature", "text"}

OUTPUT = ("candidatesTokenCount", "thoughtsTokenCount")
COUNTS = ("promptTokenCount", "cachedContentTokenCount", *OUTPUT, "totalTokenCount")

BODY = {
    "candidates": list, "usageMetadata": dict, "promptFeedback": dict, "responseId": str, "modelVersion": str,
}  # fmt: skip
CANDIDATE = {"content": dict, "finishReason": str, "groundingMetadata": dict}
CONTENT = {"parts": list, "role": str}
PART = {
    "functionCall": dict, "functionResponse": dict, "inlineData": dict, "fileData": dict,
    "executableCode": dict, "codeExecutionResult": dict,
}  # fmt: skip
CALL = {"args": dict, "name": str}
"""The types of fields that google-genai checks, of those that gateways get wrong: PHP writes {} as [], and OpenAI's API
has a call's arguments as a text."""

TRUTHS = {"true": 1, "t": 1, "yes": 1, "y": 1, "on": 1, "1": 1, "false": 0, "f": 0, "no": 0, "n": 0, "off": 0, "0": 0}
BEYOND_FLOATS = 2.0**63
"""As large a number can't be an integer written as a fraction, to google-genai."""
_NO_FRACTION = re.compile(r"(?<=\d)\.0+(?=\s*$)")


def content(body: Json) -> Answer:
    """Read a whole `GenerateContentResponse`."""
    require(body, BODY)
    yield from _id(body)
    _refuse_block(body)
    choices = Choices("gemini")
    if not body["candidates"]:
        raise LookupError("no candidate")
    yield from _candidates(body, choices)
    if usage := _counts(body):
        yield _usage(usage)
    yield from choices.finished()


def content_stream(bodies: Iterable[Json | Delta], asked: int | None = None) -> Answer:
    """Read a stream of `GenerateContentResponse`s. The usage is cumulative: the last one counts.

    asked  how many candidates the request asked for; see `Choices`
    """
    usage: Json = {}
    choices = Choices("gemini", asked)
    has_id = False
    for body in bodies:
        if isinstance(body, Delta):
            yield body
            continue
        if "error" in body and next(iter(body)) == "error":
            raise MalformedAnswer("the SDK takes an event that begins with `error` for an error, even without one")
        require(body, BODY)
        if not has_id:
            yield from _id(body)
            has_id = True
        _refuse_block(body)
        counts = _counts(body)
        for part in _candidates(body, choices):
            if part.text and OUTPUT[0] not in counts:  # Earlier counts are not of the whole answer.
                usage = {name: count for name, count in usage.items() if name not in OUTPUT}
            yield part
        usage = merged(usage, counts, COUNTS)
    if usage:
        yield _usage(usage)
    yield from choices.finished()


def _id(body: Json) -> Iterator[Said]:
    if "responseId" in body:
        yield Said({"responseId": body["responseId"]})


def _candidates(body: Json, choices: Choices) -> Iterator[Delta]:
    for number, candidate in enumerate(few(body.get("candidates") or ())):
        require(candidate, CANDIDATE)
        _integer(candidate.get("index"))
        yield from _parts(candidate)
        choices.take(number, candidate, reason_of(candidate.get("finishReason")))


def _refuse_block(body: Json) -> None:
    """Raise `ErrorInStream` if the prompt was blocked."""
    feedback = body.get("promptFeedback")
    if feedback and (reason := feedback.get("blockReason")) not in NOT_BLOCKED:
        words = feedback.get("blockReasonMessage")
        raise ErrorInStream(f"the prompt was blocked: {reason}" + (f": {words}" if words else ""))


def _parts(candidate: Json) -> Iterator[Delta]:
    content = candidate.get("content") or {}
    require(content, CONTENT)
    for part in few(content.get("parts") or ()):
        require(part, PART)
        is_thought = "thought" in part and _truth(part["thought"])
        if "text" in part:
            yield Delta(text_of(part["text"]), is_thought, is_thought)
        else:
            yield Delta(_beside_text(part))


def _beside_text(part: Json) -> str:
    """Return the kind of a part other than text, such as `functionCall` or `inlineData`."""
    require(part.get("functionCall") or {}, CALL)
    return next((name for name in part if name not in NO_CONTENT and part[name]), "")


def _counts(body: Json) -> Json:
    """Return the counts of an answer or an event."""
    usage = body.get("usageMetadata") or {}
    return {name: _integer(usage[name]) for name in COUNTS if name in usage}


def _integer(value: Any) -> int | None:
    """Return an integer as google-genai reads it: also from 2.0 and from a text, even "2.0". Raises for what it
    refuses, such as a fraction."""
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        return int(_NO_FRACTION.sub("", value))
    if isinstance(value, float) and value.is_integer() and abs(value) < BEYOND_FLOATS:
        return int(value)
    raise TypeError("not an integer")


def _truth(value: Any) -> bool:
    """Return a truth value as google-genai reads it: also from a number and from a text. Raises for what it refuses."""
    read = TRUTHS.get(value.lower(), value) if isinstance(value, str) else value
    if read not in (None, 0, 1):
        raise TypeError("not a truth value")
    return bool(read)


def _usage(usage: Json) -> Usage:
    thoughts, visible = usage.get("thoughtsTokenCount"), usage.get("candidatesTokenCount")
    outputs = total(thoughts) if visible is None else total(visible, thoughts)
    return Usage(usage.get("promptTokenCount"), outputs, usage.get("cachedContentTokenCount"), thoughts)
