"""The SDKs' first-call cost, paid before any clock counts: one call of each kind, answered in this process."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from mock.inprocess import InProcessWire
from mock.service import Service
from mock.timing import Pace
from providers.call import Finish
from providers.settings import MOCK_HOST, Settings
from providers.user import LLMUser
from wire.exchange import exchange


def rehearse(user_class: type[LLMUser], settings: Settings) -> bool:
    """Make one call through the SDK without network, key or token; tell whether it went to its end.

    What an SDK imports and builds at its first call takes 50 to 160 ms; here it is over before the run. One that
    fails is no reason to refuse the run: a model that the mock can't route (`org/name`) may be good for the true host.
    """
    settings = replace(settings, mock=True, host=MOCK_HOST, headers=(), max_tokens=settings.max_tokens or 1)
    user: Any = user_class.__new__(user_class)
    user.session = _Stage(settings, user_class.connect(settings, InProcessWire(Service(Pace(0), seed=0))))
    user.on_start()
    with exchange(), suppress(Exception):
        return any(isinstance(part, Finish) for part in user.answer("Hello."))
    return False


class _Stage:
    """As much of a session as one call needs that is neither measured nor kept."""

    def __init__(self, settings: Settings, client: Any) -> None:
        self.settings, self.client = settings, client
