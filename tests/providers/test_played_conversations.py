"""Conversations played call by call: what each provider's server receives, and when one is over."""

import json
from collections.abc import Iterable

import pytest

from mock.ask import Ask
from mock.formats.utterance import Speaker, Utterance
from providers.call import Answer, Delta, Finish, Part
from providers.conversation import MOST_ANSWER_CHARACTERS, Conversation, steps
from providers.prompt import Prompt, Turn
from providers.settings import MOCK_HOST
from tests.asking import APIS, Asker
from tests.cases import case_of
from tests.cases.case import Body
from tests.mock_server import MockServer
from tests.providers.test_conversations import FAMILIES, Kept

TURNS = (
    Turn("user", "Hi."), Turn("assistant", "Yes?"), Turn("user", "Go."), Turn("assistant", "No."), Turn("user", "On."),
)  # fmt: skip
REASONING = [(*each, model) for each in APIS if (model := case_of(*each).reasoning_model)]
TALK = Prompt("talk.jsonl#1", TURNS, "Be brief.", max_tokens=40)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the mock has said, without its thoughts."""
    said: list[str] = []
    utter = Speaker.utter

    def heard(self: Speaker, ask: Ask) -> Utterance:
        utterance = utter(self, ask)
        said.append(utterance.text)
        return utterance

    monkeypatch.setattr(Speaker, "utter", heard)
    return said


def played(asker: Asker, prompt: Prompt = TALK, is_recorded: bool = False) -> None:
    """Play a conversation to its end."""
    asker.session.conversation = Conversation(prompt, 1, is_recorded)
    asker.ask()
    asker.session.conversation = None
    while asker.user.conversation:
        asker.ask()


def sent_whole(provider: str, said: Iterable[str], **options: object) -> list[Body]:
    """The bodies of three calls that are each sent their history in one go."""
    first, second, *_ = said
    history = (TURNS[0], Turn("assistant", first), TURNS[2], Turn("assistant", second), TURNS[4])
    wire = Kept()
    asker = Asker(provider, MOCK_HOST, wire, **options)
    for end in (1, 3, 5):
        asker.session.prompt = Prompt("a", history[:end], TALK.system, TALK.max_tokens)
        asker.ask()
    return wire.bodies


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(("provider", "api"), APIS)
def test_each_answer_is_in_the_history_of_the_next_call(
    provider: str, api: str, stream: bool, answers: list[str]
) -> None:
    wire = Kept()
    asker = Asker(provider, MOCK_HOST, wire, api=api, stream=stream)
    played(asker)
    assert [call.outcome for call in asker.session.calls] == ["ok"] * 3
    assert [(call.conversation, call.turn) for call in asker.session.calls] == [(1, 1), (1, 2), (1, 3)]
    assert wire.bodies == sent_whole(provider, list(answers), api=api, stream=stream)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("model", FAMILIES)
def test_each_family_of_bedrock_goes_on_from_its_own_answers(model: str, stream: bool, answers: list[str]) -> None:
    wire = Kept()
    asker = Asker("aws-bedrock", MOCK_HOST, wire, api="completions", model=model, stream=stream)
    played(asker)
    assert wire.bodies == sent_whole("aws-bedrock", list(answers), api="completions", model=model, stream=stream)


@pytest.mark.parametrize(("provider", "api", "model"), REASONING)
def test_reasoning_stays_out_of_the_history(provider: str, api: str, model: str, answers: list[str]) -> None:
    wire = Kept()
    asker = Asker(provider, MOCK_HOST, wire, api=api, model=model, stream=True)
    played(asker, Prompt("a", TURNS))
    assert all(answers)
    assert json.dumps(wire.bodies[2]).count(json.dumps(answers[0])[1:-1]) == 1
    spoken = Prompt("a", (TURNS[0], Turn("assistant", answers[0]), TURNS[2], Turn("assistant", answers[1]), TURNS[4]))
    asker.session.prompt = spoken
    asker.ask()
    assert wire.bodies[3] == wire.bodies[2]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(("provider", "api"), APIS)
def test_the_mocks_stats_show_how_much_history_came(
    provider: str, api: str, stream: bool, mock_server: MockServer
) -> None:
    asker = Asker(provider, mock_server.url, api=api, stream=stream)
    for _ in range(2):
        played(asker)
    assert mock_server.stats()["by_history_messages"] == {"0": 2, "2": 2, "4": 2}
    assert [call.turn for call in asker.session.calls] == [1, 2, 3] * 2


@pytest.mark.parametrize(("provider", "api"), APIS)
def test_recorded_answers_can_stand_in_the_history(provider: str, api: str) -> None:
    wire = Kept()
    asker = Asker(provider, MOCK_HOST, wire, api=api)
    played(asker, is_recorded=True)
    assert wire.bodies == sent_whole(provider, ["Yes?", "No."], api=api)


@pytest.mark.parametrize("fault", ["500", "cut"])
def test_a_failed_turn_ends_its_conversation(fault: str, mock_server: MockServer) -> None:
    headers = {"500": (("x-mock-status", "500"),), "cut": (("x-mock-fault", "cut"),)}[fault]
    asker = Asker("openai", mock_server.url, stream=True, headers=headers)
    played(asker)
    assert [(call.outcome, call.turn) for call in asker.session.calls] == [("failed", 1)]


def spoken(talk: Conversation, *parts: Part) -> Prompt:
    """Say something in a conversation, and let it be answered."""

    def answer() -> Answer:
        yield from parts

    prompt = talk.next_prompt()
    assert list(talk.hear(answer())) == list(parts)
    return prompt


def test_an_answer_that_cannot_be_put_into_a_history_ends_a_conversation() -> None:
    for parts in (
        [],
        [Delta(" \n")],
        [Delta("Hm.", reasoning=True)],
        [Delta("x" * MOST_ANSWER_CHARACTERS), Delta("x")],
    ):
        talk = Conversation(TALK, 1, is_recorded=False)
        spoken(talk, *parts, Finish("stop"))
        assert talk.is_over
        recorded = Conversation(TALK, 1, is_recorded=True)
        spoken(recorded, *parts, Finish("stop"))
        assert not recorded.is_over


@pytest.mark.parametrize(
    ("pieces", "history"),
    [
        (["A \ud83d", "\ude00."], "A 😀."),
        (["\ud83d"], "?"),
        (["\ude00\ud83d", "x"], "??x"),
        (["\ufeffA 😀."], "\ufeffA 😀."),
    ],
)
def test_halves_of_a_character_are_joined_or_replaced_in_the_history(pieces: list[str], history: str) -> None:
    """No request can contain half a character, but an answer can."""
    talk = Conversation(TALK, 1, is_recorded=False)
    spoken(talk, *map(Delta, pieces), Finish("stop"))
    assert spoken(talk, Finish("stop")).turns[1] == Turn("assistant", history)


def test_an_answer_that_nobody_needs_is_not_kept() -> None:
    last = Conversation(Prompt("a", TURNS[:1]), 1, is_recorded=False)
    recorded = Conversation(TALK, 1, is_recorded=True)
    for talk in (last, recorded):
        talk.next_prompt()
        answer: Answer = iter([Delta("Yes?")])
        assert talk.hear(answer) is answer
    assert last.is_over


def test_what_a_call_adds_is_an_answer_and_all_that_the_user_says_after_it() -> None:
    hello, hi, yes, well, go = (
        Turn("assistant", "Hello!"), Turn("user", "Hi."), Turn("assistant", "Yes?"), Turn("assistant", "Well?"),
        Turn("user", "Go."),
    )  # fmt: skip
    assert steps((hello, hi, go, yes, well, go, hi)) == [(hello, hi, go), (yes, well, go, hi)]
    talk = Conversation(Prompt("a", (hello, hi, go, yes, well, go, hi)), 7, is_recorded=False)
    assert spoken(talk, Delta("Ye"), Delta("p."), Finish("stop")).turns == (hello, hi, go)
    prompt = spoken(talk, Finish("stop"))
    assert prompt.turns == (hello, hi, go, Turn("assistant", "Yep."), go, hi)
    assert (prompt.conversation, prompt.turn, talk.is_over) == (7, 2, True)
