"""The user that makes and measures calls."""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, cast

import gevent
from locust import User, task
from locust.exception import StopUser
from locust.user.users import UserMeta

import locust_inside
from providers import claims
from providers.answers.document import SURPRISES
from providers.answers.refusal import delay_asked, missing_words, words_of_body
from providers.base import FieldRefused, Provider
from providers.call import Call, Finish, IncompleteStream, Json, MalformedAnswer
from providers.conversation import Conversation
from providers.permit import Granted, Permit, SideName
from providers.prompt import Prompt, said
from wire.exchange import DeadlineExceeded, Exchange, WireError, exchange, now
from wire.turns import turns

ERROR_CHARACTERS, REASON_CHARACTERS, CLAIM_CHARACTERS = 500, 100, 100
"""How much of a server's text is kept in a row."""

SEARCHED_CHARACTERS, UNSURE_CHARACTERS = 20_000, 500
"""How much of a server's text is searched for secrets: a page of megabytes would hold up the event loop for seconds. At
its end, a secret can have been cut too short to be recognised."""

NO_PROMPT = Prompt("", said(""))
"""Stands in the row of a call whose prompt could not be made."""


class CallFailed(Exception):
    """A failed call as reported to Locust: the SDK's exception class, the HTTP status, and what failed on the wire, so
    that failures of one kind are equal.

    The SDK's exception is its `__cause__` while listeners hear of it. Locust keeps one of each kind.
    """

    def __repr__(self) -> str:
        return str(self)


class Refused(NamedTuple):
    """An attempt at a call that the server refused because of a field, and that is made again.

    took_s      how long it took, until the call is made again
    connection  new if it opened one
    """

    field: str
    took_s: float
    connection: Literal["new", "reused"] | None


class Session(Protocol):
    """A run as its users see it.

    began_at, started_at  when it began, on the wall clock and on the monotonic clock
    sides                 what makes the calls to each side: `None` is the only one of a run without a baseline
    warmup_calls          calls up to this number are not measured
    """

    run_id: str
    began_at: datetime
    started_at: float
    sides: Mapping[SideName | None, Provider]
    keep_bodies: bool
    warmup_calls: int

    def take_permit(self, is_talking: bool) -> Permit | None:
        """Wait until the next call is due and return its permit; `None` when there are no more calls.

        is_talking  whether the user is in a conversation: otherwise the permit begins one, if the run plays any
        """

    def granted(self, permit: Permit) -> Iterable[Granted]:
        """Return the calls that a permit grants, in the order in which to make them."""

    def withdraw(self, user: Any) -> None:
        """End a user's wait for a permit, if it is waiting; it gets none."""

    def prompt_of(self, permit: Permit) -> Prompt: ...

    def conversation_of(self, permit: Permit) -> Conversation | None:
        """Return the conversation that a permit begins, if it does."""

    def redact(self, text: str) -> str:
        """Return the text without any secret of the run."""

    def record(self, call: Call, exchange: Exchange) -> None:
        """Record a call that has ended. Never raises."""


