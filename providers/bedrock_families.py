"""The dialects of model families in `invoke_model`. https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html

A stream finishes with its family's finish reason, or, in an unknown family, with a complete body with valid checksums.
Many families use OpenAI's chat format without the `[DONE]`.
"""

from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

from providers.answers import anthropic, converse, openai, reading
from providers.answers.content import Choices, called, counts_of, few, reason_of, text_of
from providers.answers.document import SURPRISES, Event, parsed_event, quoted
from providers.call import Answer, Delta, Finish, Json, MalformedAnswer, Said, Usage, counted, total
from providers.prompt import Prompt, dialogue, flattened, messages, turns
from providers.settings import DEMANDED_MAX_TOKENS

Path = tuple[str | int, ...]
Counts = dict[str, int | None]
Reader = Callable[..., Answer]

CHUNKS = reading.Dialect(has_done=False)
METRICS = "amazon-bedrock-invocationMetrics"
MOST_DIGITS = 20
"""A count with more digits is invalid; Python refuses to convert one with thousands."""

NOWHERE: Path = ("",)


class Paths(NamedTuple):
    """Where an answer has its text, its finish reason, and its counts of tokens of the prompt and of the text."""

    text: Path
    finish: Path
    input: Path = NOWHERE
    output: Path = NOWHERE


