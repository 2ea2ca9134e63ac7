"""The parts of an answer and the record of a call; every figure of a call is defined here. Stdlib only."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

Json = dict[str, Any]
Outcome = Literal["ok", "failed", "aborted", "dropped"]


class Delta(NamedTuple):
    """A piece of the answer's content, as it arrived: text, reasoning, a tool call's name or arguments, or a refusal.

    reasoning  it is not shown to the end user
    partial    the provider streams less of this reasoning than it counts: only a summary, or nothing (an empty text)
    """

    text: str
    reasoning: bool = False
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the provider reports them, made comparable: input_tokens includes cached_tokens, output_tokens
    includes reasoning_tokens. `None` where it reports none; never counted from text, as chunks are not tokens.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """The provider's statement that its answer is complete; `reason` is in its words, `None` if it gave none."""

    reason: str | None


MOST_TOKENS = 10**12
"""A larger count is invalid: sums of such counts would overflow a float, and ruin every figure of the run."""


def counted(value: Any) -> int | None:
    """Return a provider's token count; `None` if it is not a valid count."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS
    return value if is_count else None


def total(count: Any, *more: Any) -> int | None:
    """Return the sum of a count and of more that belong to it, which can be missing; `None` if the count itself is
    missing, or if one of them is not valid: a part is not the sum."""
    counts = [counted(each) for each in (count, *more) if each is not None]
    return None if count is None or None in counts else sum(filter(None, counts))


class Said(NamedTuple):
    """What the server says of itself within its answer, by the sources in `providers.claims`."""

    fields: Json


Part = Delta | Usage | Finish | Said
Answer = Iterator[Part]


class IncompleteStream(Exception):
    """The answer ended without an error from the SDK, but the provider never said that it was finished."""


class ErrorInStream(Exception):
    """The provider reported an error within an answer that began with a 200; the message is the provider's."""


class MalformedAnswer(Exception):
    """The answer, or one of its events, is not in the API's format; the message quotes its beginning."""


SPREAD_LIMIT_S = 0.001
"""Pieces of one read that may have arrived over a longer time than this have no individual times."""

FIRST_SPREAD_LIMIT = 0.05
"""The first of them makes TTFT doubtful only if it may have arrived earlier by this share of TTFT."""


def title_of(api: str, model: str, side: str | None) -> str:
    """Return the name under which Locust counts calls."""
    return f"{api} {model}{f' ({side})' if side else ''}"


