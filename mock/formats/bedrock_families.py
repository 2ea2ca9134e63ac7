"""Bodies of Bedrock's invoke, one shape per model family: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from mock.ask import Ask
from mock.formats import anthropic, openai
from mock.formats.converse import converse, converse_timeline
from mock.formats.message import Json
from mock.formats.utterance import Utterance

Timeline = Iterator[tuple[float, Json]]


class Family(NamedTuple):
    """How one family writes a whole answer, and the same in chunks with their due times."""

    plain: Callable[[Ask, Utterance], Json]
    timeline: Callable[[Ask, Utterance], Timeline]


def pieces(said: Utterance, finish: str) -> Iterator[tuple[float, str, str | None]]:
    """Yield each token's due time, its text and, with the last one, the finish reason."""
    *before, last = said.due_s
    texts = [*said.thoughts, *said.pieces]
    yield from zip(before, texts, [None] * len(before), strict=False)
    yield last, texts[-1], finish


def llama(ask: Ask, said: Utterance) -> Json:
    finish = "length" if said.cut_short else "stop"
    return llama_piece(said.text, finish, said.input_tokens, said.output_tokens)


def llama_timeline(ask: Ask, said: Utterance) -> Timeline:
    """Yield the chunks: only the first has the prompt's count; the output's count is cumulative."""
    finish = "length" if said.cut_short else "stop"
    for n, (at_s, text, stop) in enumerate(pieces(said, finish), start=1):
        yield at_s, llama_piece(text, stop, said.input_tokens if n == 1 else None, n)


def llama_piece(text: str, stop: str | None, input_tokens: int | None, output_tokens: int) -> Json:
    counts = {"prompt_token_count": input_tokens, "generation_token_count": output_tokens}
    return {"generation": text, **counts, "stop_reason": stop}


def mistral(ask: Ask, said: Utterance) -> Json:
    return {"outputs": [{"text": said.text, "stop_reason": openai.finish_reason(said)}]}


def mistral_timeline(ask: Ask, said: Utterance) -> Timeline:
    for at_s, text, stop in pieces(said, openai.finish_reason(said)):
        yield at_s, {"outputs": [{"text": text, "stop_reason": stop}]}


def deepseek(ask: Ask, said: Utterance) -> Json:
    return {"choices": [{"text": said.text, "stop_reason": openai.finish_reason(said)}]}


def deepseek_timeline(ask: Ask, said: Utterance) -> Timeline:
    for at_s, text, stop in pieces(said, openai.finish_reason(said)):
        yield at_s, {"choices": [{"text": text, "stop_reason": stop}]}


def command(ask: Ask, said: Utterance) -> Json:
    generation = {"id": said.id, "text": said.text, "finish_reason": cohere_finish(said)}
    return {"id": said.id, "prompt": ask.body.get("prompt"), "generations": [generation]}


def command_timeline(ask: Ask, said: Utterance) -> Timeline:
    for at_s, text in said.said:
        yield at_s, {"text": text, "is_finished": False, "index": 0}
    yield said.last_s, {"is_finished": True, "finish_reason": cohere_finish(said), "index": 0}


def command_r(ask: Ask, said: Utterance) -> Json:
    ids = {"response_id": said.id, "generation_id": said.id}
    return {**ids, "text": said.text, "chat_history": [], "finish_reason": cohere_finish(said)}


def command_r_timeline(ask: Ask, said: Utterance) -> Timeline:
    for at_s, text in said.said:
        yield at_s, {"event_type": "text-generation", "text": text, "is_finished": False}
    end = {"event_type": "stream-end", "is_finished": True, "finish_reason": cohere_finish(said)}
    yield said.last_s, {**end, "response": command_r(ask, said)}


def cohere_finish(said: Utterance) -> str:
    return "MAX_TOKENS" if said.cut_short else "COMPLETE"


def jurassic(ask: Ask, said: Utterance) -> Json:
    reason = {"reason": "length" if said.cut_short else "endoftext"}
    return {"id": said.id, "completions": [{"data": {"text": said.text}, "finishReason": reason}]}


def chat_timeline(ask: Ask, said: Utterance) -> Timeline:
    head = openai.envelope(ask, said, "chat.completion.chunk", "chatcmpl")
    for at_s, text, finish in pieces(said, openai.finish_reason(said)):
        yield at_s, {**head, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


def titan(ask: Ask, said: Utterance) -> Json:
    result = {"outputText": said.text, "tokenCount": said.output_tokens}
    reason = {"completionReason": titan_reason(said)}
    return {"inputTextTokenCount": said.input_tokens, "results": [{**result, **reason}]}


def titan_timeline(ask: Ask, said: Utterance) -> Timeline:
    for at_s, text, reason in pieces(said, titan_reason(said)):
        total_tokens = said.output_tokens if reason else None
        counts = {"inputTextTokenCount": said.input_tokens, "totalOutputTextTokenCount": total_tokens}
        yield at_s, {"outputText": text, "index": 0, "completionReason": reason, **counts}


def titan_reason(said: Utterance) -> str:
    return "LENGTH" if said.cut_short else "FINISH"


def nova_timeline(ask: Ask, said: Utterance) -> Timeline:
    for at_s, name, payload in converse_timeline(said):
        yield at_s, {name: payload}


def generic(ask: Ask, said: Utterance) -> Json:
    counts = {"input_tokens": said.input_tokens, "output_tokens": said.output_tokens}
    return {"text": said.text, "stop_reason": openai.finish_reason(said), "usage": counts}


def generic_timeline(ask: Ask, said: Utterance) -> Timeline:
    for at_s, text, stop in pieces(said, openai.finish_reason(said)):
        yield at_s, {"text": text, "stop_reason": stop}


CHATTING = (
    r"(ai21|openai|mistral|deepseek|qwen|moonshotai|moonshot|minimax|zai)\.|google\.gemma|nvidia\.|writer\.palmyra"
)

# Searched for in the model ID, first match wins: IDs can start with a region ("us.") or be a whole ARN.
FAMILIES: dict[str, Family] = {
    r"anthropic\.claude-(v\d|instant)": Family(anthropic.completion, anthropic.completion_timeline),
    r"anthropic\.": Family(anthropic.message, anthropic.message_timeline),
    r"meta\.": Family(llama, llama_timeline),
    r"mistral\.(mistral-7b|mixtral|mistral-(large|small)-2402)": Family(mistral, mistral_timeline),
    r"cohere\.command-r": Family(command_r, command_r_timeline),
    r"cohere\.": Family(command, command_timeline),
    r"ai21\.j2": Family(jurassic, generic_timeline),
    r"deepseek\.r1": Family(deepseek, deepseek_timeline),
    CHATTING: Family(openai.chat, chat_timeline),
    r"amazon\.titan": Family(titan, titan_timeline),
    r"amazon\.nova": Family(converse, nova_timeline),
    "": Family(generic, generic_timeline),
}


@lru_cache
def family(model: str) -> Family:
    """Return the family of a model ID; the generic one for an unknown ID."""
    return next(shape for pattern, shape in FAMILIES.items() if re.search(pattern, model))
