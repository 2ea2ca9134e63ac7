"""The readers of answers: SSE and AWS frames however they are split, and each API's bodies as documented."""

import json
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import pairwise
from math import inf
from operator import eq
from struct import pack
from time import process_time
from typing import Any
from zlib import crc32

import httpx2
import orjson
import pytest
from botocore.eventstream import DuplicateHeader, EventStreamBuffer
from google.genai._api_client import HttpResponse
from google.genai.errors import UnknownApiResponseError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mock.formats import eventstream as encoder
from providers import bedrock_families
from providers.answers import anthropic, converse, eventstream, gemini, gemini_lines, openai, reading, sse
from providers.answers.content import LONGEST_INDEX, MOST_CHOICES, MOST_PARTS, merged
from providers.answers.document import Event, NotJSON, parsed, parsed_event
from providers.answers.eventstream import BadChecksum
from providers.answers.sse import BYTE_ORDER_MARK
from providers.call import Answer, Delta, ErrorInStream, Finish, IncompleteStream, MalformedAnswer, Part, Said, Usage
from tests.canned import Canned, answered, mocked
from wire.exchange import MOST_COMMAS, now

QUICKLY = settings(deadline=None, max_examples=100)
LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
TEXT = st.binary(max_size=12).map(lambda data: data.replace(b"\r", b"").replace(b"\n", b""))
OTHER_LINES = st.sampled_from([b": a comment", b":", b"id: 7", b"id", b"retry: 10", b"datax: no"])


def cuts_of(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """All ways of cutting bytes into pieces."""
    return st.lists(st.integers(0, len(data)), max_size=12).map(lambda at: pieces_of(data, sorted(at)))


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *cuts, len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


def in_two(data: bytes) -> Iterator[list[bytes]]:
    """All ways of cutting bytes in two, and the bytes one by one."""
    yield from (pieces_of(data, [at]) for at in range(1, len(data)))
    yield [data[at : at + 1] for at in range(len(data))]


# Server-sent events


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[Event]]:
    """A stream of events, and their names and data."""
    line_end = draw(LINE_ENDS)
    written, expected = draw(st.sampled_from([b"", BYTE_ORDER_MARK])), []
    for data_lines in draw(st.lists(st.lists(TEXT, max_size=3), max_size=5)):
        name = draw(st.sampled_from(["", "message", "error"]))
        lines = [(b"data: " if draw(st.booleans()) or text[:1] == b" " else b"data:") + text for text in data_lines]
        for line in [*draw(st.lists(OTHER_LINES, max_size=2)), *([f"event: {name}".encode()] if name else [])]:
            lines.insert(draw(st.integers(0, len(lines))), line)
        written += b"".join(line + line_end for line in [*lines, b""])
        if (data := b"\n".join(data_lines)) or name == "error":
            expected.append((name, data))
    return written, expected


@QUICKLY
@given(st.data(), streams())
def test_a_stream_gives_the_same_events_however_it_is_split(
    data: st.DataObject, stream: tuple[bytes, list[Event]]
) -> None:
    written, expected = stream
    assert events_of(data.draw(cuts_of(written))) == expected


def events_of(pieces: Iterable[bytes]) -> list[Event]:
    """The events of a stream, including one that contains only non-events."""
    events: list[Event] = []
    try:
        events += sse.events(pieces)
    except MalformedAnswer:
        assert not events
    return events


EVENTS = [
    b"event: ping\ndata: {}\n\n",
    b"\xef\xbb\xbfevent: note\n\n",
    b"event: error\n\n",
    b"data\n\n",
    b": keep-alive\n\n",
    b"data: one\ndata: two\nid: 1\n\n",
    b"\n\ndata:\xff\xfe\x80 \xe2\x82\n\n",
    b"data: [DONE]\n\n",
]
EXPECTED = [("ping", b"{}"), ("error", b""), ("", b"one\ntwo"), ("", b"\xff\xfe\x80 \xe2\x82"), ("", b"[DONE]")]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_a_stream_cut_at_any_byte_gives_the_same_events(line_end: bytes) -> None:
    written = b"".join(EVENTS).replace(b"\n", line_end)
    for pieces in in_two(written):
        assert list(sse.events(pieces)) == EXPECTED


def test_several_events_in_one_piece_come_one_by_one() -> None:
    assert list(sse.events([b"".join(EVENTS)])) == EXPECTED


def test_an_event_is_given_as_soon_as_its_empty_line_has_begun() -> None:
    taken: list[bytes] = []

    def pieces() -> Iterator[bytes]:
        yield b"data: 1\n\ndata: 2\r\n\r"
        assert taken == [b"1", b"2"]
        yield b"\ndata: 3\n"
        assert taken == [b"1", b"2"]
        yield b"\n"
        assert taken == [b"1", b"2", b"3"]

    for _, data in sse.events(pieces()):
        taken.append(data)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r", b"\r\n\r"])
def test_a_complete_last_event_counts_without_its_empty_line(end: bytes) -> None:
    first = b"data: whole\n\n"
    for data in (b'{"a": 1}', b"[DONE]", b"[DONE] "):
        assert list(sse.events([first + b"data: " + data + end])) == [("", b"whole"), ("", data)]
    cut_off = [("", b"whole"), ("", b'{"a": ')] if end == b"\r\n\r" else [("", b"whole")]
    assert list(sse.events([first + b'data: {"a": ' + end])) == cut_off


@pytest.mark.parametrize("body", [b'{"error": {"message": "upstream reset"}}', b'{"detail": "upstream reset"}'])
def test_an_error_outside_any_event_is_reported(body: bytes) -> None:
    for pieces in ([body], [b"data: 1\n\n" + body + b"\n"], [b"data: 1\n\n", body[:9], body[9:]]):
        with pytest.raises(ErrorInStream, match="upstream reset"):
            list(sse.events(pieces))


@pytest.mark.parametrize("start", [b"", b'data: {"choices": []}\n\n'])
@pytest.mark.parametrize("error", [b'{"error": "it died"}', b'{"error":\n "it died"}\n', b'[{"error": "it died"}]\n\n'])
def test_an_error_outside_any_event_is_reported_even_if_the_stream_stays_open(start: bytes, error: bytes) -> None:
    with pytest.raises(ErrorInStream, match="it died"):
        list(sse.events(left_open(start + error[:5], error[5:])))


@pytest.mark.parametrize(
    "line", [b"error", b"error:", b"error: null", b"error: {}", b'error: {"error": false}', b"error: 0"]
)
def test_a_field_named_error_without_an_error_is_ignored(line: bytes) -> None:
    """With one, it is an error event of llama.cpp."""
    assert list(sse.events([b"data: 1\n%s\n\ndata: 2\n\n" % line])) == [("", b"1"), ("", b"2")]


def test_what_is_not_an_event_stream_is_quoted() -> None:
    with pytest.raises(MalformedAnswer, match="not an event stream: “<!doctype html> <title>Sign in</title>”"):
        list(sse.events([b"<!doctype html>\n<title>Sign in</title>"]))


