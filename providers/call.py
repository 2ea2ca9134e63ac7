"""What a call is made of and what it leaves behind: the vocabulary of the whole project. Stdlib only."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Outcome = Literal["ok", "failed", "aborted"]


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the answer's text, as it arrived; `reasoning` text is not shown to an end user."""

    text: str
    reasoning: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the provider reports them; `None` where it reports none. Never counted from text."""

    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """The provider said that its answer is complete; `reason` in its own words, `None` if it gave none."""

    reason: str | None


Part = Delta | Usage | Finish
Answer = Iterator[Part]


class IncompleteAnswer(Exception):
    """The answer ended, and the SDK was content, but the provider never said that it was finished."""


@dataclass(slots=True)
class Call:
    """One call, from just before the SDK was called to the last byte of the answer. `None`: not observed.

    timestamp        wall clock at the start, UTC
    start_s          the same moment in seconds after the run's start, on the monotonic clock
    latency_s        start -> last byte of the answer; of a failure without one, start -> the exception;
                     `None` for an aborted call, which never ended
    response_bytes   the answer's body as received: chunk framing removed, compression not
    status           the HTTP status, if an answer's head arrived
    outcome          ok: the provider finished its answer. failed: it ended any other way.
                     aborted: the end of the run cut it off
    error            `Class: message` of the SDK's exception, secrets removed
    connection       new or reused; `None` without a socket (the in-process mock)
    """

    run_id: str
    request: int
    provider: str
    model: str
    api: str
    mode: Literal["mock", "real"]
    prompt_id: str
    prompt: str
    timestamp: datetime
    start_s: float
    latency_s: float | None = None
    response_bytes: int | None = None
    status: int | None = None
    outcome: Outcome = "aborted"
    error: str | None = None
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    connection: Literal["new", "reused"] | None = None

    def take(self, part: Part) -> None:
        """Keep what a part of the answer tells. Text itself is measured, not kept."""
        match part:
            case Usage():
                self.input_tokens = part.input_tokens
                self.output_tokens = part.output_tokens
            case Finish():
                self.finish_reason = part.reason
                self.outcome = "ok"
            case Delta():
                pass
