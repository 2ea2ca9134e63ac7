"""What the model says: its tokens, when each is due, and how they are billed."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from mock.ask import Ask
from mock.timing import Pace

SPREAD = 0.3
OPENING = ['{"', "summary", '": "']
CLOSING = ['"}']
LETTER = """
the invoice from a supplier in the north lists three items with their price and the date of delivery
while the attached letter asks for payment within thirty days and names a person to call about it
"""
WORDS = [f" {word}" for word in LETTER.split()]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One answer of the model: its thoughts, if it reasons, then the text."""

    id: str
    created_s: int
    """Seconds since 1970, an integer as in the APIs."""
    thoughts: list[str]
    pieces: list[str]
    due_s: list[float]
    """One per token, thoughts first."""
    input_tokens: int
    cached_tokens: int
    cut_short: bool
    """Whether the request's token limit ended it."""

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def reasoning(self) -> str:
        return "".join(self.thoughts)

    @property
    def output_tokens(self) -> int:
        """Tokens of text and thoughts: every provider bills both as output."""
        return len(self.due_s)

    @property
    def first_s(self) -> float:
        return self.due_s[0]

    @property
    def last_s(self) -> float:
        return self.due_s[-1]

    @property
    def thought(self) -> Iterable[tuple[float, str]]:
        """Each reasoning token, with its due time."""
        return zip(self.due_s, self.thoughts, strict=False)

    @property
    def said(self) -> Iterable[tuple[float, str]]:
        """Each token of the text, with its due time."""
        return zip(self.due_s[len(self.thoughts) :], self.pieces, strict=True)


class Speaker:
    """Draws utterances: their lengths within 30 % of `tokens`, or exactly that; their times from `pace`."""

    def __init__(self, pace: Pace, tokens: int, exact_tokens: bool, seed: int | None) -> None:
        self._pace = pace
        self._tokens = tokens
        self._exact_tokens = exact_tokens or pace.exact
        self._random = Random(seed)

    def utter(self, ask: Ask) -> Utterance:
        """Draw an answer. A model that reasons adds half as many thoughts as text; a token limit covers both."""
        drawn_tokens = self._draw_tokens()
        thoughts = self._words(drawn_tokens // 2) if "reason" in ask.model.lower() else []
        pieces = self._prose(drawn_tokens)
        whole_tokens = len(thoughts) + len(pieces)
        limit_tokens = whole_tokens if ask.max_tokens is None else max(1, ask.max_tokens)
        input_tokens = ask.input_tokens
        return Utterance(
            id=f"{self._random.getrandbits(96):024x}",
            created_s=int(time.time()),
            thoughts=thoughts[:limit_tokens],
            pieces=pieces[: max(0, limit_tokens - len(thoughts))],
            due_s=self._pace.due_s(min(whole_tokens, limit_tokens), self._tokens),
            input_tokens=input_tokens,
            cached_tokens=min(ask.cached_tokens, input_tokens),
            cut_short=limit_tokens < whole_tokens,
        )

    def _draw_tokens(self) -> int:
        if self._exact_tokens:
            return self._tokens
        return max(1, round(self._tokens * self._random.uniform(1 - SPREAD, 1 + SPREAD)))

    def _prose(self, tokens: int) -> list[str]:
        """Return a JSON object of exactly `tokens` tokens; plain words if that is too few for one."""
        words = tokens - len(OPENING) - len(CLOSING)
        if words < 1:
            return self._words(tokens)
        return OPENING + self._words(words) + CLOSING

    def _words(self, count: int) -> list[str]:
        start = self._random.randrange(len(WORDS))
        return (WORDS * (count // len(WORDS) + 2))[start : start + count]
