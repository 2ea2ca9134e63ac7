"""What a run asks of a provider: one frozen record, already checked by whoever made it."""

from dataclasses import dataclass, field
from typing import Any, Literal

API = Literal["chat", "completions", "responses"]

MOCK_HOST = "http://mock"
"""What the SDKs take for their base address where no network is asked: the mock serves no proxy's own paths."""

DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The checked options of one run, as far as the calls depend on them.

    `temperature` and `max_tokens` are `None` when the request shall not carry them; `host` is handed to the SDK
    as its base address. `api_key`, `headers` and `host_query` are secret: they stay out of `repr`, logs and files.

    extra_body  is merged into each request's body, as RFC 7396 says
    host_query  is sent with each request, in its target: what stood behind the `?` of the base address
    """

    provider: str
    model: str
    api: API
    host: str
    timeout_s: float
    temperature: float | None = 0.0
    max_tokens: int | None = None
    api_version: str | None = None
    region: str = DEFAULT_REGION
    api_key: str | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    host_query: str = field(default="", repr=False)
    extra_body: dict[str, Any] = field(default_factory=dict, repr=False)
    mock: bool = False
    stream: bool = False
