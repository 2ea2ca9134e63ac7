"""OpenAI's responses: https://platform.openai.com/docs/api-reference/responses"""

import re
from collections.abc import Iterable, Iterator
from itertools import count

from mock.ask import Ask
from mock.formats import sse
from mock.formats.format import Format
from mock.formats.message import Json, Part
from mock.formats.openai import PREFIX, error
from mock.formats.utterance import Utterance


def response(ask: Ask, said: Utterance) -> Json:
    """Return a whole `response`: completed, or incomplete at the token limit."""
    status = "incomplete" if said.cut_short else "completed"
    reason = {"reason": "max_output_tokens"} if said.cut_short else None
    done = {"status": status, "incomplete_details": reason, "output": output(said), "usage": usage(said)}
    return {**opening(ask, said), **done}


def opening(ask: Ask, said: Utterance) -> Json:
    """Return the `response` without output."""
    return {
        "id": f"resp_{said.id}",
        "object": "response",
        "created_at": said.created_s,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": ask.body.get("instructions"),
        "max_output_tokens": ask.max_tokens,
        "metadata": {},
        "model": ask.model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": ask.body.get("temperature", 1.0),
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
    }


def output(said: Utterance) -> list[Json]:
    return [reasoning_item(said), message_item(said)] if said.thoughts else [message_item(said)]


def reasoning_item(said: Utterance) -> Json:
    return {"id": f"rs_{said.id}", "type": "reasoning", "summary": [summary_part(said.reasoning)]}


def message_item(said: Utterance) -> Json:
    content = [text_part(said.text)]
    status = "incomplete" if said.cut_short else "completed"
    kind = {"type": "message", "role": "assistant"}
    return {"id": f"msg_{said.id}", **kind, "status": status, "content": content}


def summary_part(text: str) -> Json:
    return {"type": "summary_text", "text": text}


def text_part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def usage(said: Utterance) -> Json:
    return {
        "input_tokens": said.input_tokens,
        "input_tokens_details": {"cached_tokens": said.cached_tokens},
        "output_tokens": said.output_tokens,
        "output_tokens_details": {"reasoning_tokens": len(said.thoughts)},
        "total_tokens": said.input_tokens + said.output_tokens,
    }


def events(ask: Ask, said: Utterance) -> Iterator[Part]:
    """Yield the typed events, numbered in order."""
    numbers = count()
    for at_s, kind, fields in timeline(ask, said):
        data = {"type": f"response.{kind}", "sequence_number": next(numbers), **fields}
        yield Part(at_s, sse.event(data, f"response.{kind}"))


Timeline = Iterable[tuple[float, str, Json]]


def timeline(ask: Ask, said: Utterance) -> Timeline:
    """Yield each event's due time, type and fields. The first two are due at once, long before the first token."""
    started = {"response": opening(ask, said)}
    yield 0.0, "created", started
    yield 0.0, "in_progress", started
    if said.thoughts:
        yield from reasoning_timeline(said)
    yield from message_timeline(said)
    yield said.last_s, "incomplete" if said.cut_short else "completed", {"response": response(ask, said)}


def reasoning_timeline(said: Utterance) -> Timeline:
    """Yield the events of the reasoning item."""
    end_s = said.due_s[len(said.thoughts) - 1]
    item = {"item_id": f"rs_{said.id}", "output_index": 0, "summary_index": 0}
    empty = {**reasoning_item(said), "summary": []}
    yield said.first_s, "output_item.added", {"output_index": 0, "item": empty}
    yield said.first_s, "reasoning_summary_part.added", {**item, "part": summary_part("")}
    for at_s, piece in said.thought:
        yield at_s, "reasoning_summary_text.delta", {**item, "delta": piece}
    yield end_s, "reasoning_summary_text.done", {**item, "text": said.reasoning}
    yield end_s, "reasoning_summary_part.done", {**item, "part": summary_part(said.reasoning)}
    yield end_s, "output_item.done", {"output_index": 0, "item": reasoning_item(said)}


def message_timeline(said: Utterance) -> Timeline:
    """Yield the events of the message item."""
    start_s = said.due_s[min(len(said.thoughts), said.output_tokens - 1)]
    index = 1 if said.thoughts else 0
    part = {"item_id": f"msg_{said.id}", "output_index": index, "content_index": 0}
    empty = {**message_item(said), "status": "in_progress", "content": []}
    yield start_s, "output_item.added", {"output_index": index, "item": empty}
    yield start_s, "content_part.added", {**part, "part": text_part("")}
    for at_s, piece in said.said:
        yield at_s, "output_text.delta", {**part, "delta": piece, "logprobs": []}
    yield said.last_s, "output_text.done", {**part, "text": said.text, "logprobs": []}
    yield said.last_s, "content_part.done", {**part, "part": text_part(said.text)}
    yield said.last_s, "output_item.done", {"output_index": index, "item": message_item(said)}


FAILURE = {"type": "error", "code": "server_error", "message": "The server had an error", "param": None}

FORMATS = (
    Format(
        name="openai responses",
        path=re.compile(PREFIX + "/responses"),
        plain=response,
        events=events,
        error=error,
        stream_error=sse.event({**FAILURE, "sequence_number": 0}, "error"),
    ),
)
