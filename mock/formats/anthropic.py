"""Anthropic's messages and legacy text completions: https://docs.anthropic.com/en/api/messages"""

import re
from collections.abc import Iterator

from mock.ask import Ask
from mock.formats import sse
from mock.formats.format import Format
from mock.formats.message import Headers, Json, Part
from mock.formats.utterance import Utterance

ERROR_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
SIGNATURE = "bW9jaw=="
Timeline = Iterator[tuple[float, Json]]


def message(ask: Ask, said: Utterance) -> Json:
    """Return a whole `message`."""
    text = {"type": "text", "text": said.text}
    thinking = {"type": "thinking", "thinking": said.reasoning, "signature": SIGNATURE}
    content = [thinking, text] if said.thoughts else [text]
    end = {"content": content, "stop_reason": stop_reason(said), "usage": usage(said, said.output_tokens)}
    return {**opening(ask, said), **end}


def opening(ask: Ask, said: Utterance) -> Json:
    """Return the `message` without content."""
    return {
        "id": f"msg_{said.id}",
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage(said, output_tokens=1),
    }


def usage(said: Utterance, output_tokens: int) -> Json:
    """Return the usage: `input_tokens` excludes cached tokens; thinking counts as output."""
    return {
        "input_tokens": said.input_tokens - said.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": said.cached_tokens,
        "output_tokens": output_tokens,
    }


def stop_reason(said: Utterance) -> str:
    return "max_tokens" if said.cut_short else "end_turn"


def message_events(ask: Ask, said: Utterance) -> Iterator[Part]:
    """Yield the same as named events."""
    for at_s, data in message_timeline(ask, said):
        yield Part(at_s, sse.event(data, data["type"]))


def message_timeline(ask: Ask, said: Utterance) -> Timeline:
    """Yield the events and when they are due; also used as the chunks of Bedrock's invoke."""
    yield said.first_s, {"type": "message_start", "message": opening(ask, said)}
    yield said.first_s, {"type": "ping"}
    if said.thoughts:
        yield from thinking_timeline(said)
    yield from text_timeline(said)
    delta = {"stop_reason": stop_reason(said), "stop_sequence": None}
    yield said.last_s, {"type": "message_delta", "delta": delta, "usage": usage(said, said.output_tokens)}
    yield said.last_s, {"type": "message_stop"}


def thinking_timeline(said: Utterance) -> Timeline:
    end_s = said.due_s[len(said.thoughts) - 1]
    yield said.first_s, block_start(0, {"type": "thinking", "thinking": "", "signature": ""})
    for at_s, piece in said.thought:
        yield at_s, block_delta(0, {"type": "thinking_delta", "thinking": piece})
    yield end_s, block_delta(0, {"type": "signature_delta", "signature": SIGNATURE})
    yield end_s, {"type": "content_block_stop", "index": 0}


def text_timeline(said: Utterance) -> Timeline:
    index = 1 if said.thoughts else 0
    start_s = said.due_s[min(len(said.thoughts), said.output_tokens - 1)]
    yield start_s, block_start(index, {"type": "text", "text": ""})
    for at_s, piece in said.said:
        yield at_s, block_delta(index, {"type": "text_delta", "text": piece})
    yield said.last_s, {"type": "content_block_stop", "index": index}


def block_start(index: int, block: Json) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": block}


def block_delta(index: int, delta: Json) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def completion(ask: Ask, said: Utterance) -> Json:
    """Return a legacy `completion`, which has no usage."""
    return completion_piece(ask, said, said.text, completion_stop_reason(said))


def completion_events(ask: Ask, said: Utterance) -> Iterator[Part]:
    """Yield the same in pieces; the last one is empty and has the stop reason."""
    for at_s, data in completion_timeline(ask, said):
        yield Part(at_s, sse.event(data, "completion"))


def completion_timeline(ask: Ask, said: Utterance) -> Timeline:
    """Yield the pieces and when they are due; also used as the chunks of Bedrock's invoke."""
    for at_s, piece in said.said:
        yield at_s, completion_piece(ask, said, piece, None)
    yield said.last_s, completion_piece(ask, said, "", completion_stop_reason(said))


def completion_piece(ask: Ask, said: Utterance, text: str, stop_reason: str | None) -> Json:
    stop = "\n\nHuman:" if stop_reason == "stop_sequence" else None
    piece = {"completion": text, "stop_reason": stop_reason, "stop": stop, "model": ask.model}
    return {"type": "completion", "id": f"compl_{said.id}", **piece, "log_id": f"compl_{said.id}"}


def completion_stop_reason(said: Utterance) -> str:
    return "max_tokens" if said.cut_short else "stop_sequence"


def error(status: int, message: str) -> tuple[Headers, Json]:
    """Return the error object that plain answers and streams share."""
    kind = ERROR_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return [], {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_mock"}


STREAM_ERROR = sse.event(error(529, "Overloaded")[1], "error")

FORMATS = (
    Format(
        name="anthropic messages",
        path=re.compile("(?:/anthropic)?/v1/messages"),
        plain=message,
        events=message_events,
        error=error,
        stream_error=STREAM_ERROR,
        id_header="request-id",
    ),
    Format(
        name="anthropic complete",
        path=re.compile("(?:/anthropic)?/v1/complete"),
        plain=completion,
        events=completion_events,
        error=error,
        stream_error=STREAM_ERROR,
        id_header="request-id",
    ),
)
