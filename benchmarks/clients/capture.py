"""`python -m benchmarks.clients.capture PROVIDER MODEL HOST plain|stream`: the requests of this project, byte for byte.

Each request is caught where it would enter the wire. They are printed as JSON.
"""

import json
import sys
from typing import NoReturn

import locust  # noqa: F401  # patches gevent before an SDK is imported

from benchmarks.captured import Captured
from benchmarks.clients.options import prompts
from benchmarks.contenders import KEY
from harness.run.rehearsal import rehearse
from locustfile import harness
from providers.base import Provider
from providers.prompt import Prompt
from providers.settings import Settings
from wire.exchange import ConnectionBroken, Request, exchange

COUNT = 32
CAUGHT = "caught"
SET_BY_ANY_CLIENT = {"host", "content-length", "connection"}


class Trap:
    """A wire that keeps the request and fails."""

    def __init__(self) -> None:
        self.caught: list[Request] = []

    def send(self, request: Request) -> NoReturn:
        self.caught.append(request)
        raise ConnectionBroken(CAUGHT)


def capture(provider: type[Provider], settings: Settings) -> list[Captured]:
    """Return the requests for the first prompts."""
    rehearse(provider, settings)
    trap, texts = Trap(), prompts()
    asking = provider(settings, provider.connect(settings, trap))
    for _ in range(COUNT):
        call_trapped(asking, next(texts))
    return [plainly(request) for request in trap.caught]


def call_trapped(provider: Provider, prompt: Prompt) -> None:
    """Make a call, ignoring the SDK's error about the trap."""
    with exchange():
        try:
            list(provider.answer(prompt))
        except Exception as error:
            if CAUGHT not in repr(error) + repr(error.__cause__):
                raise


def plainly(request: Request) -> Captured:
    headers = {name: value for name, value in request.headers if name.lower() not in SET_BY_ANY_CLIENT}
    return Captured(target=request.target, headers=headers, body=request.body.decode())


def main() -> None:
    name, model, host, answers = sys.argv[1:]
    provider = harness.classes[name].provider
    key = None if provider.signs else KEY
    settings = Settings(
        provider=name, model=model, api="chat", host=host, timeout_s=30.0, api_key=key, stream=answers == "stream"
    )
    sys.stdout.write(json.dumps(capture(provider, settings)))


if __name__ == "__main__":
    main()
