"""What reading an event costs, and that large events cost no more per byte than small ones, however they are cut."""

import time
from base64 import b64encode
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import orjson

from benchmarks.figures import Aim, spread
from benchmarks.plan import Plan
from benchmarks.tables import Table
from mock.formats import eventstream as encoder
from providers import bedrock_families
from providers.answers import converse, eventstream, openai, reading, sse
from providers.call import Answer

SMALL_BYTES, LARGE_BYTES = 1_000_000, 8_000_000
PIECE_BYTES = 1400
"""The payload of a packet."""

EVENTS = 2000
EVENT_US, LARGE_S, RATIO = Aim(15, at_most=True), Aim(1, at_most=True), Aim(2, at_most=True)
"""The ratio of a quadratic reader is 8."""


class Format(NamedTuple):
    """A stream format: how an event with a text is written, and how the pieces of a stream are read."""

    write: Callable[[str], bytes]
    read: Callable[[Iterable[bytes]], Answer]


def measure(plan: Plan) -> Table:
    """Read many small events, and one large event in packets."""
    table = Table(
        "Reading events",
        "CPU time in this process. Small: one token per event, one event per read. Large: one event of 8 MB in reads "
        f"of {PIECE_BYTES} bytes. Ratio: its cost per byte compared with an event of 1 MB.",
        ("format", "small, µs", "aim", "large, s", "aim", "ratio per byte", "aim"),
    )
    for name, form in FORMATS.items():
        small_us = spread(1e6 * _cost_s(form, [form.write("token")] * EVENTS) / EVENTS for _ in range(plan.repeats))
        pairs = [(_large_s(form, SMALL_BYTES), _large_s(form, LARGE_BYTES)) for _ in range(plan.repeats)]
        large_s = spread(large for _, large in pairs)
        ratio = spread(large / small * SMALL_BYTES / LARGE_BYTES for small, large in pairs)
        cells = [(small_us, EVENT_US), (large_s, LARGE_S), (ratio, RATIO)]
        table.rows.append([name, *(cell for value, aim in cells for cell in (value.text(), aim.judge(value)))])
    return table


def _large_s(form: Format, size_bytes: int) -> float:
    event = form.write("x" * size_bytes)
    return _cost_s(form, [event[at : at + PIECE_BYTES] for at in range(0, len(event), PIECE_BYTES)])


def _cost_s(form: Format, pieces: list[bytes]) -> float:
    began_s = time.process_time()
    for _ in form.read(pieces):
        pass
    return time.process_time() - began_s


def _chat_event(text: str) -> bytes:
    return b"data: " + orjson.dumps({"choices": [{"delta": {"content": text}, "finish_reason": None}]}) + b"\n\n"


def _chunk_event(text: str) -> bytes:
    chunk = orjson.dumps({"generation": text, "stop_reason": None})
    return encoder.event("chunk", {"bytes": b64encode(chunk).decode()})


def _converse_event(text: str) -> bytes:
    return encoder.event("contentBlockDelta", {"delta": {"text": text}})


def _read_sse(pieces: Iterable[bytes]) -> Answer:
    return reading.stream(sse.events(pieces), partial(openai.chat_stream, needs_done=False))


def _read_converse(pieces: Iterable[bytes]) -> Answer:
    return reading.stream(eventstream.events(pieces, ("contentBlockDelta",)), converse.message_stream)


def _read_llama(pieces: Iterable[bytes]) -> Answer:
    return bedrock_families.of("meta.llama").answer_stream(eventstream.events(pieces, ("chunk",)))


FORMATS = {
    "server-sent events, OpenAI": Format(_chat_event, _read_sse),
    "AWS event stream, converse": Format(_converse_event, _read_converse),
    "AWS event stream, invoke": Format(_chunk_event, _read_llama),
}