def left_open(*pieces: bytes) -> Iterator[bytes]:
    """A stream that sends nothing more and stays open."""
    yield from pieces
    pytest.fail("the reader waited for more")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", b"<!doctype html>\n<title>Sign in</title>"),
        ("text/event-stream", b"\n <html><body>Welcome"),
        ("", b'<?xml version="1.0"?><Error/>'),
        ("text/html; charset=utf-8", b"Service unavailable"),
        ("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("", b"\x1f\x8b\x08\0\0\0\0\0"),
        ("application/json", b'{"choices": []}'),
        ("text/event-stream", b'[{"candidates": []}]\n\n'),
        ("text/event-stream", b"x" * (1 << 17)),
        ("text/event-stream", b"no event\n\n" * (1 << 14)),
    ],
)
def test_what_cannot_be_an_event_stream_is_refused_even_if_it_stays_open(content_type: str, body: bytes) -> None:
    for pieces in ([body], [body[:9], *pieces_of(body[9:], list(range(0, len(body), 1000)))]):
        with pytest.raises(MalformedAnswer, match="not an event stream") as refusal:
            list(sse.events(left_open(*pieces), content_type))
        assert content_type.partition(";")[0] in str(refusal.value)


def test_an_event_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LARGEST_EVENT_BYTES", 2 << 20)
    pieces = [b'data: {"a": "', *[b"x" * 65536] * 33]
    with pytest.raises(MalformedAnswer, match=r"an event of over 2 MB: “data: \{.*x…”"):
        list(sse.events(left_open(*pieces)))


@pytest.mark.parametrize("line", [b"data: x\n", b": x\n", b"no_field\n"])
def test_an_event_of_more_lines_than_can_be_read_in_time_is_refused(line: bytes) -> None:
    with pytest.raises(MalformedAnswer, match="an event of over 100,000 lines: “"):
        list(sse.events([b"data: 1\n\n", line * 100_002, b"\n"]))
    if line.startswith(b"data: "):
        with pytest.raises(MalformedAnswer, match="an event of over 100,000 lines: “"):
            list(gemini_lines.events([b"data: 1\n\n", line * 100_001, b"data: 1\n", b"\n"]))


@pytest.mark.parametrize("content_type", ["text/html", "application/json", "image/png", "", "text/event-stream"])
@pytest.mark.parametrize("start", [b"", b": a comment\n\n", b"\n\n", b"id\n", b"retry: 1\n\n"])
def test_an_event_stream_is_read_whatever_its_content_type(content_type: str, start: bytes) -> None:
    for pieces in in_two(start + b"data: 1\n\n"):
        assert list(sse.events(pieces, content_type)) == [("", b"1")]


def test_an_escaped_line_feed_within_json_is_kept() -> None:
    assert list(sse.events([b'data: {"text": "a\\n\\nb"}\n\n'])) == [("", b'{"text": "a\\n\\nb"}')]


# Objects in place of events

BARE = [{"candidates": [{"content": {"parts": [{"text": text}]}}]} for text in ('{ "', "} \\\\", "é\u2028")]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n", b"\n\ndata: {}\n\n"])
def test_objects_without_data_are_events_however_they_are_split(indent: int | None, end: bytes) -> None:
    raw = b"".join(json.dumps(body, indent=indent, ensure_ascii=False).encode() + end for body in BARE)
    for pieces in in_two(b"\n" + raw):
        bodies = [orjson.loads(data) for _, data in gemini_lines.events(pieces)]
        assert [body for body in bodies if body] == BARE


def test_an_object_without_data_ends_with_its_piece_too() -> None:
    events = gemini_lines.events(left_open(b'{"a":', b' "{"}'))
    assert next(events) == ("", b'{"a": "{"}')


def test_an_object_that_is_cut_off_is_not_an_event() -> None:
    events = gemini_lines.events([b'{"a": 1}\n{"b": '])
    assert next(events) == ("", b'{"a": 1}')
    with pytest.raises(IncompleteStream, match=r'the stream ended within an object: “\{"b":”'):
        next(events)


@pytest.mark.parametrize("more", [b"x" * 65536, b'"a": {\n' * 8192], ids=["one line", "many lines"])
def test_an_object_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch, more: bytes) -> None:
    monkeypatch.setattr(gemini_lines, "LARGEST_EVENT_BYTES", 2 << 20)
    with pytest.raises(MalformedAnswer, match=r"an object of over (2 MB|100,000 lines): “\{.*…”"):
        list(gemini_lines.events(left_open(b"{", *[more] * 40)))


def test_a_line_of_strings_that_never_end_is_read_once() -> None:
    """Looking for the end of each one would take a minute."""
    started_at = now()
    with pytest.raises(IncompleteStream):
        list(gemini_lines.events([b'{"a": "' + b'\\"' * (1 << 17) + b"\n"]))
    assert now() - started_at < 5


GEMINI_LINES = st.sampled_from([
    b'data: {"a": 1}', b"data: {", b"data: }", b"data: ", b"data:", b'data: "\xff"', b"data: [DONE]",
    b'{"b": "', b'{"b": "} \\"', b'"}', b"{", b"}", b"[", b"]", b'"c": {}', b'{"d": {"e": "{"}}', b"[DONE]", b"[2]",
    b"null", b"3", b" ", b"\t", b": ping", b"event: message", b"id: 7", b"\xef\xbb\xbfdata: 1", b"\xff", b"",
    b' data: {"a": 1}',
])  # fmt: skip


def as_genai_reads(data: bytes) -> tuple[list[Any], bool]:
    """What google-genai's own reader makes of a stream, and whether it fails."""
    return until_failure(HttpResponse({}, httpx2.Response(200, content=iter([data]))).segments())


def until_failure(values: Iterator[Any]) -> tuple[list[Any], bool]:
    read: list[Any] = []
    try:
        read.extend(value for value in values)
    except (UnknownApiResponseError, MalformedAnswer, IncompleteStream, NotJSON):
        return read, True
    return read, False


@settings(deadline=None, max_examples=200)
@given(st.data(), st.lists(GEMINI_LINES | st.just(b'data: {"a": 1}\n\n'), max_size=8), LINE_ENDS)
@example(None, [b'data: {"a": 1}', b"{}", b""], b"\n")
@example(None, [b"}"], b"\n")
@example(None, [b"[DONE]", b'data: {"a": 1}'], b"\n")
@example(None, [b' data: {"a": 1}'], b"\n")
def test_a_gemini_stream_is_read_as_google_genai_reads_it(
    data: st.DataObject | None, lines: list[bytes], line_end: bytes
) -> None:
    """A failure can be reported sooner: as soon as it is certain."""
    written = b"\n".join(lines).replace(b"\n", line_end)
    expected, fails = as_genai_reads(written)
    pieces = data.draw(cuts_of(written)) if data else [written]
    bodies, failed = until_failure(parsed(data) for _, data in gemini_lines.events(pieces))
    assert failed == fails
    assert fails or len(bodies) == len(expected)
    assert all(map(eq, bodies, expected))


@pytest.mark.parametrize("count", [MOST_PARTS, MOST_PARTS + 1])
def test_one_event_or_answer_has_at_most_ten_thousand_parts(count: int) -> None:
    body = json.dumps({"choices": [{"delta": {"content": "x"}, "message": {"content": "x"}}] * count}).encode()
    for parts in (
        reading.quick_stream(iter([("", body)] * 3), partial(openai.chat_stream, needs_done=False)),
        reading.stream(iter([("", body)] * 3), partial(openai.chat_stream, needs_done=False)),
        reading.whole(body, openai.chat),
    ):
        read, failed = until_failure(parts)
        assert (len(read) >= count) == (count == MOST_PARTS)
        assert failed == (count > MOST_PARTS)


