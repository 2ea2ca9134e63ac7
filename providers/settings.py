"""What a run asks of a provider: one frozen record of validated options."""

from dataclasses import dataclass, field
from typing import Any, Literal

API = Literal["chat", "completions", "responses"]
Mode = Literal["mock", "real"]

MOCK_HOST = "http://mock"
"""The SDKs' base address when no network is used: the mock serves no proxy-specific paths."""

DEFAULT_REGION = "us-east-1"
DEMANDED_MAX_TOKENS = 1024
"""The limit where an API requires one and none is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The validated options of a run that its calls depend on.

    `temperature` and `max_tokens` are `None` if requests should not contain them; `host` is the SDK's base address.
    `api_key`, `headers` and `host_query` are secret: they stay out of `repr`, logs and files.

    extra_body  merged into each request's body (RFC 7396)
    host_query  the query of the base address, sent in each request's target
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

    @property
    def mode(self) -> Mode:
        return "mock" if self.mock else "real"
