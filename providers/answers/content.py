"""Pieces that several APIs' answers are made of."""

from collections.abc import Iterator
from typing import Any

import finishes
from providers.answers.errors import told
from providers.call import Answer, Delta, ErrorInStream, Finish, Json


def text_of(value: Any) -> str:
    """Return a text; "" for null. Raises `TypeError` for anything else."""
    if isinstance(value, str):
        return value
    if value is not None:
        raise TypeError("not a text")
    return ""


def counts_of(value: Any) -> Json:
    """Return an object of counts; {} for anything else: no SDK refuses an answer for its usage."""
    return value if isinstance(value, dict) else {}


def merged(earlier: Json, later: Any) -> Json:
    """Return the counts of both; what the later one leaves out, or reports as null, is the earlier one's."""
    return {**earlier, **{name: count for name, count in counts_of(later).items() if count is not None}}


def called(function: Any) -> Iterator[Delta]:
    """Yield a tool call, or a fragment of one: its name and its arguments."""
    if isinstance(function, dict):
        for name in ("name", "arguments", "input"):
            value = function.get(name)
            yield Delta(value if isinstance(value, str) else name if value else "")


def reason_of(value: Any) -> str | None:
    """Return a finish reason as a text; of an object its type. `None` for none."""
    if isinstance(value, dict):
        value = value.get("type") or value.get("reason") or str(value)
    if not value or (isinstance(value, str) and value.lower() in finishes.NO_REASON):
        return None
    return str(value)


def is_settled(api: str, reason: str | None) -> bool:
    """Tell whether no other choice's reason can change how an answer of several ends: one of them has failed."""
    return reason is not None and finishes.meaning(api, reason) == "failure"


def finished(api: str, reason: str | None, by: Any = None) -> Answer:
    """Yield the `Finish`. Raises `ErrorInStream` for a reason that says that the provider failed, with the words of
    the object that gave it, `by`."""
    yield Finish(reason)
    if is_settled(api, reason):
        words = told(by)
        raise ErrorInStream(f"finish reason {reason}" + (f": {words}" if words else ""))


def ended(api: str, reason: Any, body: Json) -> Answer:
    """Yield the `Finish` of a whole body, if it gives a reason. Raises as `finished` does."""
    if said := reason_of(reason):
        yield from finished(api, said, body)


class Choices:
    """Why an answer's choices ended. It is finished when each choice that was seen is, and cut if one never was; but
    also when as many have ended as were asked for: gateways number the pieces of one choice by its tokens (TGI), or by
    the blocks of the provider behind them (LiteLLM), and end one of these numbers alone.

    asked   how many choices the request asked for; `None` if nobody knows
    reason  that of the latest choice; once one has failed, no other's changes how the answer ends
    """

    def __init__(self, api: str, asked: int | None = None) -> None:
        self.reason: str | None = None
        self._api, self._asked = api, asked
        self._by: Json | None = None
        self._seen: set[Any] = set()
        self._ended: set[Any] = set()

    def take(self, number: int, choice: Json, reason: str | None) -> None:
        """Take a choice, or a piece of one: `number` in its list, which is its index where it tells none."""
        index = choice.get("index")
        index = number if index is None else index
        self._seen.add(index)
        if reason:
            self._ended.add(index)
            if not is_settled(self._api, self.reason):
                self.reason, self._by = reason, choice

    def finished(self, is_done: bool = True) -> Answer:
        """Yield the `Finish` of an answer that is finished, if no more is to come. Raises as `finished` does."""
        if self.reason and (is_settled(self._api, self.reason) or (is_done and self._have_ended())):
            yield from finished(self._api, self.reason, self._by)

    def _have_ended(self) -> bool:
        return self._seen == self._ended or (self._asked is not None and len(self._ended) >= self._asked)