EMPTY = "{}," * (MOST_PARTS + 1) + "{}"


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (openai.chat, '{"choices": [%s]}'),
        (openai.chat, '{"choices": [{"message": {"tool_calls": [%s]}}]}'),
        (openai.chat, '{"choices": [{"message": {"reasoning_details": [%s]}}]}'),
        (openai.chat, '{"choices": [{"message": {"content": [{"thinking": [%s]}]}}]}'),
        (openai.response, '{"output": [%s]}'),
        (anthropic.message, '{"content": [%s]}'),
        (gemini.content, '{"candidates": [%s]}'),
        (converse.message, '{"output": {"message": {"content": [%s]}}}'),
    ],
)
def test_ten_thousand_items_are_the_limit_even_if_they_yield_nothing(read: Callable[[Any], Answer], body: str) -> None:
    with pytest.raises(MalformedAnswer, match="more than 10,000 parts"):
        list(reading.whole((body % EMPTY).encode(), read))


def test_an_integer_of_thousands_of_digits_is_no_number_to_count_with() -> None:
    most = sys.get_int_max_str_digits() * b"9"
    assert parsed(b"[Infinity, 12, %s, -%s]" % (most, most)) == [inf, 12, inf, -inf]


@pytest.mark.parametrize("sign", [b"", b"-"])
@pytest.mark.parametrize("read", [parsed, parsed_event, json.loads])
def test_an_integer_that_python_cannot_read_in_the_sdks_is_not_json(read: Callable[[bytes], Any], sign: bytes) -> None:
    digits = sign + sys.get_int_max_str_digits() * b"9"
    read(digits)
    with pytest.raises(ValueError, match="digits"):
        read(digits + b"9")


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_json_of_millions_of_values_is_not_parsed(start: bytes) -> None:
    body = start + b"[" + b"1," * MOST_COMMAS
    for read in (parsed, parsed_event):
        with pytest.raises(NotJSON, match="not JSON"):
            read(body[: len(start) + 1001])
        with pytest.raises(NotJSON, match="more than 2,000,000 commas"):
            read(body + b"1,1]")


# AWS event streams

FRAMES = [
    encoder.event("messageStart", {"role": "assistant"}),
    encoder.event("contentBlockDelta", {"delta": {"text": "Grüße"}, "contentBlockIndex": 0}),
    encoder.event("messageStop", {"stopReason": "end_turn"}),
]
FRAMED = [
    ("messageStart", orjson.dumps({"role": "assistant"})),
    ("contentBlockDelta", orjson.dumps({"delta": {"text": "Grüße"}, "contentBlockIndex": 0})),
    ("messageStop", orjson.dumps({"stopReason": "end_turn"})),
]


EVERY_TYPE = ("messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata", "chunk")


def frames_of(pieces: Iterable[bytes]) -> Iterator[Event]:
    return eventstream.events(pieces, EVERY_TYPE)


def test_the_frames_of_these_tests_are_frames_to_botocore() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(FRAMES))
    assert [(event.headers[":event-type"], event.payload) for event in buffer] == FRAMED


def test_frames_split_at_any_byte_give_the_same_events() -> None:
    for pieces in in_two(b"".join(FRAMES)):
        assert list(frames_of(pieces)) == FRAMED


@QUICKLY
@given(st.data(), st.lists(st.fixed_dictionaries({"text": st.sampled_from(["", "Grüße", "a" * 300])}), max_size=4))
def test_frames_give_the_same_events_however_they_are_split(
    data: st.DataObject, payloads: list[dict[str, str]]
) -> None:
    written = b"".join(encoder.event("chunk", payload) for payload in payloads)
    events = list(frames_of(data.draw(cuts_of(written))))
    assert events == [("chunk", orjson.dumps(payload)) for payload in payloads]