@dataclass(frozen=True, slots=True)
class Family:
    """A family's dialect: its requests, and how to read its answers.

    mark            the part of a model id that identifies the family
    shape           of the request's body, with placeholders such as PROMPT and MAX_TOKENS
    whole           reads the body of a whole answer
    chunks          reads the chunks of a stream
    has_choices     whether `chunks` must know how many choices were asked for
    limit_demanded  whether a request without a token limit would be refused
    """

    mark: str
    shape: Json
    whole: Callable[[Json], Answer]
    chunks: Reader
    has_choices: bool = False
    limit_demanded: bool = False

    def request(self, prompt: Prompt, temperature: float | None, max_tokens: int | None) -> Json:
        """Return the body for one prompt, without the options that are `None`."""
        limit = max_tokens or (DEMANDED_MAX_TOKENS if self.limit_demanded else None)
        values = {
            PROMPT: flattened(prompt),
            CLAUDE_PROMPT: dialogue(prompt, user="Human"),
            MESSAGES: messages(prompt),
            TURNS: turns(prompt),
            BLOCKS: blocks(prompt),
            SYSTEM: prompt.system,
            SYSTEM_BLOCKS: [{"text": prompt.system}] if prompt.system else None,
            LAST_TURN: prompt.payload,
            EARLIER_TURNS: _earlier(prompt) or None,
            TEMPERATURE: temperature,
            MAX_TOKENS: limit,
        }
        filled: Json = _fill(self.shape, values)
        return filled

    def answer(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Read a whole answer. Bedrock's own token counts are in headers, the same for all families."""
        counts = {name: _number(headers.get(f"x-amzn-bedrock-{_HEADERS[name]}-token-count")) for name in _HEADERS}
        return _counted(reading.whole(body, self.whole), Measured(counts))

    def answer_stream(self, events: Iterable[Event], asked: int | None = None) -> Answer:
        """Read a stream of `chunk` events. Bedrock's own token counts and times come with the last one.

        asked  how many choices the request asked for; `None` if unknown
        """
        measured = Measured({})
        chunks = partial(self.chunks, asked=asked) if self.has_choices else self.chunks
        parts = reading.stream(_unwrapped(events), lambda bodies: chunks(measured.taken_from(bodies)), CHUNKS)
        return _counted(parts, measured)


@dataclass(slots=True)
class Measured:
    """What Bedrock itself measured of an answer.

    is_last  whether no chunk has followed the one with the counts
    """

    counts: Counts
    times: Json = field(default_factory=dict)
    is_last: bool = True

    def taken_from(self, chunks: Iterable[Json]) -> Iterator[Json]:
        """Yield the chunks without Bedrock's own metrics, which are kept here."""
        for chunk in chunks:
            self.is_last = METRICS in chunk
            if self.is_last:
                self._take(counts_of(chunk.pop(METRICS)))
            yield chunk

    def _take(self, metrics: Json) -> None:
        names = {name: f"{name}TokenCount" for name in _HEADERS}
        self.counts |= {name: metrics[field] for name, field in names.items() if field in metrics}
        self.times |= {f"{METRICS}.{name}": metrics[name] for name in _TIMES if name in metrics}


_HEADERS = {
    "input": "input",
    "output": "output",
    "cacheReadInput": "cache-read-input",
    "cacheWriteInput": "cache-write-input",
}
_TIMES = ("invocationLatency", "firstByteLatency")
_COUNTS = attrgetter(*(each.name for each in fields(Usage)))


def of(model: str) -> Family:
    """Return the family of a model id, which can have a region prefix or be an ARN."""
    return next((family for family in _FAMILIES if family.mark in model), UNKNOWN)


def blocks(prompt: Prompt) -> list[Json]:
    """Return a prompt's turns as converse and Nova take them."""
    return [{"role": turn.role, "content": [{"text": turn.text}]} for turn in prompt.turns]


def _earlier(prompt: Prompt) -> list[Json]:
    """Return the turns before the last one as Command R takes them."""
    roles = {"user": "USER", "assistant": "CHATBOT"}
    return [{"role": roles[turn.role], "message": turn.text} for turn in prompt.turns[:-1]]


def _unwrapped(events: Iterable[Event]) -> Iterator[Event]:
    """Yield each frame's content: the family's JSON, encoded in base64. `[DONE]` ends nothing: botocore reads on, to
    Bedrock's counts and to errors."""
    for _, payload in events:
        try:
            chunk = b64decode(parsed_event(payload)["bytes"])
        except SURPRISES as error:
            raise MalformedAnswer(f"a frame is not a chunk: {quoted(payload)}") from error
        if not chunk.startswith(b"[DONE]"):
            yield "", chunk


def _counted(parts: Answer, measured: Measured) -> Answer:
    """Yield the parts, then Bedrock's times, and one usage: the counts in the body, completed with Bedrock's. Content
    after a count of output isn't in it."""
    reported = nothing = Usage()
    for part in parts:
        if isinstance(part, Usage):
            reported = _completed(part, reported)
            continue
        if isinstance(part, Delta) and part.text:
            if reported is not nothing:
                reported = replace(reported, output_tokens=None, reasoning_tokens=None)
            if not measured.is_last:
                measured.counts.pop("output", None)
        yield part
    if measured.times:
        yield Said(measured.times)
    usage = _completed(reported, _usage(measured.counts))
    if usage != nothing:
        yield usage


def _completed(usage: Usage, more: Usage) -> Usage:
    """Return the counts, with those of `more` where they are missing, invalid or 0."""
    pairs = zip(map(counted, _COUNTS(usage)), map(counted, _COUNTS(more)), strict=True)
    return Usage(*(other if own is None else own or other or 0 for own, other in pairs))


def _read_whole(body: Json, listed: str, at: Paths) -> Answer:
    """Read an answer, or each of those that it lists, by paths. One with neither text nor finish reason is no answer:
    raises `KeyError`."""
    choices = Choices("invoke")
    answers = few(body[listed]) if listed else [body]
    outputs = [_at(answer, at.output) for answer in answers]
    for number, answer in enumerate(answers):
        found, reason = _at(answer, at.text), reason_of(_at(answer, at.finish))
        if found is None and reason is None:
            raise KeyError(at.text[-1])
        yield Delta(text_of(found))
        choices.take(number, answer, reason)
    yield from called({"name": _at(body, _TOOL_CALL)})
    yield Usage(_at(body, at.input), total(*outputs) if outputs and None not in outputs else None)
    yield from choices.finished()


def _read_chunks(chunks: Iterable[Json], asked: int | None, at: Paths) -> Answer:
    """Read a stream by paths. Of several answers, each chunk has an index."""
    choices = Choices("invoke", asked)
    for chunk in chunks:
        yield Delta(text_of(_at(chunk, at.text)))
        if "tool_calls" in chunk:
            yield from called({"name": _at(chunk, _TOOL_CALL)})
        if any(used := (_at(chunk, at.input), _at(chunk, at.output))):
            yield Usage(*used)
        reason = reason_of(_at(chunk, at.finish))
        if reason or "index" in chunk:
            choices.take(0, chunk, reason)
    yield from choices.finished()


def _chat_chunks(chunks: Iterable[Json], asked: int | None) -> Answer:
    return openai.chat_stream(chunks, needs_done=False, asked=asked)


def _completion_whole(body: Json) -> Answer:
    return openai.chat(_with_choices(body))


def _completion_chunks(chunks: Iterable[Json], asked: int | None) -> Answer:
    return _chat_chunks(map(_with_choices, chunks), asked)


def _with_choices(body: Json) -> Json:
    """Return Mistral's body with its `outputs` under OpenAI's name."""
    return {**body, "choices": body["outputs"]} if "outputs" in body else body


def _nova_chunks(chunks: Iterable[Json]) -> Answer:
    events = (event for chunk in chunks for event in few(chunk).items())
    return converse.message_stream({**event, "type": kind} for kind, event in events if kind in converse.EVENTS)


def _unknown_whole(body: Json) -> Answer:
    return _unknown_chunks([body])


def _unknown_chunks(chunks: Iterable[Json]) -> Answer:
    """Read text under the names that models commonly use; only the body's end reliably marks the finish."""
    is_empty, reason = True, None
    for chunk in chunks:
        is_empty = is_empty and not chunk
        for part in openai.chat_stream([chunk], needs_done=False):
            reason = part.reason if isinstance(part, Finish) else reason
            if isinstance(part, Delta):
                yield part
        yield Delta(next((chunk[name] for name in _COMMON_TEXT_NAMES if isinstance(chunk.get(name), str)), ""))
    if not is_empty:
        yield Finish(reason)


def _usage(counts: Counts) -> Usage:
    """Return Bedrock's counts; its input count excludes tokens read from or written to the cache, so they are added."""
    cached = counts.get("cacheReadInput")
    return Usage(total(counts.get("input"), cached, counts.get("cacheWriteInput")), counts.get("output"), cached)


def _fill(shape: Any, values: dict[str, Any]) -> Any:
    """Return the shape with its placeholders replaced; entries whose value is `None` are dropped."""
    if isinstance(shape, dict):
        filled = {name: _fill(value, values) for name, value in shape.items()}
        return {name: value for name, value in filled.items() if value is not None}
    if isinstance(shape, list):
        return [_fill(item, values) for item in shape]
    return values.get(shape, shape)


def _at(body: Any, path: Path) -> Any:
    for step in path:
        try:
            body = body[step]
        except (KeyError, IndexError, TypeError):
            return None
    return body


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) <= MOST_DIGITS else None