class LLMUser(User):
    """Sends its provider one prompt after another, and measures each call."""

    abstract = True
    provider: ClassVar[type[Provider]]
    session: ClassVar[Session]

    def on_start(self) -> None:
        self.conversation: Conversation | None = None
        self.sides = self.session.sides

    def stop(self, force: bool = False) -> bool:
        """Ask the user to stop after its current call, even if it is between calls or waiting for one. Locust would
        kill it then, and it may have begun its next call by the time the kill arrives."""
        if force or locust_inside.is_unstarted(self):
            return bool(super().stop(force))
        locust_inside.stop_after_this_call(self)
        self.session.withdraw(self.greenlet)
        return False

    @task
    def ask(self) -> None:
        """Make the calls of one permit; stop if there is none."""
        turns().take()
        permit = self.session.take_permit(is_talking=self.conversation is not None)
        if permit is None:
            raise StopUser
        try:
            self.conversation = self.conversation or self.session.conversation_of(permit)
            prompt = self.conversation.next_prompt() if self.conversation else self.session.prompt_of(permit)
        except Exception as error:
            self._fail_calls(permit, error)
        else:
            self._make_calls(permit, prompt)
        if self.conversation and self.conversation.is_over:
            self.conversation = None

    def _fail_calls(self, permit: Permit, error: Exception) -> None:
        """Record the calls of a permit as failed, because of a fault of ours: the run would wait for them forever."""
        for granted in self.session.granted(permit):
            with exchange() as wired:
                call, started_at = self._begin(permit, granted, NO_PROMPT)
                call.outcome, call.error = "failed", self._shown(_error_text(error, wired), ERROR_CHARACTERS)
                self._record(call, wired, started_at, None)
                self._end(call, error)

    def _make_calls(self, permit: Permit, prompt: Prompt) -> None:
        """Make the calls of a permit, one after the other."""
        left = deque(self.session.granted(permit))
        try:
            while left:
                if left[0].order == 2:
                    turns().take()
                self._call(permit, left.popleft(), prompt)
        finally:
            for granted in left:  # The end of the run cut off their pair.
                with exchange() as wired:
                    self.session.record(self._begin(permit, granted, prompt)[0], wired)

    def _call(self, permit: Permit, granted: Granted, prompt: Prompt) -> None:
        """Make one call. If the server refuses a field that the provider can do without, the call is made again, with a
        clock and a due time of its own, in what is left of the timeout; its row says so."""
        refused = self._attempt(permit, granted, prompt)
        if refused is not None:
            self._attempt(permit.put_off(refused.took_s), granted, prompt, refused)

    def _attempt(
        self, permit: Permit, granted: Granted, prompt: Prompt, before: Refused | None = None
    ) -> Refused | None:
        """Make one call, from start to record. If a field is refused, return that: nothing is recorded then.

        before  the attempt that this one repeats
        """
        with exchange(self.session.keep_bodies) as wired:
            call, started_at = self._begin(permit, granted, prompt)
            error: Exception | None = None
            try:
                error = self._measure(call, wired, prompt, started_at, before)
            finally:
                if not isinstance(error, FieldRefused):
                    self._record(call, wired, started_at, before)
        if isinstance(error, FieldRefused):
            return Refused(error.field, now() - started_at, wired.connection)
        self._end(call, error)
        return None

    def _end(self, call: Call, error: Exception | None) -> None:
        if self.conversation and call.outcome != "ok":
            self.conversation.fail()
        if call.phase == "measured":
            self._report_to_locust(call, error)
        _let_go(error)

    def _record(self, call: Call, wired: Exchange, started_at: float, before: Refused | None) -> None:
        try:
            _conclude(call, wired, started_at)
            if before is not None and before.connection == "new":
                call.connection = "new"
            self._take_claims(call, wired, {before.field: True} if before else {})
        finally:  # The run would wait forever for a call that is never recorded.
            self.session.record(call, wired)

    def _begin(self, permit: Permit, granted: Granted, prompt: Prompt) -> tuple[Call, float]:
        session, settings = self.session, self.sides[granted.side].settings
        started_at = now()
        start_s = started_at - session.started_at
        call = Call(
            session.run_id, granted.number, settings.provider, settings.model, settings.api, settings.mode,
            prompt.prompt_id, prompt.excerpt, session.began_at + timedelta(seconds=start_s), start_s,
            phase="warmup" if granted.number <= session.warmup_calls else "measured", stage=permit.stage,
            side=granted.side, pair=granted.pair, order=granted.order,
            conversation=prompt.conversation, turn=prompt.turn,
        )  # fmt: skip
        if permit.scheduled_s is not None and granted.order != 2:
            call.start_lag_s = call.start_s - permit.scheduled_s
            call.scheduled_at = session.began_at + timedelta(seconds=permit.scheduled_s)
        return call, started_at

    def _measure(
        self, call: Call, wired: Exchange, prompt: Prompt, started_at: float, before: Refused | None
    ) -> Exception | None:
        """Read the answer to its end, or until the deadline, and return the exception that ended it, if any.

        A killed greenlet leaves through here with `GreenletExit`; its call keeps the initial outcome, aborted.
        """
        timeout_s = self.sides[call.side].settings.timeout_s
        left_s = max(0.0, timeout_s - before.took_s) if before else timeout_s
        late = DeadlineExceeded(f"no complete answer within {timeout_s:g} s")
        deadline = wired.deadline = gevent.Timeout.start_new(left_s, late)
        try:
            self._take_all(call, wired, prompt, started_at)
        except Exception as error:
            call.outcome = "failed"
            call.error = self._shown(_error_text(error, wired), ERROR_CHARACTERS)
            return error
        finally:
            deadline.close()
            call.finish_reason = self._shown(call.finish_reason or "", REASON_CHARACTERS) or None
        call.outcome = "ok"
        return None

    def _take_all(self, call: Call, wired: Exchange, prompt: Prompt, started_at: float) -> None:
        """Record each part as it arrives, with the time of the read that completed it: the wire's latest.

        Raises `IncompleteStream`, and `MalformedAnswer` if the SDK itself fails on an answer.
        """
        finished, why = False, ""
        try:
            is_stream = self.sides[call.side].settings.stream
            answer = self.sides[call.side].answer(prompt)
            for part in self.conversation.hear(answer) if self.conversation else answer:
                at_s = (wired.last_byte_at or now()) - started_at if is_stream else None
                call.take(part, at_s, wired.read_spread_s)
                finished = finished or isinstance(part, Finish)
        except IncompleteStream as error:
            finished, why = False, f": {error}"
        except SURPRISES as error:
            if wired.status is None:
                raise
            raise MalformedAnswer(f"the SDK can't read the answer: {words_of_body(wired)}") from error
        if not finished:
            kind = {name.lower(): value for name, value in wired.headers}.get("content-type", "no content type")
            raise IncompleteStream(f"the answer ({kind}) ended without the provider's finish marker{why}")

    def _shown(self, text: str, characters: int) -> str:
        """Return a server's text as it can be shown: without secrets, on one line, and shortened."""
        redact = self.session.redact
        begun = redact(text[:SEARCHED_CHARACTERS])
        if len(text) > SEARCHED_CHARACTERS:
            begun = begun[:-UNSURE_CHARACTERS] + "…"
        return _in_one_line(redact(_in_one_line(begun, 4 * characters)), characters)

    def _take_claims(self, call: Call, wired: Exchange, before: Json) -> None:
        """Add what the server says of itself. Redacting is the expensive part, so all its texts are checked at once."""
        claimed = claims.found(wired.headers, {**before, **delay_asked(wired), **call.said})
        texts = {key: value for key, value in claimed.items() if isinstance(value, str)}
        if texts:
            together = "\n".join(texts.values())
            is_plain = all(text == _in_one_line(text, 4 * CLAIM_CHARACTERS) for text in texts.values())
            shown = _in_one_line if is_plain and self.session.redact(together) == together else self._shown
            claimed |= {key: shown(value, CLAIM_CHARACTERS) for key, value in texts.items()}
        call.server_request_id, call.server_says = claims.as_cells(claimed)

    def _report_to_locust(self, call: Call, error: Exception | None) -> None:
        failure = None
        if error is not None:
            kind = (type(error).__name__, call.status, call.error_reason)
            failure = CallFailed(" ".join(str(part) for part in kind if part))
            failure.__cause__ = error
        self.environment.events.request.fire(
            request_type=call.provider,
            name=call.title,
            response_time=(call.latency_s or 0.0) * 1000,
            response_length=call.response_bytes or 0,
            exception=failure,
            context=self.context(),
            call=call,
        )
        if failure is not None:
            failure.__cause__ = None