def test_any_flipped_bit_is_a_bad_checksum() -> None:
    first, second, _ = FRAMES
    for bit in range(8 * len(second)):
        broken = bytearray(second)
        broken[bit // 8] ^= 1 << bit % 8
        events = frames_of([first, bytes(broken), b"".join(FRAMES)])
        assert next(events) == FRAMED[0]
        with pytest.raises(BadChecksum):
            next(events)


def test_a_stream_that_ends_within_a_frame_is_incomplete() -> None:
    first, second, _ = FRAMES
    for size in range(1, len(second)):
        events = frames_of([first + second[:size]])
        assert next(events) == FRAMED[0]
        with pytest.raises(IncompleteStream):
            next(events)


def test_a_stream_that_ends_between_two_frames_is_left_to_its_reader() -> None:
    assert list(frames_of(FRAMES[:2])) == FRAMED[:2]


@pytest.mark.parametrize("body", [b"<html><body>Welcome</body></html>", b'{"choices": []}', b"\0" * 64])
def test_what_is_not_an_aws_event_stream_is_quoted(body: bytes) -> None:
    with pytest.raises(MalformedAnswer, match="not an AWS event stream"):
        list(frames_of([body]))


@pytest.mark.parametrize("body", [b'{"message": "no stream"}', b'{"error": "no stream"}', b'{"detail":"no stream"}'])
def test_an_error_instead_of_frames_is_reported_in_its_own_words(body: bytes) -> None:
    for pieces in in_two(body):
        with pytest.raises(ErrorInStream, match="no stream"):
            list(frames_of(pieces))


def test_an_error_instead_of_frames_is_reported_even_if_the_stream_stays_open() -> None:
    with pytest.raises(ErrorInStream, match="it died"):
        list(frames_of(left_open(b'{"message": "it', b' died"}')))


def prelude(size_bytes: int, headers_bytes: int) -> bytes:
    sizes = pack("!II", size_bytes, headers_bytes)
    return sizes + pack("!I", crc32(sizes))


IMPOSSIBLE_SIZES = [(25 << 20, 0), ((1 << 32) - 1, 0), (1 << 20, (128 << 10) + 1), (100, 85), (15, 0), (0, 0)]


@pytest.mark.parametrize("sizes", IMPOSSIBLE_SIZES)
def test_a_frame_of_an_impossible_size_is_refused_even_if_the_stream_stays_open(sizes: tuple[int, int]) -> None:
    for before in (b"", FRAMES[0]):
        with pytest.raises(MalformedAnswer, match="not a possible frame size"):
            list(frames_of(left_open(before + prelude(*sizes))))


@pytest.mark.parametrize("sizes", [((24 << 20) + 16, 0), ((24 << 20) + 16 + (128 << 10), 128 << 10)])
def test_a_frame_as_large_as_botocore_takes_is_waited_for(sizes: tuple[int, int]) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(prelude(*sizes))
    assert list(buffer) == []
    with pytest.raises(IncompleteStream):
        list(frames_of([prelude(*sizes)]))


@pytest.mark.parametrize(
    "body", [b"<html>Welcome</html>", b'{"output": {"message": {}}}', FRAMES[0][:8] + bytes(4), b"data: 1\n\ndata: 2"]
)
def test_what_is_not_an_aws_event_stream_is_refused_even_if_it_stays_open(body: bytes) -> None:
    with pytest.raises(MalformedAnswer, match="not an AWS event stream"):
        list(frames_of(left_open(body[:9], body[9:])))


def test_an_exception_event_is_an_error_with_its_name_and_message() -> None:
    events = frames_of([FRAMES[0], encoder.exception("throttlingException", "Too many requests")])
    assert next(events) == FRAMED[0]
    with pytest.raises(ErrorInStream, match=r"throttlingException.*Too many requests"):
        next(events)


def test_an_error_message_is_an_error_with_its_code() -> None:
    """An error that the model does not know comes without a payload: code and message are headers."""
    named = [(":message-type", "error"), (":error-code", "InternalError"), (":error-message", "An internal error")]
    frame = encoder.frame(b"".join(encoder.header(*pair) for pair in named), b"")
    with pytest.raises(ErrorInStream, match=r"InternalError.*An internal error"):
        list(frames_of([frame]))


UNTYPED: list[list[tuple[str, str]]] = [[], [(":message-type", "other")]]


@pytest.mark.parametrize("more", UNTYPED)
def test_a_frame_whose_message_type_is_missing_or_unknown_is_an_event_as_botocore_reads_it(
    more: list[tuple[str, str]],
) -> None:
    frame = encoder.frame(b"".join(encoder.header(*pair) for pair in [(":event-type", "chunk"), *more]), b"{}")
    assert list(frames_of([frame])) == [("chunk", b"{}")]


def test_a_frame_without_a_payload_is_an_empty_event_as_botocore_reads_it() -> None:
    frames = [encoder.frame(encoder.header(":event-type", "contentBlockStop"), b""), encoder.frame(b"", b"")]
    assert list(frames_of(frames)) == [("contentBlockStop", b"{}")]


@pytest.mark.parametrize("api", ["chat", "completions"])
@pytest.mark.parametrize("named", [b"", encoder.header(":event-type", "ping"), encoder.header(":event-type", "")])
def test_a_frame_of_an_unknown_type_is_skipped_unread_as_by_botocore(api: str, named: bytes) -> None:
    raw = mocked("aws-bedrock", api, stream=True)
    other = encoder.frame(named + encoder.header(":message-type", "event"), b"not JSON")
    expected = answered("aws-bedrock", api, Canned([raw], kind="application/vnd.amazon.eventstream"))
    for pieces in ([other, raw], [raw, other]):
        call = answered("aws-bedrock", api, Canned(pieces, kind="application/vnd.amazon.eventstream"))
        assert (call.error, call.content_events) == (None, expected.content_events)


TRUE, FOUR = b"\x01a\x00", b"\x01a\x06\x00\x044444"


@pytest.mark.parametrize("twice", [encoder.header(":event-type", "chunk") * 2, TRUE * 2, TRUE + FOUR])
def test_a_header_that_a_frame_has_twice_is_refused_as_by_botocore(twice: bytes) -> None:
    frame = encoder.frame(twice, b"{}")
    buffer = EventStreamBuffer()
    buffer.add_data(frame)
    with pytest.raises(DuplicateHeader):
        next(buffer)
    with pytest.raises(MalformedAnswer, match="the same header twice"):
        list(frames_of([frame]))


@pytest.mark.parametrize("name", [":exception-type", ":error-code"])
def test_a_frame_that_names_an_error_is_one_even_without_a_message_type(name: str) -> None:
    frame = encoder.frame(encoder.header(name, "throttlingException"), b'{"message": "Too many requests"}')
    with pytest.raises(ErrorInStream, match=r"throttlingException.*Too many requests"):
        list(frames_of([frame]))


def test_an_event_that_names_an_error_beside_its_type_is_an_event_as_it_is_to_botocore() -> None:
    headers = {":message-type": "event", ":event-type": "chunk", ":exception-type": "throttlingException"}
    frame = encoder.frame(b"".join(encoder.header(*header) for header in headers.items()), b'{"bytes": ""}')
    buffer = EventStreamBuffer()
    buffer.add_data(frame)
    assert next(buffer).to_response_dict()["status_code"] == 200
    assert list(frames_of([frame])) == [("chunk", b'{"bytes": ""}')]


# What the providers say

Body = dict[str, Any]
Reader = Callable[[Iterable[Body]], Answer]


def data_of(*events: Any) -> list[bytes]:
    return [event if isinstance(event, bytes) else orjson.dumps(event) for event in events]


def visible(parts: Iterable[Part]) -> list[Part]:
    """The parts without the deltas that have no text."""
    return [part for part in parts if not isinstance(part, Delta) or part.text]


def streamed(read: Reader, *events: Any) -> list[Part]:
    """What a reader makes of events without names: the parts without the deltas that have no text."""
    return visible(reading.stream((("", data) for data in data_of(*events)), read))


def chat_chunk(finish: str | None = None, **delta: Any) -> Body:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        "usage": None,
    }


