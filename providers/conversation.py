"""A prompt with several turns, played call by call. Stdlib only."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from providers.call import Answer, Delta
from providers.prompt import Prompt, Turn

History = Literal["answers", "recorded", "whole"]
"""What comes before each turn: the answers given so far, or those in the file. `whole` plays nothing: a single call
sends all of it."""

MOST_ANSWER_CHARACTERS = 2**20
"""A longer answer doesn't get into a history."""

Step = tuple[Turn, ...]
"""What one call adds to those before it: the answer to them, and the user's next turn."""


class Conversation:
    """A prompt's turns, each sent by a call after all that was said before it.

    It is over after its last turn, after a call that failed, and if there is no answer to go on from: one without
    visible text, or a far too long one.

    number       unique in the run, from 1
    is_recorded  whether the answers in the history are those of the file
    """

    def __init__(self, prompt: Prompt, number: int, is_recorded: bool) -> None:
        self._prompt, self._number, self._is_recorded = prompt, number, is_recorded
        self._steps = steps(prompt.turns)
        self._history: Step = ()
        self._answer = ""
        self._turn = 0
        self._has_failed = False

    def next_prompt(self) -> Prompt:
        """Return what the next call sends."""
        step = self._steps[self._turn]
        if self._turn and not self._is_recorded:
            step = (Turn("assistant", self._answer), *(turn for turn in step if turn.role == "user"))
        self._history, self._answer = (*self._history, *step), ""
        self._turn += 1
        return replace(self._prompt, turns=self._history, conversation=self._number, turn=self._turn)

    def hear(self, answer: Answer) -> Answer:
        """Return the parts of the answer to the latest prompt; their visible text is kept if the next turn needs it."""
        return answer if self._is_recorded or self._is_played else self._kept(answer)

    def fail(self) -> None:
        """Note that a call failed."""
        self._has_failed = True

    @property
    def is_over(self) -> bool:
        is_unanswered = not (self._is_recorded or self._answer.strip())
        return self._has_failed or self._is_played or is_unanswered

    @property
    def _is_played(self) -> bool:
        return self._turn == len(self._steps)

    def _kept(self, answer: Answer) -> Answer:
        texts, characters = list[str](), 0
        for part in answer:
            if isinstance(part, Delta) and not part.reasoning and characters <= MOST_ANSWER_CHARACTERS:
                texts.append(part.text)
                characters += len(part.text)
            yield part
        self._answer = _sendable("".join(texts)) if characters <= MOST_ANSWER_CHARACTERS else ""


def _sendable(text: str) -> str:
    """Return the text as a request can contain it: halves of a character joined, or a question mark for one that stands
    alone. JSON joins a million of them in hundredths of a second, where an encoding's error handler takes over half."""
    try:
        text.encode()
    except UnicodeEncodeError:
        joined: str = json.loads(json.dumps(text))
        return joined.encode("utf-8", "replace").decode()
    return text


def steps(turns: Iterable[Turn]) -> list[Step]:
    """Divide a conversation into what each call adds. The user's messages without an answer between them are one turn;
    what the assistant says first belongs to the first call."""
    found: list[list[Turn]] = [[]]
    for turn in turns:
        if turn.role == "assistant" and any(earlier.role == "user" for earlier in found[-1]):
            found.append([])
        found[-1].append(turn)
    return [tuple(step) for step in found]
