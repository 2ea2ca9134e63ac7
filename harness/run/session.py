"""One run as its users see it: permits, prompts, a client, and a record of ended calls."""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from harness.load.closed_loop import Budget
from harness.load.permits import PermitQueue
from harness.plan.plan import Plan
from harness.run import preflight
from harness.secrets import Secrets
from prompts.draws import Prompts
from providers.base import Provider
from providers.call import Call
from providers.conversation import Conversation
from providers.permit import Granted, Permit, SideName
from providers.prompt import Prompt
from summary.cells import escaped, printable
from summary.render.hints import is_about_a_model
from wire.exchange import LOGGED_BYTES, Exchange
from wire.httpx2_plug import decoded, decompressed

MOST_NAMED, MOST_CHARACTERS = 5, 80
LONGEST_ESCAPE = 6
"""How many characters one can become in JSON."""

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
    stream     tells this process's draws from others', if each process numbers its calls for itself; else 0
    in_flight  the number of calls in flight
    alone      whether there is only one user: then each call's end is logged
    """

    def __init__(
        self,
        plan: Plan,
        sides: Mapping[SideName | None, Provider],
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
        self._plays, self._is_recorded = plan.plays_conversations, plan.history == "recorded"
        warmup = 0 if self._plays else plan.warmup
        self._prompts = Prompts(
            plan.files, plan.selection_mode, plan.seed, plan.cache_bust, stream, warmup, plan.system
        )
        self._permits, self._keep = permits, keep
        self._has_ended_one = False
        self.warmup_calls = plan.warmup_calls

    def take_permit(self, is_talking: bool) -> Permit | None:
        permit = self._permits.take(begins=self._plays and not is_talking)
        self.in_flight += permit is not None
        return permit

    def prompt_of(self, permit: Permit) -> Prompt:
        """Return the prompt of a permit's calls: both calls of a pair have the same one."""
        return self._prompts.of_call(-(-permit.number // permit.calls))

    def conversation_of(self, permit: Permit) -> Conversation | None:
        if permit.conversation is None:
            return None
        return Conversation(self._prompts.of_conversation(permit.conversation), permit.conversation, self._is_recorded)

    def record(self, call: Call, exchange: Exchange) -> None:
        """Record, log and count an ended call; it may be the run's last."""
        try:
            self._keep(call)
            _log.log(self._level(call), "%s", _line(call))
            if self.keep_bodies and exchange.status is not None:
                _log.info("%s", _body_line(exchange, self.redact))
            self._explain_a_404(call)
        finally:  # The run waits for each call's end.
            self.in_flight -= call.order != 1  # The second call of a pair begins as the first one ends.
            self._permits.end(call.request)

    def _explain_a_404(self, call: Call) -> None:
        """If the first call to end gets a 404, log which address or models would answer. The run waits for it."""
        is_first, self._has_ended_one = not self._has_ended_one, True
        if not is_first or call.status != 404:
            return
        side = self.sides[call.side]
        if is_about_a_model(call.error or "") and (models := preflight.listed_models(side)):
            _log.error("no such model (404); the server lists %s", self.redact(_few(models)))
        else:
            self._correct_the_address(side)

    def _correct_the_address(self, side: Provider) -> None:
        if address := preflight.answering_address(side):
            asked, found = self.redact(side.settings.host), self.redact(address)
            _log.error("%s has no such API (404), but %s has: use it as -H or LLM_ENDPOINT_URL", asked, found)

    def _level(self, call: Call) -> int:
        if not self.alone:
            return logging.DEBUG
        return logging.WARNING if call.outcome == "failed" else logging.INFO


class NoSession:
    """The session of users that make no calls, on a master or in a refused run: it has no permits."""

    run_id, began_at, started_at = "", datetime.min.replace(tzinfo=UTC), 0.0
    sides: Mapping[SideName | None, Provider] = {}
    keep_bodies, warmup_calls = False, 0

    def take_permit(self, is_talking: bool) -> None:
        return None

    def granted(self, permit: Permit) -> list[Granted]:
        return []

    def withdraw(self, user: object) -> None:
        """Do nothing: no user waits for a permit."""

    def prompt_of(self, permit: Permit) -> Prompt:
        raise LookupError("no call without a permit")

    def conversation_of(self, permit: Permit) -> None:
        return None

    def redact(self, text: str) -> str:
        return text

    def record(self, call: Call, exchange: Exchange) -> None:
        """Do nothing: there is no call."""


def _few(names: list[str]) -> str:
    """Return the first names from a server, each shortened."""
    some = [printable(name[:MOST_CHARACTERS]) for name in names[:MOST_NAMED]]
    return ", ".join([*some, "…"] if len(names) > MOST_NAMED else some)


def _line(call: Call) -> str:
    latency = "" if call.latency_s is None else f"{call.latency_s:.3f}s"
    if call.outcome == "ok":
        return f"[{call.request}] Latency: {latency}"
    if call.outcome == "aborted":
        return f"[{call.request}] Aborted by the end of the run"
    status = f"HTTP {call.status}, " if call.status else ""
    return f"[{call.request}] Failed after {latency}: {status}{call.error}"


def _body_line(exchange: Exchange, redact: Callable[[str], str]) -> str:
    """Return the answer's body, decompressed, as one line of JSON that any log can write and any terminal show: lone
    surrogates replaced, control characters escaped. Of a body that would make a longer line than `LOGGED_BYTES`, return
    the beginning. The log masks what is secret in it, except in numbers, where a mask would not be JSON."""
    body = _text(exchange)
    try:
        line = _in_one_line(_with_masked_numbers(body, redact))
    except (ValueError, RecursionError):
        line = _in_one_line(body)
    return line if len(line) <= LOGGED_BYTES else _in_one_line(body[: LOGGED_BYTES // LONGEST_ESCAPE])


def _in_one_line(value: object) -> str:
    """Return a value as JSON. Raises `ValueError` for a number that JSON doesn't have, such as NaN."""
    return escaped(json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace").decode())


def _with_masked_numbers(body: str, redact: Callable[[str], str]) -> object:
    """Return a body's JSON, with a masked text for a number with a secret in it. All numbers are searched at once:
    thousands, one by one, would hold up the event loop for seconds. Raises `ValueError` if one mask hides several."""
    shown: list[str] = []

    def noted(number: float) -> float:
        shown.append(repr(number))
        return number

    value: object = json.loads(
        body, parse_int=lambda text: noted(int(text)), parse_float=lambda text: noted(float(text))
    )
    together = "\n".join(shown)
    if (masked := redact(together)) == together:
        return value
    pairs = zip(shown, masked.split("\n"), strict=True)
    texts = iter([text if text != number else None for number, text in pairs])
    masking: object = json.loads(
        body, parse_int=lambda text: next(texts) or int(text), parse_float=lambda text: next(texts) or float(text)
    )
    return masking


def _text(exchange: Exchange) -> str:
    """Return the beginning of the body as a text, in the charset that it names, if that is one. A body with NULs is in
    UTF-16 or UTF-32: read as anything else, they would hide a secret in it from its mask."""
    body = decompressed(exchange.headers, bytes(exchange.body), LOGGED_BYTES)
    if b"\0" in body:
        return body.decode(json.detect_encoding(body), "replace")
    try:
        return decoded(exchange.headers, body)
    except (AssertionError, LookupError, TypeError, ValueError):  # Python's encodings include some of no text: hex.
        return body.decode("utf-8", "replace")