PROMPT, CLAUDE_PROMPT, TEMPERATURE, MAX_TOKENS = "<prompt>", "<claude prompt>", "<temperature>", "<max tokens>"
MESSAGES, TURNS, BLOCKS, SYSTEM, SYSTEM_BLOCKS = "<messages>", "<turns>", "<blocks>", "<system>", "<system blocks>"
LAST_TURN, EARLIER_TURNS = "<last turn>", "<earlier turns>"
_CLAUDE_LEGACY = {"prompt": CLAUDE_PROMPT, "temperature": TEMPERATURE, "max_tokens_to_sample": MAX_TOKENS}
_CLAUDE_MESSAGES = {
    "anthropic_version": "bedrock-2023-05-31",
    "system": SYSTEM,
    "messages": TURNS,
    "temperature": TEMPERATURE,
    "max_tokens": MAX_TOKENS,
}
_PROMPTED = {"prompt": PROMPT, "temperature": TEMPERATURE, "max_tokens": MAX_TOKENS}
_TOOL_CALL = ("tool_calls", 0, "name")
_PROMPTED_MISTRALS = (
    "mistral.mistral-7b", "mistral.mixtral", "mistral.mistral-large-2402", "mistral.mistral-small-2402",
)  # fmt: skip
"""Mistral's models up to Large 2402 take a prompt; the later ones, from Large 2407 on, messages."""

