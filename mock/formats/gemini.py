"""Gemini's generateContent, of Vertex AI and the Gemini API: https://ai.google.dev/api/generate-content"""

import re
from collections.abc import Iterator

import orjson

from mock.ask import Ask
from mock.formats.format import Format
from mock.formats.message import Headers, Json, Part
from mock.formats.utterance import Utterance

PROJECT = r"(?:/projects/[^/]+/locations/[^/]+)?(?:/publishers/[^/]+)?"
PREFIX = rf"/v1(?:beta1?|alpha)?{PROJECT}/models/(?P<model>[^/:]+)"
ERROR_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def content(ask: Ask, said: Utterance) -> Json:
    """Return a whole `GenerateContentResponse`."""
    text = {"text": said.text}
    thought = {"text": said.reasoning, "thought": True}
    parts: list[Json] = [thought, text] if said.thoughts else [text]
    return response(ask, said, parts, len(said.thoughts), len(said.pieces), finish_reason(said))


def events(ask: Ask, said: Utterance) -> Iterator[Part]:
    """Yield the same, one event per token."""
    for at_s, data in timeline(ask, said):
        yield Part(at_s, sse_frame(data))


def timeline(ask: Ask, said: Utterance) -> Iterator[tuple[float, Json]]:
    """Yield the responses and when they are due: the usage is cumulative, and the last one has the finish reason."""
    thoughts = len(said.thoughts)
    tokens: list[Json] = [{"text": piece, "thought": True} for piece in said.thoughts]
    tokens += [{"text": piece} for piece in said.pieces]
    for n, (at_s, part) in enumerate(zip(said.due_s, tokens, strict=True), start=1):
        finish = finish_reason(said) if n == len(tokens) else None
        yield at_s, response(ask, said, [part], min(n, thoughts), max(0, n - thoughts), finish)


def sse_frame(data: Json) -> bytes:
    """Return an event; Google ends its lines with CR LF."""
    return b"data: %s\r\n\r\n" % orjson.dumps(data)


def response(ask: Ask, said: Utterance, parts: list[Json], thoughts: int, tokens: int, finish: str | None) -> Json:
    candidate: Json = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    about = {"modelVersion": ask.model, "responseId": said.id}
    return {"candidates": [candidate], "usageMetadata": usage_metadata(said, thoughts, tokens), **about}


def usage_metadata(said: Utterance, thoughts: int, tokens: int) -> Json:
    """Return the usage: `candidatesTokenCount` excludes thoughts; counts of 0 are absent, as in the API."""
    counts = {
        "promptTokenCount": said.input_tokens,
        "candidatesTokenCount": tokens,
        "thoughtsTokenCount": thoughts,
        "cachedContentTokenCount": said.cached_tokens,
        "totalTokenCount": said.input_tokens + thoughts + tokens,
    }
    return {name: count for name, count in counts.items() if count}


def finish_reason(said: Utterance) -> str:
    return "MAX_TOKENS" if said.cut_short else "STOP"


def error(status: int, message: str) -> tuple[Headers, Json]:
    """Return Google's error object."""
    name = ERROR_STATUSES.get(status, "INTERNAL" if status >= 500 else "FAILED_PRECONDITION")
    return [], {"error": {"code": status, "message": message, "status": name}}


STREAM_ERROR = sse_frame(error(503, "The model is overloaded")[1])

FORMATS = (
    Format(
        name="gemini generate_content",
        path=re.compile(PREFIX + ":generateContent"),
        plain=content,
        events=events,
        error=error,
        stream_error=STREAM_ERROR,
        streams=False,
    ),
    Format(
        name="gemini stream_generate_content",
        path=re.compile(PREFIX + ":streamGenerateContent"),
        plain=content,
        events=events,
        error=error,
        stream_error=STREAM_ERROR,
        streams=True,
        comment=b"",
    ),
)
