"""The SDKs' first-call cost, paid before any clock counts: one call of each kind, answered in this process."""

from dataclasses import replace
from typing import Any

from mock.inprocess import InProcessWire
from mock.pace import Pace
from mock.service import Service
from providers.settings import MOCK_HOST, Settings
from providers.user import LLMUser
from wire.exchange import exchange


def rehearse(user_class: type[LLMUser], settings: Settings) -> None:
    """Make one call through the SDK without network, key or token.

    What an SDK imports and builds at its first call takes 50 to 160 ms; here it is over before the run.
    """
    settings = replace(settings, mock=True, host=MOCK_HOST, headers=(), max_tokens=settings.max_tokens or 1)
    user: Any = user_class.__new__(user_class)
    user.session = _Stage(settings, user_class.connect(settings, InProcessWire(Service(Pace(0), seed=0))))
    user.on_start()
    with exchange():
        for _ in user.answer("Hello."):
            pass


class _Stage:
    """As much of a session as one call needs that is neither measured nor kept."""

    def __init__(self, settings: Settings, client: Any) -> None:
        self.settings, self.client = settings, client
