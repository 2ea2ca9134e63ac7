"""What each provider's server receives for a conversation with a system's text and a limit of its own."""

import json
from typing import Any

import pytest

from mock.inprocess import InProcessWire
from mock.service import Service
from mock.timing import Pace
from providers.call import Call
from providers.prompt import Prompt, Turn, said
from providers.settings import MOCK_HOST
from tests.asking import APIS, Asker
from tests.cases import case_of
from tests.cases.case import PROMPT, SAID_BY_USER, Body
from wire.exchange import Reply, Request

SYSTEM = "Be brief."
TURNS = (Turn("user", "Hi."), Turn("assistant", "Yes?"), Turn("user", "Go."))
TALK = Prompt("talk.jsonl#1", TURNS, SYSTEM, max_tokens=5)

SAID = SAID_BY_USER["messages"]
SPOKEN = [{"role": turn.role, "content": turn.text} for turn in TURNS]
MESSAGES = [{"role": "system", "content": SYSTEM}, *SPOKEN]
BLOCKS = [{"role": turn.role, "content": [{"text": turn.text}]} for turn in TURNS]
FLAT = "Be brief.\n\nUser: Hi.\n\nAssistant: Yes?\n\nUser: Go.\n\nAssistant:"
CLAUDES = "Be brief.\n\nHuman: Hi.\n\nAssistant: Yes?\n\nHuman: Go.\n\nAssistant:"
GEMINIS = [
    {"role": role, "parts": [{"text": turn.text}]} for role, turn in zip(("user", "model", "user"), TURNS, strict=True)
]
SAID_BY: dict[tuple[str, str], Body] = {
    **{(provider, "chat"): {"messages": MESSAGES} for provider in ("openai", "azure-openai", "deepseek")},
    **{(provider, "completions"): {"prompt": FLAT} for provider in ("openai", "azure-openai", "deepseek")},
    **{(provider, "responses"): {"input": MESSAGES} for provider in ("openai", "azure-openai")},
    ("anthropic", "chat"): {"system": SYSTEM, "messages": SPOKEN},
    ("anthropic", "completions"): {"prompt": CLAUDES},
    ("aws-bedrock", "chat"): {"system": [{"text": SYSTEM}], "messages": BLOCKS},
    ("aws-bedrock", "completions"): {"prompt": CLAUDES},
    **{
        ("vertex-ai", api): {"contents": GEMINIS, "systemInstruction": {"role": "user", "parts": [{"text": SYSTEM}]}}
        for api in ("chat", "completions")
    },
}
"""What takes a single turn's place. A provider without a line here has one text, or OpenAI's messages."""

HISTORY = [{"role": "USER", "message": "Hi."}, {"role": "CHATBOT", "message": "Yes?"}]
FAMILIES: dict[str, Body] = {
    "anthropic.claude-v2:1": {"prompt": CLAUDES, "max_tokens_to_sample": 5},
    "global.anthropic.claude-sonnet-5-5": {
        "anthropic_version": "bedrock-2023-05-31", "system": SYSTEM, "messages": SPOKEN, "max_tokens": 5,
    },
    "meta.llama3-70b-instruct-v1:0": {"prompt": FLAT, "max_gen_len": 5},
    "mistral.mistral-7b-instruct-v0:2": {"prompt": FLAT, "max_tokens": 5},
    "mistral.mistral-large-2407-v1:0": {"messages": MESSAGES, "max_tokens": 5},
    "deepseek.r1-v1:0": {"prompt": FLAT, "max_tokens": 5},
    "cohere.command-r-plus-v1:0": {
        "message": "Go.", "chat_history": HISTORY, "preamble": SYSTEM, "max_tokens": 5,
    },
    "cohere.command-text-v14": {"prompt": FLAT, "max_tokens": 5},
    "ai21.j2-ultra-v1": {"prompt": FLAT, "maxTokens": 5},
    "ai21.jamba-1-5-large-v1:0": {"messages": MESSAGES, "max_tokens": 5},
    "openai.gpt-oss-120b-1:0": {"messages": MESSAGES, "max_completion_tokens": 5},
    "amazon.titan-text-express-v1": {"inputText": FLAT, "textGenerationConfig": {"maxTokenCount": 5}},
    "us.amazon.nova-2-lite-v1:0": {
        "system": [{"text": SYSTEM}], "messages": BLOCKS, "inferenceConfig": {"maxTokens": 5},
    },
    "newcomer.model-1": {"prompt": FLAT},
}  # fmt: skip