def user_of(provider: type[Provider]) -> type[LLMUser]:
    """Return a User class for a provider, named after it: `OpenAIUser` for `OpenAI`."""
    body = {"provider": provider, "__module__": provider.__module__}
    return cast(type[LLMUser], UserMeta(f"{provider.__name__}User", (LLMUser,), body))


def users_in(names: Mapping[str, object]) -> list[type[LLMUser]]:
    """Return the User classes among a module's names, in the file's order, as Locust finds them."""
    classes = [value for value in names.values() if isinstance(value, type) and issubclass(value, LLMUser)]
    return [user_class for user_class in classes if not user_class.abstract]


def _let_go(error: BaseException | None) -> None:
    """Drop the causes of an exception, and the frames that they and it came through: these hold the whole answer in
    cycles, which the garbage collector finds late, as it rarely runs."""
    if error is not None:
        causes = error.__cause__, error.__context__
        error.__traceback__ = error.__cause__ = error.__context__ = None
        for cause in causes:
            _let_go(cause)


def _error_text(error: Exception, wired: Exchange) -> str:
    """Return `Class: message`, with the cause if the SDK's message hides it ("Connection error."), and with the words
    of an error's body that the SDK leaves out."""
    cause: BaseException = error
    while cause.__cause__ is not None and not isinstance(cause, WireError):
        cause = cause.__cause__
    text = f"{type(error).__name__}: {error}"
    if str(cause) not in text:
        text += f" ({cause})"
    words = missing_words(wired, text)
    return f"{text} - {words}" if words else text


def _in_one_line(text: str, characters: int) -> str:
    """Return the text without line breaks and terminal control characters, shortened to `characters`.

    What can't be printed leaves no space: between the characters of UTF-16 it would hide a secret from its mask.
    """
    line = " ".join(text.split(None, characters))  # no more words than can be shown: a long text can have millions
    if len(line) > characters:
        line = line[: characters - 1] + "…"
    return line if line.isprintable() else " ".join("".join(filter(str.isprintable, line)).split())


def _conclude(call: Call, wired: Exchange, started_at: float) -> None:
    """Add what the wire observed. Latency ends at the answer's last byte, for a stream at that of its last event, and
    for a failure without either when it failed."""
    call.status, call.response_bytes, call.connection = wired.status, wired.body_bytes, wired.connection
    call.connect_s, call.lag_s, call.error_reason = wired.connect_s, wired.lag_s, wired.failure
    if wired.sent_at is not None:
        call.send_s = wired.sent_at - started_at - (wired.connect_s or 0.0)
    if wired.head_at is not None:
        call.head_s = wired.head_at - started_at
    if wired.first_byte_at is not None:
        call.ttfb_s = wired.first_byte_at - started_at
    if call.outcome != "aborted":
        has_all = call.outcome == "ok" or wired.complete
        ended_at = (wired.event_at or wired.last_byte_at) if has_all else None
        call.latency_s = (ended_at or now()) - started_at
        if call.start_lag_s is not None:
            call.latency_from_schedule_s = call.start_lag_s + call.latency_s
    call.conclude_counts()
    call.conclude_pace()
