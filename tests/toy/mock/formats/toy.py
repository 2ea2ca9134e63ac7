"""Toy's only API."""

import re
from collections.abc import Iterator

from mock.ask import Ask
from mock.formats import sse
from mock.formats.format import Format
from mock.formats.message import Headers, Json, Part
from mock.formats.utterance import Utterance


def talk(ask: Ask, said: Utterance) -> Json:
    """The words, and how the answer ended."""
    return {"words": said.text, **end(said)}


def events(ask: Ask, said: Utterance) -> Iterator[Part]:
    """Each word in an event, and then how the answer ended."""
    yield from (Part(at_s, sse.event({"words": piece})) for at_s, piece in said.said)
    yield Part(said.last_s, sse.event(end(said)))


def end(said: Utterance) -> Json:
    counts = {"in": said.input_tokens, "out": said.output_tokens, "cached": said.cached_tokens}
    return {"counts": counts, "ended": "length" if said.cut_short else "stop"}


def error(status: int, message: str) -> tuple[Headers, Json]:
    return [], {"error": {"message": message}}


FORMATS = (
    Format(
        name="toy talk",
        path=re.compile("/toy/talk"),
        plain=talk,
        events=events,
        error=error,
        stream_error=sse.event(error(500, "The toy is broken")[1]),
        prompt_fields=("question",),
        limit_fields=("most",),
        near=re.compile("/toy/.*"),
    ),
)