OPENAI_USAGE = {
    "prompt_tokens": 2006,
    "completion_tokens": 300,
    "total_tokens": 2306,
    "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 128, "accepted_prediction_tokens": 0},
}
DEEPSEEK_USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 30,
    "total_tokens": 50,
    "prompt_tokens_details": {"cached_tokens": 0},
    "prompt_cache_hit_tokens": 16,
    "prompt_cache_miss_tokens": 4,
}
CHAT = [
    {"id": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
    chat_chunk(role="assistant", content=""),
    chat_chunk(content="Hel"),
    chat_chunk(content="lo"),
    chat_chunk("stop"),
]
LAST = {"id": "chatcmpl-1", "choices": [], "usage": OPENAI_USAGE}


def test_a_chat_stream_is_its_text_its_usage_and_its_finish() -> None:
    parts = streamed(openai.chat_stream, *CHAT, LAST, b"[DONE]")
    assert parts == [Delta("Hel"), Delta("lo"), Usage(2006, 300, 1920, 128), Finish("stop")]


@pytest.mark.parametrize(
    "events",
    [[*CHAT, LAST], CHAT, [*CHAT[:-1], b"[DONE]"], [b"[DONE]"], []],
    ids=["no DONE", "no DONE, no usage", "no finish_reason", "DONE alone", "nothing"],
)
def test_a_chat_stream_needs_both_its_finish_reason_and_its_done(events: list[Body | bytes]) -> None:
    assert not any(isinstance(part, Finish) for part in streamed(openai.chat_stream, *events))


@pytest.mark.parametrize("reasons", [("stop", "error"), ("error", "stop")])
@pytest.mark.parametrize("way", ["whole", "in one event", "one by one"])
def test_an_answer_of_several_choices_fails_if_one_of_them_does(way: str, reasons: tuple[str, str]) -> None:
    choices = [{"index": n, "delta": {"content": "x"}, "finish_reason": reason} for n, reason in enumerate(reasons)]
    events = [{"choices": choices}] if way == "in one event" else [{"choices": [choice]} for choice in choices]
    with pytest.raises(ErrorInStream, match="finish reason error"):
        list(openai.chat({"choices": choices})) if way == "whole" else streamed(openai.chat_stream, *events, b"[DONE]")


@pytest.mark.parametrize("reasons", [("STOP", "error"), ("error", "STOP")])
@pytest.mark.parametrize("way", ["whole", "one by one"])
def test_an_answer_of_several_candidates_fails_if_one_of_them_does(way: str, reasons: tuple[str, str]) -> None:
    candidates = [{"index": n, "finishReason": reason} for n, reason in enumerate(reasons)]
    events = [{"candidates": [candidate]} for candidate in candidates]
    with pytest.raises(ErrorInStream, match="finish reason error"):
        list(gemini.content({"candidates": candidates})) if way == "whole" else streamed(gemini.content_stream, *events)


@pytest.mark.parametrize("reasons", [("stop", None), (None, "stop")])
@pytest.mark.parametrize("way", ["whole", "in one event", "one by one"])
def test_an_answer_of_several_choices_is_cut_if_one_of_them_has_no_end(
    way: str, reasons: tuple[str | None, str | None]
) -> None:
    choices = [{"index": n, "delta": {"content": "x"}, "finish_reason": reason} for n, reason in enumerate(reasons)]
    candidates = [{"index": n, "finishReason": reason} for n, reason in enumerate(reasons)]
    if way == "whole":
        parts = [*openai.chat({"choices": choices}), *gemini.content({"candidates": candidates})]
    elif way == "in one event":
        parts = streamed(openai.chat_stream, {"choices": choices}, b"[DONE]")
        parts += streamed(gemini.content_stream, {"candidates": candidates})
    else:
        parts = streamed(openai.chat_stream, *({"choices": [choice]} for choice in choices), b"[DONE]")
        parts += streamed(gemini.content_stream, *({"candidates": [candidate]} for candidate in candidates))
    assert not any(isinstance(part, Finish) for part in parts)


@pytest.mark.parametrize("pieces", [(0, 1, 0), (1, 2, 3)], ids=["LiteLLM: of a block", "TGI: of a token"])
def test_one_choice_finishes_whatever_indices_a_gateway_gives_its_pieces(pieces: tuple[int, ...]) -> None:
    """https://github.com/BerriAI/litellm/issues/23178, https://github.com/huggingface/text-generation-inference/pull/1648"""
    chunks = [{"choices": [{"index": index, "delta": {"content": "x"}}]} for index in pieces[:-1]]
    last = {"choices": [{"index": pieces[-1], "delta": {}, "finish_reason": "stop"}]}
    assert finish_of(*chunks, last, asked=1) == Finish("stop")
    assert finish_of(*chunks, asked=1) is None
    assert finish_of(*chunks, last, asked=2) is None
    both = {"choices": [{"index": 7, "delta": {}, "finish_reason": "stop"}]}
    assert finish_of(*chunks, last, both, asked=2) == Finish("stop")


@pytest.mark.parametrize("index", [None, {"a": 1}, [0], "0"])
def test_an_index_that_is_none_costs_nothing(index: Any) -> None:
    choice = {"index": index, "delta": {"content": "x"}, "finish_reason": "stop"}
    assert finish_of({"choices": [choice]}, asked=1) == Finish("stop")


def finish_of(*chunks: Body, asked: int) -> Part | None:
    parts = streamed(partial(openai.chat_stream, asked=asked), *chunks, b"[DONE]")
    return next((part for part in parts if isinstance(part, Finish)), None)


def test_a_choice_that_has_ended_can_appear_again() -> None:
    """As Azure's asynchronous filter sends."""
    late: dict[str, Any] = {"choices": [{"index": 0, "finish_reason": None, "content_filter_results": {}}]}
    first, second = ({"choices": [{"index": n, "delta": {}, "finish_reason": "stop"}]} for n in range(2))
    assert streamed(openai.chat_stream, first, late, second, late, b"[DONE]") == [Finish("stop")]


def test_all_of_several_choices_is_content() -> None:
    choices = [{"message": {"content": text}, "finish_reason": "stop"} for text in "ab"]
    assert list(openai.chat({"choices": choices})) == [Delta("a"), Delta("b"), Finish("stop")]


@pytest.mark.parametrize("word", ["null", "None"])
def test_the_text_null_is_not_a_finish_reason(word: str) -> None:
    chunk = {"choices": [{"delta": {"content": "x"}, "finish_reason": word}]}
    assert streamed(openai.chat_stream, chunk, b"[DONE]") == [Delta("x")]


def test_what_comes_after_done_is_not_read() -> None:
    assert streamed(openai.chat_stream, *CHAT, b"[DONE]", b"not JSON")[-1] == Finish("stop")


def test_deepseek_has_separate_reasoning_text_and_its_own_name_for_the_cache() -> None:
    events = [chat_chunk(role="assistant", content=None, reasoning_content="Hm"), chat_chunk(content="Hi")]
    parts = streamed(openai.chat_stream, *events, {**chat_chunk("stop"), "usage": DEEPSEEK_USAGE}, b"[DONE]")
    assert parts == [Delta("Hm", reasoning=True), Delta("Hi"), Usage(20, 30, 16, None), Finish("stop")]


@pytest.mark.parametrize("details", [None, {}, {"cached_tokens": None}], ids=str)
def test_an_endpoint_without_usage_details_can_still_report_the_cache(details: Body | None) -> None:
    usage = {**DEEPSEEK_USAGE, "prompt_tokens_details": details, "completion_tokens_details": None}
    message = {"role": "assistant", "content": "Hi"}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
    assert Usage(20, 30, 16, None) in list(openai.chat(body))


def test_a_cache_miss_is_0_tokens_not_none() -> None:
    usage = {**OPENAI_USAGE, "prompt_tokens_details": {"cached_tokens": 0}}
    assert Usage(2006, 300, 0, 128) in streamed(openai.chat_stream, {**LAST, "usage": usage})


def test_a_refusal_and_a_tool_call_are_content() -> None:
    calls = [{"index": 0, "function": {"name": "f", "arguments": ""}}, {"index": 0, "function": {"arguments": "{"}}]
    events = [chat_chunk(content=None, refusal=""), *(chat_chunk(tool_calls=[call]) for call in calls)]
    parts = streamed(openai.chat_stream, *events, chat_chunk(refusal="No"), chat_chunk("tool_calls"), b"[DONE]")
    assert parts == [Delta("f"), Delta("{"), Delta("No"), Finish("tool_calls")]


def test_a_completion_stream_is_its_text_its_usage_and_its_finish() -> None:
    pieces = [{"choices": [{"text": text, "index": 0, "finish_reason": None}]} for text in ("Hel", "lo")]
    end = {"choices": [{"text": "", "index": 0, "finish_reason": "length"}]}
    parts = streamed(openai.chat_stream, *pieces, end, LAST, b"[DONE]")
    assert parts == [Delta("Hel"), Delta("lo"), Usage(2006, 300, 1920, 128), Finish("length")]


RESPONSES_USAGE = {
    "input_tokens": 37,
    "input_tokens_details": {"cached_tokens": 11},
    "output_tokens": 25,
    "output_tokens_details": {"reasoning_tokens": 8},
    "total_tokens": 62,
}
RESPONSE = [
    {"type": "response.created", "response": {"status": "in_progress", "usage": None}},
    {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "summary": []}},
    {"type": "response.reasoning_summary_text.delta", "delta": "Hm"},
    {"type": "response.output_text.delta", "output_index": 1, "delta": "Hi"},
    {"type": "response.output_text.done", "output_index": 1, "text": "Hi"},
]
RESPONSE_PARTS = [Delta("Hm", reasoning=True, partial=True), Delta("Hi")]


