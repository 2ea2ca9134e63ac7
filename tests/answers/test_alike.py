"""A stream read by a shortcut, events alike except for their text, gives the same parts as one read in full."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.answers import anthropic, converse, gemini, openai, reading
from providers.answers.alike import MOST_MISSES, Alike
from providers.call import Answer, Delta, ErrorInStream, MalformedAnswer

Event = tuple[str, bytes]
Reader = Callable[[Iterable[Any]], Answer]

TEXTS = st.text(max_size=6) | st.sampled_from(["", '"', "\\", "\n", "a", "stop", "content", "é", "日本", "\ud83d", "}"])
FINISHES = st.sampled_from([None, None, None, "stop", "length"])
USAGE = {"prompt_tokens": 3, "completion_tokens": 4}


def chat(text: str, finish: str | None, extra: int) -> Event:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return "", json.dumps({"choices": [choice], **({"usage": USAGE} if extra == 0 else {})}).encode()


def thought(text: str, finish: str | None, extra: int) -> Event:
    kind, key = ("thinking_delta", "thinking") if extra < 2 else ("text_delta", "text")
    body = {"type": "content_block_delta", "index": 0, "delta": {"type": kind, key: text}}
    return "content_block_delta", json.dumps(body, ensure_ascii=extra % 2 == 0).encode("utf-8", "replace")


def generated(text: str, finish: str | None, extra: int) -> Event:
    candidate = {"content": {"parts": [{"text": text, **({"thought": True} if extra == 1 else {})}]}}
    named = {"finishReason": finish.upper()} if finish else {}
    return "", json.dumps({"candidates": [{**candidate, **named}], "usageMetadata": {"n": extra // 3}}).encode()


def block(text: str, finish: str | None, extra: int) -> Event:
    return "contentBlockDelta", json.dumps({"delta": {"text": text}, "p": "a" * (extra // 3)}).encode()


def said(text: str, finish: str | None, extra: int) -> Event:
    kind = "response.reasoning_text.delta" if extra == 1 else "response.output_text.delta"
    return kind if extra % 2 else "", json.dumps({"type": kind, "delta": text, "n": extra // 3}).encode()


READERS: dict[str, tuple[Callable[[str, str | None, int], Event], Reader]] = {
    "openai": (chat, lambda bodies: openai.chat_stream(bodies, needs_done=False)),
    "anthropic": (thought, anthropic.message_stream),
    "gemini": (generated, gemini.content_stream),
    "converse": (block, converse.message_stream),
    "responses": (said, openai.response_stream),
}
KINDS_OF_PARTS = (b"functionCall", b"thoughtSignature", b"text")


def parts_of(read: Callable[[Iterable[Event], Reader], Answer], events: list[Event], reader: Reader) -> list[object]:
    """What is read from a stream, and the error that ended it."""
    parts: list[object] = []
    try:
        parts.extend(read(iter(events), reader))
    except MalformedAnswer as error:
        parts.append(str(error))
    return parts


@pytest.mark.parametrize("api", READERS)
@given(chunks=st.lists(st.tuples(TEXTS, FINISHES, st.integers(0, 5)), max_size=30))
def test_a_shortcut_changes_nothing(api: str, chunks: list[tuple[str, str | None, int]]) -> None:
    make, reader = READERS[api]
    events = [make(*chunk) for chunk in chunks]
    assert parts_of(reading.quick_stream, events, reader) == parts_of(reading.stream, events, reader)


@given(inner=st.binary(max_size=8))
def test_no_bytes_in_place_of_the_text_change_what_is_read(inner: bytes) -> None:
    begin, end = b'{"choices":[{"delta":{"content":"', b'"}}]}'
    events = [("", begin + b"first" + end), ("", begin + inner + end), ("", begin + b"last" + end)]
    reader = READERS["openai"][1]
    assert parts_of(reading.quick_stream, events, reader) == parts_of(reading.stream, events, reader)


def test_the_second_of_two_similar_events_is_not_parsed() -> None:
    alike = Alike()
    alike.learn("", b'{"content":"one"}', Delta("one", reasoning=True))
    assert alike.delta_of("", b'{"content":"other words"}') == Delta("other words", reasoning=True)
    assert alike.delta_of("named", b'{"content":"other"}') is None
    assert alike.delta_of("", b'{"content":"a","b":"c"}') is None


def test_an_event_that_repeats_its_text_gives_no_shortcut() -> None:
    alike = Alike()
    alike.learn("", b'{"id":"one","content":"one"}', Delta("one"))
    assert alike.delta_of("", b'{"id":"two","content":"one"}') is None


def test_an_event_whose_text_may_be_escaped_gives_no_shortcut() -> None:
    """The finish reason looks like the text, which is spelled `st\\u006fp`."""
    ends = [
        rb'{"choices":[{"finish_reason":"%s","delta":{"content":"st\u006fp"}}]}' % reason
        for reason in (b"stop", b"error")
    ]
    with pytest.raises(ErrorInStream, match="finish reason error"):
        list(reading.quick_stream([("", end) for end in ends], READERS["openai"][1]))


def test_events_that_differ_in_more_than_text_soon_end_the_shortcut() -> None:
    alike = Alike()
    for number in range(2 * MOST_MISSES):
        alike.learn("", b'{"n":%d,"content":"text"}' % number, Delta("text"))
    assert alike.delta_of("", b'{"n":%d,"content":"text"}' % (2 * MOST_MISSES - 1)) is None


@pytest.mark.parametrize(
    ("api", "events"),
    [
        ("gemini", [b'{"candidates":[{"content":{"parts":[{"%s":{"a":1}}]}}]}' % name for name in KINDS_OF_PARTS]),
        ("openai", [b'{"choices":[{"delta":{"%s":[1]}}]}' % name for name in (b"images", b"refused", b"content")]),
    ],
)
def test_a_name_that_stands_for_content_gives_no_shortcut(api: str, events: list[bytes]) -> None:
    reader = READERS[api][1]
    named = [("", event) for event in events]
    assert parts_of(reading.quick_stream, named, reader) == parts_of(reading.stream, named, reader)


def test_a_count_that_no_longer_is_of_the_whole_answer_is_not_kept_by_the_shortcut() -> None:
    events = [generated(str(number), None, 3 * number) for number in range(MOST_MISSES + 1)]
    events.append(("", b'{"candidates":[{"content":{"parts":[]}}],"usageMetadata":{"candidatesTokenCount":5}}'))
    events += [generated("more", None, 3 * MOST_MISSES), generated("", "stop", 0)]
    reader = READERS["gemini"][1]
    assert parts_of(reading.quick_stream, events, reader) == parts_of(reading.stream, events, reader)
