"""What a call sends: a conversation that ends in a user's turn. Stdlib only."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Speaker = Literal["user", "assistant"]

EXCERPT_CHARACTERS = 10_000
"""How much of a prompt is kept in a row."""


class Turn(NamedTuple):
    """What one side of a conversation said."""

    role: Speaker
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one call sends.

    prompt_id   where it came from: `file#id`, or `file#number`
    turns       the conversation so far; the last turn is a user's
    system      what the model was told before it
    max_tokens  limits the answer, instead of the run's `--max-tokens`
    at_s        when it was sent in the recording that it came from, for `--replay`
    conversation, turn  in a played conversation: its number and the turn's, from 1
    excerpt     for rows: the last turn. If it is too long, or has a history, it ends in a hash of the whole, so that
                different prompts have different excerpts
    """

    prompt_id: str
    turns: tuple[Turn, ...]
    system: str | None = None
    max_tokens: int | None = None
    at_s: float | None = None
    conversation: int | None = None
    turn: int | None = None
    excerpt: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Computed here, and not when a row needs it: a call's clock runs by then.
        object.__setattr__(self, "excerpt", _excerpt(self))

    @property
    def payload(self) -> str:
        """The text of the last turn."""
        return self.turns[-1].text


def said(text: str) -> tuple[Turn, ...]:
    """Return a conversation in which the user says the first word."""
    return (Turn("user", text),)


def messages(prompt: Prompt) -> list[dict[str, Any]]:
    """Return a prompt as OpenAI's messages, the system's first."""
    system = [{"role": "system", "content": prompt.system}] if prompt.system else []
    return system + turns(prompt)


def turns(prompt: Prompt) -> list[dict[str, Any]]:
    """Return the turns as messages, for APIs that take the system's text elsewhere."""
    return [{"role": turn.role, "content": turn.text} for turn in prompt.turns]


def flattened(prompt: Prompt) -> str:
    """Return a prompt as one text, for APIs that know no messages. A single turn is its text alone, a system's text
    comes before it, after an empty line; several turns become a dialogue of `User:` and `Assistant:`."""
    if len(prompt.turns) > 1:
        return dialogue(prompt, user="User").removeprefix("\n\n")
    return f"{prompt.system}\n\n{prompt.payload}" if prompt.system else prompt.payload


def dialogue(prompt: Prompt, user: str) -> str:
    """Return a prompt as a dialogue for the assistant to continue: with `user` as `Human`, Claude's text completions.
    https://docs.anthropic.com/en/api/complete"""
    names = {"user": user, "assistant": "Assistant"}
    lines = [f"\n\n{names[turn.role]}: {turn.text}" for turn in prompt.turns]
    return "".join([prompt.system or "", *lines, "\n\nAssistant:"])


def shortened(text: str, whole: str = "") -> str:
    """Return a text as rows and run.json show it: if it is too long, or part of a whole, it ends in a hash."""
    if len(text) <= EXCERPT_CHARACTERS and not whole:
        return text
    cut = "…" if len(text) > EXCERPT_CHARACTERS else ""
    return f"{text[:EXCERPT_CHARACTERS]}{cut} [{hashlib.sha256((whole or text).encode()).hexdigest()[:12]}]"


def _excerpt(prompt: Prompt) -> str:
    if len(prompt.turns) == 1:
        return shortened(prompt.payload)
    spoken = (part for turn in prompt.turns for part in turn)
    return shortened(prompt.payload, whole="\0".join([prompt.system or "", *spoken]))