@dataclass(slots=True)
class Call:
    """One call, from just before the SDK was called to the last byte of the answer. `None` means not observed.

    All times except `timestamp` and `scheduled_at` are seconds on the monotonic clock. `start ->` is the call's start.

    timestamp            the start, UTC, by the wall clock at the run's start: a worker's may differ from its master's
    start_s              the start, counted from the run's start
    latency_s            start -> last byte of the answer; for a stream, the read that completed its last event, so
                         without later pings; for a failure without either, start -> the exception;
                         `None` for an aborted call, which never ended
    response_bytes       the answer's body as received: chunk framing removed, compression not
    status               the HTTP status, if an answer's head arrived
    outcome              ok: the provider finished its answer. failed: it ended any other way.
                         aborted: the end of the run cut it off. dropped: no user was free for it (open loop)
    error                `Class: message` of the SDK's exception, secrets removed
    connection           new or reused; `None` without a socket (the in-process mock)
    phase                warmup calls are excluded from every figure
    connect_s            for a new connection: start of name resolution -> end of TLS
    ttfb_s               start -> first byte of the body
    ttft_s               start -> the read that completed the first content, reasoning included (streams only)
    ttfv_s               start -> the read that completed the first visible content, not reasoning (streams only)
    tpot_s               (last content - ttft) / (output_tokens - 1): time per output token after the first;
                         `None` without usage, below 2 tokens, or if no pace was observed. If reasoning was counted
                         but not streamed in full, only the visible part:
                         (last content - ttfv) / (output_tokens - reasoning_tokens - 1)
    itl_mean_s, _max_s   over the gaps between two reads that carried content (reads, not tokens); `None` if no pace
                         was observed
    output_tokens_per_s  1 / tpot_s
    lag_s                the longest time that the first byte of a read may have waited for the client. The other
                         figures exclude it, except for joined reads; `None` if the kernel gives no arrival times (not
                         Linux, the mock)
    worker               which worker made the call, in a distributed run
    scheduled_at         when it should have started, UTC (open loop only, like the next three)
    start_lag_s          how long after that it started; `None` for a dropped call, which never started: its start_s and
                         timestamp are the scheduled ones
    latency_from_schedule_s  start_lag_s + latency_s: how long a client that sent on time would have waited
    stage                of the schedule, from 1
    content_events       pieces of the answer that carried content: text, reasoning, a tool call or a refusal; 0 for an
                         answer that finished without any
    content_reads        the reads that completed them (streams only): 1 for a stream that arrived in one piece
    joined_reads         late reads of more than one piece, which may have arrived over more than `SPREAD_LIMIT_S`: all
                         pieces have the time of the last. `None` if the kernel gives no arrival times
    joined_events        the pieces of content in those reads
    first_read_joined    1 if the first content came in such a read, so that TTFT may be too long by over 5 %; else 0
    send_s               start -> the request handed to the wire, without connect_s: how long the SDK took to build it,
                         and how long the client was kept from sending
    error_reason         what failed on the wire, in fixed words such as `refused` or `timed out within the body`;
                         `None` for an answer that itself says what is wrong
    side                 in a run with a baseline: target or baseline
    pair                 the number of the call's pair, from 1: one call to each side, with the same prompt
    order                1 for the first call of its pair, 2 for the second, which starts when the first has ended
    head_s               start -> the answer's head
    server_request_id    the call's id at the server that was asked, by which its owner finds it
    server_says          JSON: what the server and proxies say of the call (see `providers.claims`). Claims, not
                         measurements
    conversation, turn   in a run that plays conversations: the conversation's number in the run, and the turn's in it,
                         both from 1
    gaps_s               the gaps themselves, for the run's histogram; not a column
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
    first_read_joined: int | None = None
    joined_events: int | None = None
    send_s: float | None = None
    error_reason: str | None = None
    side: Literal["target", "baseline"] | None = None
    pair: int | None = None
    order: int | None = None
    head_s: float | None = None
    server_request_id: str | None = None
    server_says: str | None = None
    conversation: int | None = None
    turn: int | None = None
    gaps_s: list[float] = field(default_factory=list, repr=False)
    _said: Json | None = None
    _last_content_s: float | None = None
    _last_reasoning_s: float | None = None
    _is_partial: bool = False
    _first_read_events: int = 0
    _read_is_joined: bool = False

    @property
    def title(self) -> str:
        """The name under which Locust counts it."""
        return title_of(self.api, self.model, self.side)

    def take(self, part: Part, at_s: float | None, read_spread_s: float | None = None) -> None:
        """Record a part of the answer.

        at_s           when the read that completed it arrived, counted from the call's start; `None` for a whole
                       answer, whose pace is not observed
        read_spread_s  the longest time over which that read's bytes may have arrived; `None` if unknown
        """
        if isinstance(part, Delta):
            self._take_content(part, at_s, read_spread_s)
        elif isinstance(part, Usage):
            self._take_usage(part)
        elif isinstance(part, Finish):
            self.finish_reason = part.reason
        else:
            self._said = {**self.said, **part.fields}
        if self.content_events is None:
            self.content_events = 0

    @property
    def said(self) -> Json:
        """What the server said of itself within the answer."""
        return self._said or {}

    def _take_content(self, part: Delta, at_s: float | None, read_spread_s: float | None) -> None:
        self._is_partial = self._is_partial or part.partial
        if not part.text:
            return
        self.content_events = (self.content_events or 0) + 1
        self.output_tokens = self.reasoning_tokens = None  # Counts of what came before are not the answer's.
        if at_s is None:
            return
        if at_s == self._last_content_s:
            self._take_joined(read_spread_s)
        else:
            self._take_read(at_s, read_spread_s)
        if part.reasoning:
            self._last_reasoning_s = at_s
        elif self.ttfv_s is None:
            self.ttfv_s = at_s

    def _take_read(self, at_s: float, read_spread_s: float | None) -> None:
        """Record the first content of a read."""
        if self._last_content_s is None:
            self.ttft_s = at_s
            self._first_read_events = 1
        else:
            self.gaps_s.append(at_s - self._last_content_s)
        self._last_content_s = at_s
        self.content_reads = (self.content_reads or 0) + 1
        self._read_is_joined = False
        if read_spread_s is not None and self.joined_reads is None:
            self.joined_reads = self.joined_events = self.first_read_joined = 0

    def _take_joined(self, read_spread_s: float | None) -> None:
        """Record more content of the same read."""
        if self.content_reads == 1:
            self._first_read_events += 1
        if self._read_is_joined:
            self.joined_events = (self.joined_events or 0) + 1
        elif read_spread_s is not None and read_spread_s > SPREAD_LIMIT_S:
            self.joined_reads = (self.joined_reads or 0) + 1
            self.joined_events = (self.joined_events or 0) + 2
            is_first = self.content_reads == 1 and read_spread_s > FIRST_SPREAD_LIMIT * (self.ttft_s or 0.0)
            self.first_read_joined = int(is_first or self.first_read_joined == 1)
            self._read_is_joined = True

    def _take_usage(self, usage: Usage) -> None:
        """Record token counts. Later counts replace earlier ones; missing counts and zeros do not: counts only grow."""
        for name in ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"):
            count = counted(getattr(usage, name))
            if count or (count == 0 and getattr(self, name) is None):
                setattr(self, name, count)

    def conclude_counts(self) -> None:
        """Remove zeros that can't be counts: some servers report them in place of none."""
        self.input_tokens = self.input_tokens or None
        if self.content_events:
            self.output_tokens = self.output_tokens or None

    def conclude_pace(self) -> None:
        """Compute the figures that need the whole answer."""
        if not self._has_pace():
            self.gaps_s.clear()
            return
        self.itl_mean_s = sum(self.gaps_s) / len(self.gaps_s)
        self.itl_max_s = max(self.gaps_s)
        self.tpot_s = self._time_per_token()
        if self.tpot_s:
            self.output_tokens_per_s = 1 / self.tpot_s

    def _has_pace(self) -> bool:
        """Return whether the reads show the pace at which the content was produced.

        A buffering proxy joins content that was produced separately. What it holds back until the first read adds
        tokens but no gap: a first read with a tenth of the events makes TPOT a tenth too small, which is the limit. A
        first read of one event is the normal case, and always accepted. Two reads of many events show one flush, not a
        pace; a short answer has no more than two.
        """
        events, reads = self.content_events or 0, self.content_reads or 0
        if reads < 2 or reads < min(events, 3):
            return False
        return self._first_read_events == 1 or self._first_read_events * 10 <= events

    def _time_per_token(self) -> float | None:
        """Return the time over which tokens were streamed divided by the number of just these tokens."""
        first_s, tokens, hidden = self.ttft_s, self.output_tokens, self.reasoning_tokens
        if self._is_partial or (hidden and self._last_reasoning_s is None):
            if hidden is None or self.ttfv_s is None or (self._last_reasoning_s or 0.0) > self.ttfv_s:
                return None
            first_s, tokens = self.ttfv_s, (tokens or 0) - hidden
        if first_s is None or self._last_content_s is None or (tokens or 0) < 2:
            return None
        return (self._last_content_s - first_s) / ((tokens or 0) - 1) or None
