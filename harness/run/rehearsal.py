"""The SDKs' first-call cost, paid before any clock counts: one call of each kind, answered in this process."""

from contextlib import suppress
from dataclasses import replace

from mock.inprocess import InProcessWire
from mock.service import Service
from mock.timing import Pace
from providers.base import Provider
from providers.call import Finish
from providers.settings import MOCK_HOST, Settings
from wire.exchange import exchange


def rehearse(provider: type[Provider], settings: Settings) -> bool:
    """Make one call through the SDK without network, key or token; tell whether it went to its end.

    What an SDK imports and builds at its first call takes 50 to 160 ms; here it is over before the run. One that
    fails is no reason to refuse the run: a model that the mock can't route (`org/name`) may be good for the true host.
    """
    settings = replace(settings, mock=True, host=MOCK_HOST, headers=(), max_tokens=settings.max_tokens or 1)
    asking = provider(settings, provider.connect(settings, InProcessWire(Service(Pace(0), seed=0))))
    with exchange(), suppress(Exception):
        return any(isinstance(part, Finish) for part in asking.answer("Hello."))
    return False
