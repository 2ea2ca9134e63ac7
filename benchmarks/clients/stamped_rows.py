"""A Locust file loaded with the SDK's default path: keeps each call's stamps and writes them at the end."""

from pathlib import Path
from typing import Any

from locust import events

from benchmarks.clients.stamps import write_rows

FILE = Path("run_requests.csv")


def attach(environment: Any, **_: Any) -> None:
    calls: list[dict[str, Any]] = []
    environment.events.request.add_listener(lambda **call: calls.append(call))
    environment.events.quitting.add_listener(lambda **_: write_rows(FILE, calls))


events.init.add_listener(attach)