_LLAMA = Paths(("generation",), ("stop_reason",), ("prompt_token_count",), ("generation_token_count",))
_COMMON_TEXT_NAMES = ("text", "generation", "completion", "outputText", "output")


def _read_by_paths(mark: str, shape: Json, whole: Paths, chunk: Paths, listed: str = "") -> Family:
    """Return a family whose answers can be read by paths.

    listed  the name under which whole ones are listed, if they are
    """
    return Family(
        mark,
        shape,
        partial(_read_whole, listed=listed, at=whole),
        partial(_read_chunks, at=chunk),
        has_choices=True,
    )


def _legacy_claude(mark: str) -> Family:
    return Family(mark, _CLAUDE_LEGACY, anthropic.completion, anthropic.completion_stream, limit_demanded=True)


def _completing(mark: str) -> Family:
    """Return a family that takes a prompt, and answers in OpenAI's text choices or in Mistral's `outputs`."""
    return Family(mark, _PROMPTED, _completion_whole, _completion_chunks, has_choices=True)


def _chatting(mark: str, limit: str = "max_tokens") -> Family:
    """Return a family that uses OpenAI's chat format."""
    shape = {"messages": MESSAGES, "temperature": TEMPERATURE, limit: MAX_TOKENS}
    return Family(mark, shape, openai.chat, _chat_chunks, has_choices=True)


UNKNOWN = Family("", {"prompt": PROMPT, "temperature": TEMPERATURE}, _unknown_whole, _unknown_chunks)

_FAMILIES = (
    _legacy_claude("anthropic.claude-v2"),
    _legacy_claude("anthropic.claude-instant"),
    Family("anthropic.claude", _CLAUDE_MESSAGES, anthropic.message, anthropic.message_stream, limit_demanded=True),
    _read_by_paths(
        "meta.llama",
        {"prompt": PROMPT, "temperature": TEMPERATURE, "max_gen_len": MAX_TOKENS},
        whole=_LLAMA,
        chunk=_LLAMA,
    ),
    *(_completing(mark) for mark in _PROMPTED_MISTRALS),
    _chatting("mistral."),
    _completing("deepseek.r1"),
    _chatting("deepseek."),
    _read_by_paths(
        "cohere.command-r",
        {
            "message": LAST_TURN,
            "chat_history": EARLIER_TURNS,
            "preamble": SYSTEM,
            "temperature": TEMPERATURE,
            "max_tokens": MAX_TOKENS,
        },
        whole=Paths(("text",), ("finish_reason",)),
        chunk=Paths(("text",), ("finish_reason",)),
    ),
    _read_by_paths(
        "cohere.command",
        _PROMPTED,
        whole=Paths(("text",), ("finish_reason",)),
        chunk=Paths(("text",), ("finish_reason",)),
        listed="generations",
    ),
    _read_by_paths(
        "ai21.j2",
        {"prompt": PROMPT, "temperature": TEMPERATURE, "maxTokens": MAX_TOKENS},
        whole=Paths(("data", "text"), ("finishReason", "reason")),
        chunk=Paths(("text",), ("stop_reason",)),
        listed="completions",
    ),
    *map(_chatting, ("ai21.", "qwen.", "moonshot", "minimax.", "zai.", "google.gemma", "nvidia.", "writer.palmyra")),
    _chatting("openai.", limit="max_completion_tokens"),
    _read_by_paths(
        "amazon.titan",
        {"inputText": PROMPT, "textGenerationConfig": {"temperature": TEMPERATURE, "maxTokenCount": MAX_TOKENS}},
        whole=Paths(("outputText",), ("completionReason",), ("inputTextTokenCount",), ("tokenCount",)),
        chunk=Paths(("outputText",), ("completionReason",), ("inputTextTokenCount",), ("totalOutputTextTokenCount",)),
        listed="results",
    ),
    Family(
        "amazon.nova",
        {
            "system": SYSTEM_BLOCKS,
            "messages": BLOCKS,
            "inferenceConfig": {"temperature": TEMPERATURE, "maxTokens": MAX_TOKENS},
        },
        converse.message,
        _nova_chunks,
    ),
)
"""The first family whose mark is in the model id wins, so narrower marks come first."""