@pytest.mark.parametrize(
    ("kind", "details", "reason"),
    [("completed", None, "completed"), ("incomplete", {"reason": "max_output_tokens"}, "max_output_tokens")],
)
def test_a_response_stream_finishes_with_a_response(kind: str, details: Body | None, reason: str) -> None:
    end = {"status": kind, "incomplete_details": details, "usage": RESPONSES_USAGE}
    parts = streamed(openai.response_stream, *RESPONSE, {"type": f"response.{kind}", "response": end})
    assert parts == [*RESPONSE_PARTS, Usage(37, 25, 11, 8), Finish(reason)]


def test_a_response_stream_that_just_ends_is_unfinished() -> None:
    assert streamed(openai.response_stream, *RESPONSE) == RESPONSE_PARTS


RESPONSE_FAILED = {"status": "failed", "error": {"code": "server_error", "message": "The model failed"}}
OPENAI_ERROR = {"error": {"message": "The model failed", "type": "server_error", "code": None}}
ANTHROPIC_ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
GOOGLE_ERROR = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


@pytest.mark.parametrize(
    ("read", "event", "told"),
    [
        (openai.chat_stream, OPENAI_ERROR, "server_error: The model failed"),
        (openai.chat_stream, {"error": "out of memory"}, "out of memory"),
        (openai.chat_stream, {**OPENAI_ERROR, "choices": []}, "server_error: The model failed"),
        (
            openai.response_stream,
            {"type": "response.failed", "response": RESPONSE_FAILED},
            "server_error: The model failed",
        ),
        (openai.response_stream, {"type": "error", "code": "ERR", "message": "Went wrong"}, "ERR: Went wrong"),
        (anthropic.message_stream, ANTHROPIC_ERROR, "overloaded_error: Overloaded"),
        (anthropic.completion_stream, ANTHROPIC_ERROR, "overloaded_error: Overloaded"),
        (gemini.content_stream, GOOGLE_ERROR, "UNAVAILABLE: The model is overloaded."),
    ],
)
def test_an_error_in_a_stream_is_raised_with_its_kind_and_message(read: Reader, event: Body, told: str) -> None:
    with pytest.raises(ErrorInStream, match=told):
        streamed(read, event)


CONTRADICTIONS = [
    ("failed", {"status": "completed"}, "status is failed"),
    ("failed", {**RESPONSE_FAILED, "status": "in_progress"}, "server_error: The model failed"),
    ("completed", {**RESPONSE_FAILED, "status": "completed"}, "server_error: The model failed"),
    ("incomplete", {**RESPONSE_FAILED, "incomplete_details": {"reason": "max_output_tokens"}}, "server_error"),
    ("completed", {"status": "failed"}, "status is failed"),
]


@pytest.mark.parametrize(("kind", "response", "told"), CONTRADICTIONS)
def test_a_response_that_failed_in_any_way_failed(kind: str, response: Body, told: str) -> None:
    with pytest.raises(ErrorInStream, match=told):
        streamed(openai.response_stream, {"type": f"response.{kind}", "response": response})


MESSAGE_USAGE = {
    "input_tokens": 25,
    "cache_creation_input_tokens": 100,
    "cache_read_input_tokens": 1000,
    "output_tokens": 1,
}
MESSAGE: list[Body] = [
    {"type": "message_start", "message": {"role": "assistant", "content": [], "usage": MESSAGE_USAGE}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "Eq=="}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 15}},
]
MESSAGE_TEXT = [Delta("Hm", reasoning=True, partial=True), Delta("Hi")]
TOOL_INPUT = Delta("{")
MESSAGE_STOP = {"type": "message_stop"}
NEW_KINDS: list[Body] = [{"type": "a_kind_of_next_year", "surprise": 1}]


def test_a_message_streams_usage_is_joined_from_its_start_and_its_end() -> None:
    parts = streamed(anthropic.message_stream, *MESSAGE, MESSAGE_STOP)
    assert parts == [*MESSAGE_TEXT, TOOL_INPUT, Usage(1125, 15, 1000, None), Finish("end_turn")]


def test_a_later_count_of_a_message_stream_replaces_an_earlier_one_but_null_does_not() -> None:
    later = {"input_tokens": 30, "cache_read_input_tokens": None, "output_tokens": 15}
    events = [*MESSAGE[:-1], {**MESSAGE[-1], "usage": later}, MESSAGE_STOP]
    assert Usage(1130, 15, 1000, None) in streamed(anthropic.message_stream, *events)


def test_a_message_that_has_not_begun_does_not_stop() -> None:
    assert streamed(anthropic.message_stream, MESSAGE_STOP) == []
    assert streamed(anthropic.message_stream, *MESSAGE[:1], MESSAGE_STOP)[-1] == Finish(None)


def test_unknown_events_are_ignored() -> None:
    parts = streamed(anthropic.message_stream, *NEW_KINDS, *MESSAGE, *NEW_KINDS, MESSAGE_STOP)
    assert parts[-1] == Finish("end_turn")
    assert streamed(openai.response_stream, *NEW_KINDS, *RESPONSE) == RESPONSE_PARTS


def test_a_message_stream_without_its_stop_is_unfinished() -> None:
    assert streamed(anthropic.message_stream, *MESSAGE) == [*MESSAGE_TEXT, TOOL_INPUT]


def test_a_legacy_completion_stream_finishes_with_its_stop_reason() -> None:
    pieces: list[Body] = [{"type": "completion", "completion": text, "stop_reason": None} for text in (" Hel", "lo")]
    end = {"type": "completion", "completion": "", "stop_reason": "stop_sequence", "stop": "\n\nHuman:"}
    text = [Delta(" Hel"), Delta("lo")]
    assert streamed(anthropic.completion_stream, *pieces, {"type": "ping"}, end) == [
        *text,
        Finish("stop_sequence"),
    ]
    assert streamed(anthropic.completion_stream, *pieces) == text


def gemini_body(text: str, finish: str | None = None, **part: Any) -> Body:
    candidate: Body = {"content": {"parts": [{"text": text, **part}], "role": "model"}, "index": 0}
    return {"candidates": [{**candidate, "finishReason": finish} if finish else candidate]}


GEMINI_USAGE = {
    "promptTokenCount": 100,
    "cachedContentTokenCount": 60,
    "candidatesTokenCount": 20,
    "thoughtsTokenCount": 30,
    "totalTokenCount": 150,
}


def test_a_gemini_streams_last_usage_counts_and_thoughts_are_output() -> None:
    events = [
        {**gemini_body("Hm", thought=True), "usageMetadata": {"promptTokenCount": 100, "thoughtsTokenCount": 1}},
        gemini_body("Hi"),
        {**gemini_body("!", "STOP"), "usageMetadata": GEMINI_USAGE},
    ]
    parts = streamed(gemini.content_stream, *events)
    assert parts == [
        Delta("Hm", True, True), Delta("Hi"), Delta("!"), Usage(100, 50, 60, 30), Finish("STOP")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"promptTokenCount": 5, "thoughtsTokenCount": 7}, Usage(5, 7, None, 7)),
        ({"promptTokenCount": 5, "candidatesTokenCount": 3}, Usage(5, 3, None, None)),
        ({"promptTokenCount": 5}, Usage(5, None, None, None)),
    ],
)
def test_counts_that_gemini_leaves_out_are_zero(usage: Body, expected: Usage) -> None:
    body = {**gemini_body("Hi", "MAX_TOKENS"), "usageMetadata": usage}
    assert visible(gemini.content(body)) == [Delta("Hi"), expected, Finish("MAX_TOKENS")]


