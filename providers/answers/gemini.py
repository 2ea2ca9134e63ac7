"""What Gemini answers. https://ai.google.dev/api/generate-content

Usage: `promptTokenCount` includes cached ones; `candidatesTokenCount` leaves out thoughts, which are added here.
A stream is finished by a candidate's `finishReason`.
"""

from collections.abc import Iterable

import orjson

from providers.call import Answer, Delta, ErrorInStream, Finish, Json, Usage, total


def content(body: Json) -> Answer:
    """Read a whole `GenerateContentResponse`."""
    candidate = body["candidates"][0]
    yield from _text(candidate)
    if usage := body.get("usageMetadata"):
        yield _usage(usage)
    if reason := candidate.get("finishReason"):
        yield Finish(reason)


def content_stream(events: Iterable[bytes]) -> Answer:
    """Read a stream of them. The usage grows with each: the last one counts."""
    usage: Json | None = None
    finish: Finish | None = None
    for data in events:
        body = orjson.loads(data)
        if "error" in body:
            error = body["error"]
            raise ErrorInStream(f"{error.get('status') or error.get('code')}: {error.get('message')}")
        usage = body.get("usageMetadata") or usage
        for candidate in body.get("candidates") or ():
            yield from _text(candidate)
            if reason := candidate.get("finishReason"):
                finish = Finish(reason)
    if usage:
        yield _usage(usage)
    if finish:
        yield finish


def _text(candidate: Json) -> Iterable[Delta]:
    for part in (candidate.get("content") or {}).get("parts") or ():
        yield Delta(part.get("text") or "", part.get("thought", False))


def _usage(usage: Json) -> Usage:
    thoughts = usage.get("thoughtsTokenCount")
    outputs = total(thoughts, usage.get("candidatesTokenCount"))
    return Usage(usage.get("promptTokenCount"), outputs, usage.get("cachedContentTokenCount"), thoughts)