class Kept:
    """The in-process mock's wire, which keeps the bodies sent."""

    def __init__(self) -> None:
        self.bodies: list[Body] = []
        self._wire = InProcessWire(Service(Pace(0)))

    def send(self, request: Request) -> Reply:
        self.bodies.append(json.loads(request.body))
        return self._wire.send(request)


def asked(prompt: Prompt, provider: str, **options: Any) -> tuple[Body, Call]:
    """Send a prompt; return the body of the one request sent, and the call."""
    wire = Kept()
    asker = Asker(provider, MOCK_HOST, wire, temperature=None, **options)
    asker.session.prompt = prompt
    call = asker.ask()
    [body] = wire.bodies
    assert (call.outcome, call.error) == ("ok", None)
    return body, call


def of_the_talk(provider: str, api: str, *options: Body) -> Body:
    """The body of a request in which the talk takes the place of a single turn."""
    body = case_of(provider, api).sent(*options)
    usual = {name: FLAT if value == PROMPT else MESSAGES for name, value in body.items() if value in (PROMPT, SAID)}
    return {name: value for name, value in body.items() if name not in ("messages", "prompt", "input", "contents")} | (
        SAID_BY.get((provider, api), usual)
    )


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(("provider", "api"), APIS)
def test_a_conversation_arrives_whole_with_its_system_and_its_own_limit(provider: str, api: str, stream: bool) -> None:
    body, call = asked(TALK, provider, api=api, stream=stream, max_tokens=99)
    sent = {name: value for name, value in body.items() if name not in ("stream", "stream_options")}
    assert sent == of_the_talk(provider, api, case_of(provider, api).limit)
    assert call.finish_reason == case_of(provider, api).cut_reason
    assert (call.prompt_id, call.prompt) == ("talk.jsonl#1", TALK.excerpt)


@pytest.mark.parametrize(("provider", "api"), APIS)
def test_the_next_prompt_has_the_runs_limit_again(provider: str, api: str) -> None:
    case = case_of(provider, api)
    wire = Kept()
    asker = Asker(provider, MOCK_HOST, wire, api=api, temperature=None)
    for prompt in (TALK, None):
        asker.session.prompt = prompt
        asker.ask()
    assert wire.bodies[1] == case.sent(case.unlimited)


@pytest.mark.parametrize("model", FAMILIES)
def test_each_family_of_bedrock_takes_a_conversation_its_own_way(model: str) -> None:
    body, _ = asked(TALK, "aws-bedrock", api="completions", model=model)
    assert body == FAMILIES[model]


@pytest.mark.parametrize("provider", [provider for provider, api in SAID_BY if api == "completions"])
def test_a_system_without_a_history_keeps_the_turn_as_it_is(provider: str) -> None:
    body, call = asked(Prompt("a", said("Say something."), SYSTEM), provider, api="completions")
    texts = {"anthropic": f"{SYSTEM}\n\nHuman: Say something.\n\nAssistant:", "vertex-ai": None}
    texts["aws-bedrock"] = texts["anthropic"]
    assert body.get("prompt") == texts.get(provider, f"{SYSTEM}\n\nSay something.")
    assert call.prompt == "Say something."


@pytest.mark.parametrize(("provider", "api"), APIS)
def test_the_mock_counts_the_whole_conversation(provider: str, api: str) -> None:
    long = Prompt("a", (Turn("user", "x" * 400), Turn("assistant", "y" * 400), Turn("user", "z" * 400)), "s" * 400)
    _, call = asked(long, provider, api=api)
    assert call.input_tokens is None or call.input_tokens > 400