def test_a_gemini_stream_without_a_finish_reason_is_unfinished() -> None:
    assert streamed(gemini.content_stream, gemini_body("Hi")) == [Delta("Hi")]


BLOCKED = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 5}}


def test_a_blocked_prompt_is_an_error_with_its_reason() -> None:
    with pytest.raises(ErrorInStream, match="blocked: SAFETY"):
        streamed(gemini.content_stream, BLOCKED)
    with pytest.raises(ErrorInStream, match="blocked: SAFETY"):
        list(gemini.content(BLOCKED))


CONVERSE_USAGE = {
    "inputTokens": 30,
    "outputTokens": 628,
    "totalTokens": 758,
    "cacheReadInputTokens": 60,
    "cacheWriteInputTokens": 40,
}
CONVERSE: list[tuple[str, Body]] = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"delta": {"reasoningContent": {"text": "Hm"}}, "contentBlockIndex": 0}),
    ("contentBlockDelta", {"delta": {"reasoningContent": {"signature": "Eq=="}}, "contentBlockIndex": 0}),
    ("contentBlockDelta", {"delta": {"text": "Hi"}, "contentBlockIndex": 1}),
    ("contentBlockDelta", {"delta": {"toolUse": {"input": "{"}}, "contentBlockIndex": 2}),
    ("contentBlockStop", {"contentBlockIndex": 1}),
]
CONVERSE_END: list[tuple[str, Body]] = [
    ("messageStop", {"stopReason": "end_turn"}),
    ("metadata", {"usage": CONVERSE_USAGE, "metrics": {"latencyMs": 1275}}),
]
CONVERSE_SAYS = Said({"metrics.latencyMs": 1275})


def conversed(*events: tuple[str, Body]) -> list[Part]:
    frames = ((kind, orjson.dumps(payload)) for kind, payload in events)
    return visible(reading.stream(frames, converse.message_stream))


def test_a_converse_streams_usage_comes_after_its_finish_and_includes_the_cache() -> None:
    parts = conversed(*CONVERSE, *CONVERSE_END)
    assert parts == [*MESSAGE_TEXT, TOOL_INPUT, Finish("end_turn"), Usage(130, 628, 60, None), CONVERSE_SAYS]


def test_a_converse_stream_without_its_stop_is_unfinished() -> None:
    assert conversed(*CONVERSE, CONVERSE_END[1]) == [
        *MESSAGE_TEXT,
        TOOL_INPUT,
        Usage(130, 628, 60, None),
        CONVERSE_SAYS,
    ]


# Whole answers


def test_a_whole_message_adds_its_cache_to_the_input() -> None:
    content = [{"type": "thinking", "thinking": "Hm", "signature": "Eq=="}, {"type": "text", "text": "Hi"}]
    body = {"content": content, "stop_reason": "end_turn", "usage": MESSAGE_USAGE}
    assert visible(anthropic.message(body)) == [*MESSAGE_TEXT, Usage(1125, 1, 1000, None), Finish("end_turn")]


def test_a_whole_converse_answer_adds_its_cache_to_the_input() -> None:
    content = [{"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "Eq=="}}}, {"text": "Hi"}]
    body = {"output": {"message": {"content": content}}, "stopReason": "end_turn", "usage": CONVERSE_USAGE}
    assert visible(converse.message(body)) == [*MESSAGE_TEXT, Usage(130, 628, 60, None), Finish("end_turn")]


def test_a_whole_gemini_answer_adds_its_thoughts_to_the_output() -> None:
    body = {**gemini_body("Hi", "STOP"), "usageMetadata": GEMINI_USAGE}
    assert visible(gemini.content(body)) == [Delta("Hi"), Usage(100, 50, 60, 30), Finish("STOP")]


def test_a_whole_response_has_its_reasoning_before_its_text() -> None:
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]},
    ]
    body = {"status": "completed", "incomplete_details": None, "output": output, "usage": RESPONSES_USAGE}
    assert visible(openai.response(body)) == [*RESPONSE_PARTS, Usage(37, 25, 11, 8), Finish("completed")]


@pytest.mark.parametrize("status", ["in_progress", "queued"])
def test_a_response_that_is_neither_completed_nor_incomplete_is_unfinished(status: str) -> None:
    body: Body = {"status": status, "incomplete_details": None, "output": [], "usage": None}
    assert list(openai.response(body)) == []


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_response_that_failed_is_an_error(status: str) -> None:
    with pytest.raises(ErrorInStream, match=status):
        list(openai.response({"status": status, "incomplete_details": None, "output": [], "usage": None}))


# Bedrock's invoke: the chunks of a family, and Bedrock's own counts in the last

METRICS = {"inputTokenCount": 30, "outputTokenCount": 15, "invocationLatency": 900, "firstByteLatency": 300}
INVOKE_SAYS = Said(
    {
        f"{bedrock_families.METRICS}.invocationLatency": 900,
        f"{bedrock_families.METRICS}.firstByteLatency": 300,
    }
)
CACHE_METRICS = {**METRICS, "cacheReadInputTokenCount": 60, "cacheWriteInputTokenCount": 40}


def invoked(model: str, chunks: Iterable[Body], metrics: Body | None) -> list[Part]:
    """Read chunks as `invoke_model_with_response_stream` sends them."""
    *before, last = chunks
    ended = {**last, bedrock_families.METRICS: metrics} if metrics else last
    wrapped = [{"bytes": b64encode(orjson.dumps(chunk)).decode()} for chunk in [*before, ended]]
    return visible(bedrock_families.of(model).answer_stream(("chunk", orjson.dumps(event)) for event in wrapped))


def test_bedrocks_own_counts_include_the_cache() -> None:
    parts = invoked("meta.llama3-70b", [{"generation": "Hi", "stop_reason": "stop"}], CACHE_METRICS)
    assert parts == [Delta("Hi"), Finish("stop"), INVOKE_SAYS, Usage(130, 15, 60, None)]


LLAMA_CHUNKS: list[Body] = [
    {"generation": "He", "prompt_token_count": 25, "generation_token_count": 1, "stop_reason": None},
    {"generation": "llo", "prompt_token_count": None, "generation_token_count": 2, "stop_reason": None},
    {"generation": "", "prompt_token_count": None, "generation_token_count": 3, "stop_reason": "stop"},
]
TITAN_CHUNKS: list[Body] = [
    {"outputText": "He", "index": 0, "totalOutputTextTokenCount": None, "completionReason": None},
    {"outputText": "llo", "totalOutputTextTokenCount": 3, "completionReason": "FINISH", "inputTextTokenCount": 25},
]
FAMILIES_COUNTS: dict[str, tuple[list[Body], Body]] = {
    "meta.llama3-70b": (LLAMA_CHUNKS, {**LLAMA_CHUNKS[0], **LLAMA_CHUNKS[-1], "prompt_token_count": 25}),
    "amazon.titan-text-express-v1": (
        TITAN_CHUNKS,
        {
            "inputTextTokenCount": 25,
            "results": [{"tokenCount": count, "outputText": "He", "completionReason": "FINISH"} for count in (1, 2)],
        },
    ),
}


