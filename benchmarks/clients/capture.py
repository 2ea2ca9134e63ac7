"""`python -m benchmarks.clients.capture PROVIDER MODEL HOST plain|stream`: the requests of this project, byte for byte.

Each request is caught where it would enter the wire. They are printed as JSON.
"""

import json
import sys
from typing import Any, NoReturn

import locust  # noqa: F401  # patches gevent before an SDK is imported

from benchmarks.captured import Captured
from benchmarks.clients.options import prompts
from benchmarks.contenders import KEY
from harness.run.rehearsal import rehearse
from locustfile import harness
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


class Stage:
    """The part of a session that a user needs to make calls."""

    def __init__(self, settings: Settings, client: Any) -> None:
        self.settings, self.client = settings, client


def capture(settings: Settings) -> list[Captured]:
    """Return the requests for the first prompts."""
    user_class = harness.classes[settings.provider]
    rehearse(user_class, settings)
    trap, texts = Trap(), prompts()
    user: Any = user_class.__new__(user_class)
    user.session = Stage(settings, user_class.connect(settings, trap))
    user.on_start()
    for _ in range(COUNT):
        ask_in_vain(user, next(texts).payload)
    return [plainly(request) for request in trap.caught]


def ask_in_vain(user: Any, payload: str) -> None:
    """Make a call, ignoring the SDK's error about the trap."""
    with exchange():
        try:
            list(user.answer(payload))
        except Exception as error:
            if CAUGHT not in repr(error) + repr(error.__cause__):
                raise


def plainly(request: Request) -> Captured:
    headers = {name: value for name, value in request.headers if name.lower() not in SET_BY_ANY_CLIENT}
    return Captured(target=request.target, headers=headers, body=request.body.decode())


def main() -> None:
    provider, model, host, answers = sys.argv[1:]
    key = None if provider == "aws-bedrock" else KEY
    settings = Settings(
        provider=provider, model=model, api="chat", host=host, timeout_s=30.0, api_key=key, stream=answers == "stream"
    )
    sys.stdout.write(json.dumps(capture(settings)))


if __name__ == "__main__":
    main()
