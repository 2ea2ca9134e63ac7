"""One call to one provider through the real SDK and a real wire, without a run around it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from locust.env import Environment

from harness.run.client import with_extras
from locustfile import harness
from providers.base import Provider
from providers.call import Call
from providers.conversation import Conversation
from providers.permit import Granted, Permit, SideName
from providers.prompt import Prompt, said
from providers.settings import Settings
from providers.user import LLMUser
from tests.cases import CASES
from tests.cases.case import KEY
from wire.exchange import Exchange, Wire, now
from wire.network import NetworkWire

PROVIDERS = tuple(harness.classes)
APIS = [(name, api) for name, user_class in harness.classes.items() for api in user_class.provider.apis]


@dataclass
class OneSession:
    """A session that grants any number of calls with the same prompt, and keeps their records."""

    sides: Mapping[SideName | None, Provider]
    run_id: str = "test"
    keep_bodies: bool = False
    warmup_calls: int = 0
    payload: str = "Say something."
    prompt: Prompt | None = None
    conversation: Conversation | None = None
    scheduled_s: float | None = None
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started_at: float = field(default_factory=now)
    calls: list[Call] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)

    def take_permit(self, is_talking: bool) -> Permit | None:
        return Permit(len(self.calls) + 1, self.scheduled_s)

    def granted(self, permit: Permit) -> list[Granted]:
        return [Granted(permit.number)]

    def withdraw(self, user: Any) -> None:
        """Do nothing: no user waits here."""

    def prompt_of(self, permit: Permit) -> Prompt:
        return self.prompt or Prompt("test.txt#1", said(self.payload))

    def conversation_of(self, permit: Permit) -> Conversation | None:
        return self.conversation

    def redact(self, text: str) -> str:
        return text

    def record(self, call: Call, exchange: Exchange) -> None:
        self.calls.append(call)
        self.exchanges.append(exchange)


class Asker:
    """A user of one provider that makes a call when told to."""

    def __init__(self, provider: str, host: str, wire: Wire | None = None, **options: Any) -> None:
        user_class = harness.classes[provider]
        settings = settings_of(provider, host, **options)
        wire = wire or NetworkWire()
        client = user_class.provider.connect(settings, with_extras(wire, settings, user_class.provider))
        self.session = OneSession({None: user_class.provider(settings, client)})
        self.events: list[dict[str, Any]] = []
        environment: Any = Environment(user_classes=[user_class])
        environment.events.request.add_listener(self._hear)
        self.user: LLMUser = user_class(environment)
        LLMUser.session = self.session
        self.user.on_start()

    def _hear(self, exception: Exception | None, **event: Any) -> None:
        self.events.append({**event, "exception": exception, "cause": exception and exception.__cause__})

    def wait_at_most(self, timeout_s: float) -> None:
        """Set the deadline of the calls to come."""
        side = self.user.sides[None]
        side.settings = replace(side.settings, timeout_s=timeout_s)

    def ask(self) -> Call:
        """Make one call and return its record."""
        self.user.ask()
        return self.session.calls[-1]


def settings_of(provider: str, host: str, **options: Any) -> Settings:
    defaults: dict[str, Any] = {"api": "chat", "model": CASES[provider].model, "timeout_s": 10.0, "api_key": KEY}
    return Settings(provider=provider, host=host, **{**defaults, **options})
