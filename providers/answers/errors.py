"""Error messages in answers, in every shape that providers, gateways and frameworks give them."""

import json
from typing import Any

from providers.answers.document import NotJSON, parsed
from providers.call import ErrorInStream, Json

_KINDS = ("code", "status", "type", "__type", "name")
_WORDS = ("message", "Message", "msg", "detail", "details", "error", "errors", "error_message", "error_description")
_FLAT = ("message", "Message", "__type", "detail", "errors", "error_message", "error_msg")
_TELLTALES = frozenset({"error", *_FLAT})
_OF_AN_ANSWER = (
    "choices", "candidates", "content", "output", "outputs", "completion", "completions", "generation", "generations",
    "results", "text",
)  # fmt: skip
"""Where the APIs put content: an answer that has any is no error, even with a `message` or `detail`."""


def told(body: Any) -> str | None:
    """Return the error message of a body or event; `None` if it is not an error.

    {"error": {...}}, {"error": "text"}         all providers; null, {}, "" and false mean no error
    [{"error": {...}}]                          Gemini's streams
    {"object": "error", "message": ...}         vLLM, SGLang
    {"message": ..., "code": ...}               gateways; an answer can have a `message` too, but then it has content
    {"__type": "ThrottlingException"}           AWS, with or without a message
    {"detail": ...}                             FastAPI: a string, or a list of what is wrong with each field
    """
    if isinstance(body, list):
        return next((words for item in body[:10] if (words := told(item))), None)
    if not isinstance(body, dict):
        return None
    if error := body.get("error"):
        return words_of(body if isinstance(error, (bool, int, float)) else error)
    if "error" in (body.get("object"), body.get("type")):
        return words_of(body)
    if any(body.get(name) is not None for name in _OF_AN_ANSWER):
        return None
    flat = any(isinstance(body.get(name), str) and body[name] for name in _FLAT[:3])
    return words_of(body) if flat or any(body.get(name) for name in _FLAT[3:]) else None


def message_in(data: bytes) -> str | None:
    """Return the error message in JSON text; `None` if it is not an error, not JSON, or nested too deeply."""
    try:
        return told(parsed(data))
    except (NotJSON, RecursionError):
        return None


def refuse_error(body: Json) -> None:
    """Raise `ErrorInStream` if a body or event is an error. Must be fast: it is called for each event."""
    if not _TELLTALES.isdisjoint(body) and (words := told(body)):
        raise ErrorInStream(words)


def without_blank_error(body: Any) -> Any:
    """Return a whole body, or a stream's `response`, without an error that says nothing, such as `{"message": "",
    "code": null}`: gateways in Go put one into every good answer. In an event, it is an error to openai too."""
    if isinstance(body, dict) and isinstance(error := body.get("error"), dict) and not any(error.values()):
        return {name: value for name, value in body.items() if name != "error"}
    return body


def words_of(error: Any) -> str:
    """Return an error object as one line of text: `kind: message`."""
    if isinstance(error, str):
        return error
    if isinstance(error, list):
        return "; ".join(words_of(item) for item in error[:10])
    if not isinstance(error, dict):
        return str(error)
    message = next((error[name] for name in _WORDS if error.get(name) and error[name] is not True), None)
    kind, raw = _kind(error), _raw(error)
    if message is None:
        return kind or json.dumps(error)
    text = words_of(message)
    if (field := _field(error)) and field not in text:
        text = f"{text} ({field})"
    return (f"{kind}: {text}" if kind and kind != text else text) + (f" ({raw})" if raw and raw != text else "")


def _kind(error: Json) -> str | None:
    """Return the error's kind: a word if there is one, otherwise its number."""
    kinds = [error[name] for name in _KINDS if error.get(name) not in (None, "", "error")]
    word = next((kind for kind in kinds if isinstance(kind, str) and not kind.isdecimal()), None)
    return word or next((str(kind) for kind in kinds if isinstance(kind, (str, int))), None)


def _field(error: Json) -> str | None:
    """Return the field of the request that the error is about: OpenAI's `param`, or where pydantic found it."""
    param, place = error.get("param"), error.get("loc")
    if isinstance(param, str):
        return param
    return ".".join(map(str, place)) if isinstance(place, list) else None


def _raw(error: Json) -> str | None:
    """Return the original error that OpenRouter passes on from the provider behind it."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return raw if isinstance(raw, str) else None
