"""What a request asks of the model: the same few fields, wherever each API puts them in its body."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mock.formats.message import Json

SYSTEM_FIELDS = ("system", "systemInstruction", "instructions", "preamble")
PROMPT_FIELDS = (
    *SYSTEM_FIELDS, "chat_history", "messages", "message", "contents", "content", "parts", "text", "prompt", "input",
    "inputText",
)  # fmt: skip
ANSWERED = "\n\nAssistant: "
"""Precedes each answer in a conversation that is written as a text. The one to come has no space before it."""

LIMIT_FIELDS = (
    "max_completion_tokens", "max_output_tokens", "max_tokens", "max_tokens_to_sample", "max_gen_len",
    "maxTokens", "max_new_tokens", "maxOutputTokens", "maxTokenCount",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ask:
    """One request's model, prompt and limits."""

    model: str
    body: Json
    stream: bool
    path: str
    cached_tokens: int = 0
    """How much of the prompt to report as cached."""
    prompt_fields: tuple[str, ...] = PROMPT_FIELDS
    limit_fields: tuple[str, ...] = LIMIT_FIELDS

    @property
    def input_tokens(self) -> int:
        """The prompt's size: one token per four characters, plus one."""
        return len(prompt_text(self.body, self.prompt_fields)) // 4 + 1

    @property
    def history_messages(self) -> int:
        """How many messages, a system's not counted, come before the last one."""
        if isinstance(earlier := self.body.get("chat_history"), list):
            return len(earlier)
        fields = (field for field in self.prompt_fields if field not in SYSTEM_FIELDS)
        listed = (given for field in fields if isinstance(given := self.body.get(field), list))
        if messages := next(listed, None):
            return len([each for each in messages if not (isinstance(each, dict) and each.get("role") == "system")]) - 1
        return 2 * prompt_text(self.body, self.prompt_fields).count(ANSWERED)

    @property
    def max_tokens(self) -> int | None:
        """The limit on the answer's tokens, in the body or in an object in it; `None` if the request has none."""
        places = [self.body, *self.body.values()]
        limits = (place.get(field) for place in places if isinstance(place, dict) for field in self.limit_fields)
        return next((limit for limit in limits if isinstance(limit, int)), None)


def prompt_text(value: Any, fields: Sequence[str]) -> str:
    """Return all prose in a body, joined; roles, names and settings are not prose."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(prompt_text(each, fields) for each in value)
    if isinstance(value, dict):
        return "".join(prompt_text(value[field], fields) for field in fields if field in value)
    return ""