@pytest.mark.parametrize("model", FAMILIES_COUNTS)
def test_a_familys_own_counts_are_read_where_bedrocks_are_missing(model: str) -> None:
    """As behind a proxy that hands on the body alone."""
    chunks, whole = FAMILIES_COUNTS[model]
    for metrics in (None, METRICS):
        *_, last = invoked(model, chunks, metrics)
        assert last == Usage(25, 3)
    *_, last = bedrock_families.of(model).answer(orjson.dumps(whole), {})
    assert last == Usage(25, 3)


def test_a_sum_that_lacks_an_answers_count_is_none() -> None:
    listed = [{"tokenCount": count, "outputText": "He", "completionReason": "FINISH"} for count in (1, None)]
    body = orjson.dumps({"inputTextTokenCount": 25, "results": listed})
    for headers, output in (({}, None), ({"x-amzn-bedrock-output-token-count": "3"}, 3)):
        *_, last = bedrock_families.of("amazon.titan-text-express-v1").answer(body, headers)
        assert last == Usage(25, output)


def test_a_stream_without_bedrocks_counts_has_only_its_own_usage() -> None:
    assert invoked("meta.llama3-70b", [{"generation": "Hi", "stop_reason": "stop"}], None) == [
        Delta("Hi"),
        Finish("stop"),
    ]
    usages = [part for part in invoked("anthropic.claude-3", [*MESSAGE, MESSAGE_STOP], None) if isinstance(part, Usage)]
    assert usages == [Usage(1125, 15, 1000, None)]


def test_a_claudes_cache_counts_survive_bedrock_counts_without_them() -> None:
    silent = {"inputTokenCount": 25, "outputTokenCount": 15}
    usages = [
        part for part in invoked("anthropic.claude-3", [*MESSAGE, MESSAGE_STOP], silent) if isinstance(part, Usage)
    ]
    assert usages[-1] == Usage(1125, 15, 1000, None)


def test_a_nova_sends_converse_events_in_chunks() -> None:
    parts = invoked("amazon.nova-lite-v1:0", [{kind: event} for kind, event in [*CONVERSE, *CONVERSE_END]], None)
    assert parts == [*MESSAGE_TEXT, TOOL_INPUT, Finish("end_turn"), CONVERSE_SAYS, Usage(130, 628, 60, None)]


NOVAS_USAGE = {
    "inputTokens": 30,
    "outputTokens": 628,
    "totalTokens": 758,
    "cacheReadInputTokenCount": 60,
    "cacheWriteInputTokenCount": 40,
}


@pytest.mark.parametrize("metrics", [None, CACHE_METRICS])
def test_a_novas_input_includes_the_cache_under_novas_own_names(metrics: Body | None) -> None:
    chunks: list[Body] = [{"messageStop": {"stopReason": "end_turn"}}, {"metadata": {"usage": NOVAS_USAGE}}]
    assert invoked("amazon.nova-lite-v1:0", chunks, metrics)[-1] == Usage(130, 628, 60, None)
    body = {"output": {"message": {"content": [{"text": "Hi"}]}}, "stopReason": "end_turn", "usage": NOVAS_USAGE}
    counts = {} if metrics is None else {"x-amzn-bedrock-cache-read-input-token-count": "60"}
    whole = bedrock_families.of("amazon.nova-lite-v1:0").answer(orjson.dumps(body), counts)
    assert list(whole)[-1] == Usage(130, 628, 60, None)


def test_what_else_a_novas_chunk_has_is_passed_over_whatever_its_type() -> None:
    chunks: list[Body] = [
        {"type": "a", "trace": 5, "contentBlockDelta": {"delta": {"text": "Hi"}}},
        {"messageStop": {"stopReason": "stop"}},
    ]
    assert invoked("amazon.nova-lite-v1:0", chunks, None) == [Delta("Hi"), Finish("stop")]
    with pytest.raises(MalformedAnswer):
        invoked("amazon.nova-lite-v1:0", [{"contentBlockDelta": "Hi"}], None)


def test_an_unknown_family_finishes_when_its_body_ends() -> None:
    assert invoked("acme.novel-v1", [{"outputText": "Hel"}, {"completion": "lo"}, {"done": True}], METRICS) == [
        Delta("Hel"), Delta("lo"), Finish(None), INVOKE_SAYS, Usage(30, 15, None, None)
    ]  # fmt: skip


def test_an_empty_answer_of_an_unknown_family_is_unfinished() -> None:
    assert invoked("acme.novel-v1", [{}], None) == []


def test_an_exception_of_aws_without_a_message_is_an_error() -> None:
    with pytest.raises(ErrorInStream, match="ThrottlingException"):
        invoked("acme.novel-v1", [{"__type": "com.amazon.coral#ThrottlingException"}], None)


def test_an_error_of_an_unknown_family_is_an_error() -> None:
    with pytest.raises(ErrorInStream, match="out of memory"):
        invoked("acme.novel-v1", [{"text": "Hi"}, {"error": "out of memory"}], None)


ALMOST_JSON = b'{"a":[' + b"{}," * 20_000 + b"{}]]"


@pytest.mark.parametrize(
    ("read", "pieces"),
    [
        (sse.events, [ALMOST_JSON, *[b"}"] * 100]),
        (sse.events, [ALMOST_JSON + b"\n\n", *[b":\n\n"] * 100]),
        (sse.events, [b"data: {}\n\n" + ALMOST_JSON + b"\n\n", *[b":\n\n"] * 100]),
        (gemini_lines.events, [ALMOST_JSON + b"\n}", *[b"[]"] * 100]),
        (gemini_lines.events, [b'{"":"' + b'""' * 30_000 + b'"}', *[b"{}"] * 100]),
        (partial(eventstream.events, known=()), [b"[" + ALMOST_JSON, *[b"}"] * 100]),
    ],
)
def test_a_text_that_looks_whole_at_each_read_is_not_parsed_each_time(
    read: Callable[[Iterable[bytes]], Iterator[Event]], pieces: list[bytes]
) -> None:
    def cost_s(pieces: list[bytes]) -> float:
        began_s = process_time()
        with suppress(MalformedAnswer, IncompleteStream):
            list(read(pieces))
        return process_time() - began_s

    parsing_s = min(cost_s(pieces[:1]) for _ in range(3))
    assert min(cost_s(pieces) for _ in range(3)) < 20 * parsing_s


def test_counts_of_unknown_names_are_not_kept() -> None:
    """They would be copied for each event that has more."""
    usage = {**{f"unknown_{number}": number for number in range(1_000)}, "input_tokens": 3}
    counts = merged({"output_tokens": 4}, usage, anthropic.COUNTS)
    assert counts == {"input_tokens": 3, "output_tokens": 4}


@pytest.mark.parametrize("indices", [range(MOST_CHOICES + 1), ["a" * (LONGEST_INDEX + 1)], [10 ** (LONGEST_INDEX + 1)]])
def test_choices_fill_no_memory(indices: Iterable[Any]) -> None:
    events = ({"choices": [{"index": index, "delta": {}}]} for index in indices)
    with pytest.raises(MalformedAnswer, match="more than 100,000 choices, or one of an endless index"):
        list(openai.chat_stream(events))
