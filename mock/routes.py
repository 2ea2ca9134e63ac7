"""From a path to its wire format."""

from functools import lru_cache
from urllib.parse import unquote

from mock.formats import anthropic, bedrock, gemini, openai, openai_responses
from mock.formats.format import Format

FORMATS: tuple[Format, ...] = (
    *openai.FORMATS,
    *openai_responses.FORMATS,
    *anthropic.FORMATS,
    *gemini.FORMATS,
    *bedrock.FORMATS,
)


@lru_cache
def route(path: str) -> tuple[Format, str] | None:
    """Return the format, and the model if the path names it, otherwise ""; `None` for an unknown path."""
    for format in FORMATS:
        if match := format.path.fullmatch(path):
            return format, unquote(match.groupdict().get("model") or "")
    return None


@lru_cache
def nearest(path: str) -> Format:
    """Return the format whose error answers an unknown path."""
    if path.startswith("/model/"):
        return bedrock.FORMATS[0]
    if ":" in path or "/projects/" in path:
        return gemini.FORMATS[0]
    if "/message" in path or path.endswith("/complete"):
        return anthropic.FORMATS[0]
    return openai.FORMATS[0]
