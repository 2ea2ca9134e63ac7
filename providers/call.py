"""What a call is made of and what it leaves behind; every figure of a call is defined here. Stdlib only."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Json = dict[str, Any]
Outcome = Literal["ok", "failed", "aborted", "dropped"]


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the answer's text, as it arrived; `reasoning` text is not shown to an end user."""

    text: str
    reasoning: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the provider reports them, made comparable; `None` where it reports none. Never counted
    from text: chunks are not tokens.

    input_tokens includes cached_tokens, output_tokens includes reasoning_tokens.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """The provider said that its answer is complete; `reason` in its own words, `None` if it gave none."""

    reason: str | None


def counted(value: Any) -> int | None:
    """Return a provider's token count; `None` for what is no count, however it was reported."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def total(*counts: Any) -> int | None:
    """Return the sum of those that are counts; `None` if none is."""
    known = [count for count in map(counted, counts) if count is not None]
    return sum(known) if known else None


Part = Delta | Usage | Finish
Answer = Iterator[Part]


class IncompleteStream(Exception):
    """The answer ended, and the SDK was content, but the provider never said that it was finished."""


class ErrorInStream(Exception):
    """The provider reported an error in the middle of an answer that had begun with a 200."""


@dataclass(slots=True)
class Call:
    """One call, from just before the SDK was called to the last byte of the answer. `None`: not observed.

    All times but `timestamp` are seconds on the monotonic clock; those from `latency_s` on count from the call's start.

    timestamp            wall clock at the start, UTC
    start_s              the start, counted from the run's start
    latency_s            start -> last byte of the answer; of a failure without one, start -> the exception;
                         `None` for an aborted call, which never ended
    response_bytes       the answer's body as received: chunk framing removed, compression not
    status               the HTTP status, if an answer's head arrived
    outcome              ok: the provider finished its answer. failed: it ended any other way.
                         aborted: the end of the run cut it off. dropped: no user was free for it (open loop)
    error                `Class: message` of the SDK's exception, secrets removed
    connection           new or reused; `None` without a socket (the in-process mock)
    phase                warmup calls are out of every figure
    connect_s            of a new connection: start of name resolution -> end of TLS
    ttfb_s               start -> first byte of the body
    ttft_s               start -> the read that completed the first text, reasoning included (streams only)
    ttfv_s               start -> the read that completed the first visible text, not reasoning (streams only)
    tpot_s               (last content - ttft) / (output_tokens - 1): time per output token after the first;
                         `None` without usage or below 2 tokens
    itl_mean_s, _max_s   over the gaps between two reads that carried content (reads, not tokens)
    output_tokens_per_s  1 / tpot_s
    lag_s                how late, at worst, an arrived packet was taken up: our own lateness, already left out of the
                         other figures; `None` where the kernel gives no arrival times (TLS, not Linux, the mock)
    worker               which worker made the call, in a distributed run
    scheduled_at         when it should have started, UTC (open loop only, as the next three)
    start_lag_s          how long after that it started; `None` for a dropped call, which never did: its start_s and
                         timestamp are those of its schedule
    latency_from_schedule_s  start_lag_s + latency_s: what a client that sent on time would have waited
    stage                of the schedule, from 1
    content_events       pieces of the answer that carried content: text, reasoning, a tool call or a refusal; 0 for an
                         answer that was finished without any
    content_reads        the reads that completed them (streams only): 1 for a stream that arrived in one piece
    joined_reads         reads with more than one piece that were taken up late: their packets may have come apart
    error_reason         what failed on the wire, in fixed words such as `refused` or `timed out within the body`;
                         `None` for an answer that says itself what is wrong
    gaps_s               the gaps themselves: for the run's histogram, no column
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
    phase: Literal["warmup", "measured"] = "measured"
    connect_s: float | None = None
    ttfb_s: float | None = None
    ttft_s: float | None = None
    ttfv_s: float | None = None
    tpot_s: float | None = None
    itl_mean_s: float | None = None
    itl_max_s: float | None = None
    output_tokens_per_s: float | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    lag_s: float | None = None
    worker: str | None = None
    scheduled_at: datetime | None = None
    start_lag_s: float | None = None
    latency_from_schedule_s: float | None = None
    stage: int | None = None
    content_events: int | None = None
    content_reads: int | None = None
    joined_reads: int | None = None
    error_reason: str | None = None
    gaps_s: list[float] = field(default_factory=list, repr=False)
    _last_content_s: float | None = None

    def take(self, part: Part, at_s: float | None) -> None:
        """Keep what a part of the answer tells. `at_s`: when the read arrived that completed it, counted from the
        call's start; `None` for an answer that comes whole, whose pace is not observed."""
        if isinstance(part, Delta):
            if at_s is not None and part.text:
                self._take_text(part, at_s)
        elif isinstance(part, Usage):
            self.input_tokens, self.output_tokens = counted(part.input_tokens), counted(part.output_tokens)
            self.cached_tokens, self.reasoning_tokens = counted(part.cached_tokens), counted(part.reasoning_tokens)
        else:
            self.finish_reason = part.reason

    def _take_text(self, part: Delta, at_s: float) -> None:
        last_s = self._last_content_s
        if last_s is None:
            self.ttft_s = at_s
        elif at_s != last_s:
            self.gaps_s.append(at_s - last_s)
        self._last_content_s = at_s
        if self.ttfv_s is None and not part.reasoning:
            self.ttfv_s = at_s

    def conclude_pace(self) -> None:
        """Work out the figures that need the whole answer."""
        if self.gaps_s:
            self.itl_mean_s = sum(self.gaps_s) / len(self.gaps_s)
            self.itl_max_s = max(self.gaps_s)
        if self.ttft_s is None or self._last_content_s is None or (self.output_tokens or 0) < 2:
            return
        self.tpot_s = (self._last_content_s - self.ttft_s) / ((self.output_tokens or 0) - 1)
        if self.tpot_s:
            self.output_tokens_per_s = 1 / self.tpot_s
