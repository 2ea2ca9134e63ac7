"""Pays for an SDK's first call before any clock runs: one call, answered in-process."""

from contextlib import suppress
from dataclasses import replace

from mock.inprocess import InProcessWire
from mock.service import Service
from mock.timing import Pace
from providers.base import Provider
from providers.call import Finish
from providers.prompt import Prompt, said
from providers.settings import MOCK_HOST, Settings
from wire.exchange import exchange


def rehearse(provider: type[Provider], settings: Settings) -> bool:
    """Make one call through the SDK, without a network or a key unless it fetches a token; return whether it succeeded.

    What an SDK imports and builds during its first call takes 50 to 160 ms. A failure here is no reason to refuse the
    run: a model that the mock can't route (`org/name`) can be valid for the real host.
    """
    settings = replace(settings, mock=True, host=MOCK_HOST, headers=(), max_tokens=settings.max_tokens or 1)
    asking = provider(settings, provider.connect(settings, InProcessWire(Service(Pace(0), seed=0))))
    with exchange(), suppress(Exception):
        return any(isinstance(part, Finish) for part in asking.answer(Prompt("", said("Hello."))))
    return False
