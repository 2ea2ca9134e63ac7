"""The cheapest Locust client: FastHttpUser sending the same bytes as this project, and reading the answers in full."""

from itertools import cycle
from typing import Any

from locust import FastHttpUser, events, task

from benchmarks.captured import Captured, captured
from benchmarks.clients import options  # noqa: F401  # adds them
from benchmarks.contenders import Case

REQUESTS: list[Captured] = []


class FloorUser(FastHttpUser):
    """Posts the captured requests in turn; without `stream=True`, FastHttpUser reads the whole response."""

    def on_start(self) -> None:
        self.requests = cycle(REQUESTS)

    @task
    def post(self) -> None:
        request = next(self.requests)
        self.client.post(request["target"], data=request["body"], headers=request["headers"], name="floor")


def take_requests(environment: Any, **_: Any) -> None:
    given = environment.parsed_options
    REQUESTS.extend(captured(Case(given.provider, given.stream), environment.host))


events.init.add_listener(take_requests)
