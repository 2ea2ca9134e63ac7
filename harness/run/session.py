"""One run as its users see it: permits, prompts, a client, and a record of ended calls."""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import httpx2

import seeds
from harness.load.closed_loop import Budget
from harness.load.permits import PermitQueue
from harness.plan.plan import Plan
from harness.secrets import Secrets
from providers.call import Call
from providers.permit import Granted, Permit, SideName
from providers.side import Side
from wire.exchange import Exchange
from wire.httpx2_plug import decompressed

_log = logging.getLogger("llm")


class RunStart(NamedTuple):
    """The run's id and start, as wall-clock time and on this process's monotonic clock."""

    run_id: str
    began_at: datetime
    started_at: float


class CallSession:
    """Implements `providers.user.Session` for one plan.

    permits    hands out the calls, here or for a master
    keep       is called with each ended call, before Locust hears of it
    in_flight  the number of calls in flight
    alone      whether there is only one user: then each call's end is logged
    """

    def __init__(
        self,
        plan: Plan,
        sides: Mapping[SideName | None, Side],
        start: RunStart,
        secrets: Secrets,
        permits: Budget | PermitQueue,
        keep: Callable[[Call], None],
        stream: int = 0,
        alone: bool = False,
    ) -> None:
        self.run_id, self.began_at, self.started_at = start
        self.sides = sides
        self.keep_bodies = plan.log_bodies
        self.granted = plan.grant()
        self.withdraw = permits.withdraw
        self.in_flight = 0
        self.redact = secrets.redact
        self.alone = alone
        self._prompts = seeds.Prompts(plan.files, plan.selection_mode, plan.seed, plan.cache_bust, stream)
        self._permits, self._keep = permits, keep
        self.warmup_calls = plan.warmup_calls

    def take_permit(self) -> Permit | None:
        permit = self._permits.take()
        self.in_flight += permit is not None
        return permit

    def next_prompt(self) -> seeds.Prompt:
        return next(self._prompts)

    def record(self, call: Call, exchange: Exchange) -> None:
        """Record, log and count an ended call; it may be the run's last."""
        try:
            self._keep(call)
            _log.log(self._level(call), "%s", _line(call))
            if self.keep_bodies and exchange.status is not None:
                _log.info("%s", _body_line(exchange))
        finally:  # The run waits for each call's end.
            self.in_flight -= call.order != 1  # The second call of a pair begins as the first one ends.
            self._permits.end(call.request)

    def _level(self, call: Call) -> int:
        if not self.alone:
            return logging.DEBUG
        return logging.WARNING if call.outcome == "failed" else logging.INFO


class NoSession:
    """The session of users that make no calls, on a master or in a refused run: it has no permits."""

    run_id, began_at, started_at = "", datetime.min.replace(tzinfo=UTC), 0.0
    sides: Mapping[SideName | None, Side] = {}
    keep_bodies, warmup_calls = False, 0

    def take_permit(self) -> None:
        return None

    def granted(self, permit: Permit) -> list[Granted]:
        return []

    def withdraw(self, user: object) -> None:
        """Do nothing: no user waits for a permit."""

    def next_prompt(self) -> seeds.Prompt:
        raise LookupError("no call without a permit")

    def redact(self, text: str) -> str:
        return text

    def record(self, call: Call, exchange: Exchange) -> None:
        """Do nothing: there is no call."""


def _line(call: Call) -> str:
    latency = "" if call.latency_s is None else f"{call.latency_s:.3f}s"
    if call.outcome == "ok":
        return f"[{call.request}] Latency: {latency}"
    if call.outcome == "aborted":
        return f"[{call.request}] Aborted by the end of the run"
    status = f"HTTP {call.status}, " if call.status else ""
    return f"[{call.request}] Failed after {latency}: {status}{call.error}"


def _body_line(exchange: Exchange) -> str:
    """Return the answer's body, decompressed, as one line of JSON that any log can write: lone surrogates replaced."""
    body = _text(exchange)
    try:
        line = json.dumps(json.loads(body), ensure_ascii=False)
    except (ValueError, RecursionError):
        line = json.dumps(body, ensure_ascii=False)
    return line.encode("utf-8", "replace").decode()


def _text(exchange: Exchange) -> str:
    """Return the body as a text, in the charset that it names, if that is one."""
    body = decompressed(exchange.headers, bytes(exchange.body))
    headers = [(name, value) for name, value in exchange.headers if name.lower() == "content-type"]
    try:
        return httpx2.Response(200, headers=headers, content=body).text
    except (AssertionError, LookupError, TypeError, ValueError):  # Python's encodings include some of no text: hex.
        return body.decode("utf-8", "replace")
