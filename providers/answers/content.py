"""Elements that the answers of several APIs share."""

from collections.abc import Iterator, Mapping
from typing import Any

import finishes
from providers.answers.errors import told
from providers.call import Answer, Delta, ErrorInStream, Finish, Json, MalformedAnswer

MOST_PARTS = 10_000
"""An event of more parts is no answer, and reading it would block everything for seconds."""

MOST_CHOICES, LONGEST_INDEX = 100_000, 40
"""How many indices a stream can have, which can be one for each of its tokens, and how many characters each."""

INDEX = (int, float, str)
"""A union of types would be made anew for each choice."""


def few(items: Any) -> Any:
    """Return a list of an answer, not all items of which yield a part. Raises `MalformedAnswer` if it is too long."""
    if len(items) > MOST_PARTS:
        raise too_many_parts()
    return items


def too_many_parts() -> MalformedAnswer:
    return MalformedAnswer(f"more than {MOST_PARTS:,} parts in one event or answer")


def text_of(value: Any) -> str:
    """Return a string; "" for null. Raises `TypeError` for anything else."""
    if isinstance(value, str):
        return value
    if value is not None:
        raise TypeError("not a string")
    return ""


def counts_of(value: Any) -> Json:
    """Return an object of counts; {} for anything else: openai and anthropic reject no answer over its usage."""
    return value if isinstance(value, dict) else {}


def require(body: Json, kinds: Mapping[str, type]) -> None:
    """Raise `TypeError` for a field that is neither null nor of its type, at which google-genai and botocore fail."""
    for name, value in body.items():
        if value is not None and name in kinds and not isinstance(value, kinds[name]):
            raise TypeError(f"{name} is of another type")


def merged(earlier: Json, later: Any, names: tuple[str, ...]) -> Json:
    """Return the later counts of these names, with the earlier ones where the later are missing, null or 0: counts only
    grow."""
    counts, found = dict(earlier), counts_of(later)
    for name in names:
        count = found.get(name)
        if count or (count == 0 and not counts.get(name)):
            counts[name] = count
    return counts


def called(function: Any) -> Iterator[Delta]:
    """Yield the name and arguments of a tool call, or of a fragment of one."""
    if isinstance(function, dict):
        for name in ("name", "arguments", "input"):
            value = function.get(name)
            yield Delta(value if isinstance(value, str) else name if value else "")


def reason_of(value: Any) -> str | None:
    """Return a finish reason as a string, or `None`; for an object, its type. White space around it means nothing."""
    if isinstance(value, dict) and value:
        value = value.get("type") or value.get("reason") or str(value)
    reason = str(value).strip() if value else ""
    return reason if reason and reason.lower() not in finishes.NO_REASON else None


def is_settled(api: str, reason: str | None) -> bool:
    """Return whether this reason is a failure, and so decides how the answer ends, no matter what other choices do."""
    return reason is not None and finishes.meaning(api, reason) == "failure"


def finished(api: str, reason: str | None, by: Any = None) -> Answer:
    """Yield the `Finish`. Raises `ErrorInStream` if the reason means that the provider failed, with the error message
    in `by`, the object that contained the reason."""
    yield Finish(reason)
    if is_settled(api, reason):
        words = told(by)
        raise ErrorInStream(f"finish reason {reason}" + (f": {words}" if words else ""))


def ended(api: str, reason: Any, body: Json) -> Answer:
    """Yield the `Finish` of a whole body if it has a reason. Raises as `finished` does."""
    if said := reason_of(reason):
        yield from finished(api, said, body)


def number_asked(value: Any) -> int | None:
    """Return how many choices a field of a request asks for: one if it is missing; `None` if it is invalid."""
    number = 1 if value is None else value
    return number if isinstance(number, int) and number > 0 else None


class Choices:
    """The choices of an answer and why they ended. The answer is finished once every choice seen has a reason, or once
    as many have one as were asked for: gateways number the pieces of one choice by its tokens (TGI), or by the blocks
    of the provider behind them (LiteLLM), and end only one of these numbers.

    asked   how many choices the request asked for; `None` if unknown
    reason  the latest choice's; once a choice has failed, its reason stays
    """

    def __init__(self, api: str, asked: int | None = None) -> None:
        self.reason: str | None = None
        self._api, self._asked = api, asked
        self._by: Json | None = None
        self._seen: set[Any] = set()
        self._ended: set[Any] = set()

    def take(self, number: int, choice: Json, reason: str | None) -> None:
        """Take a choice, or a piece of one; `number` is its place in the list, used if it has no valid index."""
        index = choice.get("index")
        index = index if isinstance(index, INDEX) else number
        if index not in self._seen:
            self._see(index)
        if reason:
            self._ended.add(index)
            if not is_settled(self._api, self.reason):
                self.reason, self._by = reason, choice

    def _see(self, index: float | str) -> None:
        """Raises `MalformedAnswer` for what would fill the memory."""
        if len(self._seen) == MOST_CHOICES or len(str(index)) > LONGEST_INDEX:
            raise MalformedAnswer(f"more than {MOST_CHOICES:,} choices, or one of an endless index")
        self._seen.add(index)

    def finished(self, is_done: bool = True) -> Answer:
        """Yield the `Finish` if the answer is finished and `is_done`, or a choice failed. Raises as `finished` does."""
        if self.reason and (is_settled(self._api, self.reason) or (is_done and self._have_ended())):
            yield from finished(self._api, self.reason, self._by)

    def _have_ended(self) -> bool:
        return self._seen == self._ended or (self._asked is not None and len(self._ended) >= self._asked)
