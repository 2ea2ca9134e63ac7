"""A Locust file as one would write it without this project: the SDK's default path, timed from outside the SDK."""

import time
from functools import cache
from typing import Any

from locust import User, task

from benchmarks.clients.options import prompts
from benchmarks.clients.sdks import SDK, SDKS
from benchmarks.clients.stamps import Stamps

PROMPTS = prompts()


@cache
def shared(provider: str, host: str, model: str) -> SDK:
    """Return the one client that all users share."""
    return SDKS[provider](host, model)


class SDKUser(User):
    """Sends one prompt after another."""

    def on_start(self) -> None:
        options: Any = self.environment.parsed_options
        connect = shared.__wrapped__ if options.own_clients else shared
        self.sdk = connect(options.provider, self.environment.host or "", options.model)
        self.call = self.stream if options.stream else self.plain

    @task
    def ask(self) -> None:
        stamps = Stamps(time.perf_counter())
        error: Exception | None = None
        try:
            self.call(next(PROMPTS).payload, stamps)
        except Exception as failure:
            error = failure
        stamps.end(time.perf_counter())
        self.environment.events.request.fire(
            request_type="sdk", name="chat", response_time=1000 * stamps.latency_s, response_length=0,
            exception=error, context={}, stamps=stamps,
        )  # fmt: skip

    def plain(self, payload: str, stamps: Stamps) -> None:
        self.sdk.plain(payload)

    def stream(self, payload: str, stamps: Stamps) -> None:
        for text in self.sdk.stream(payload):
            if text:
                stamps.text(time.perf_counter())
