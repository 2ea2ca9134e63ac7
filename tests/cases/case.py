"""What one provider sends, answers and raises, as the tests expect it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.base import Provider

Body = dict[str, Any]
KEY = "test-key-123"
PROMPT = "Say something."
CLAUDE_PROMPT = f"\n\nHuman: {PROMPT}\n\nAssistant:"
SAID_BY_USER = {"messages": [{"role": "user", "content": PROMPT}]}


@dataclass(frozen=True)
class Trouble:
    """The SDK's exceptions without an answer: no connection, a broken one, a timeout. Errors within the body are raised
    by whoever reads it: httpx2 or botocore, not the SDK above."""

    refused: str
    broken: str
    late: str
    cut_body: str = "RemoteProtocolError"
    stalled_body: str = "ReadTimeout"


@dataclass(frozen=True)
class APICase:
    """One API.

    body             of every request, without its options
    limit            the option that limits the answer to five tokens
    unlimited        what is sent in place of `limit` without one
    options_in       the field of the body that contains the options; `None` if they are in the body itself
    cut_reason       the finish reason of an answer that the limit cut
    reasoning_model  a model of the mock whose reasoning it streams, if it streams any
    is_distinct      no other API uses the same readers through the same SDK
    """

    target: str
    body: Body
    finish_reason: str
    cut_reason: str
    temperature: Body = field(default_factory=lambda: {"temperature": 0.0})
    limit: Body = field(default_factory=lambda: {"max_tokens": 5})
    unlimited: Body = field(default_factory=dict)
    options_in: str | None = None
    reasoning_model: str | None = None
    reports_usage: bool = True
    reports_cached_tokens: bool = True
    is_distinct: bool = True

    def sent(self, *options: Body) -> Body:
        """The request's body with these options."""
        given = {name: value for option in options for name, value in option.items()}
        return self.body | ({self.options_in: given} if self.options_in else given)


@dataclass(frozen=True)
class ProviderCase:
    """One provider.

    key_headers    the headers that authenticate a request
    status_errors  the SDK's exception for each HTTP status
    has_frames     it streams AWS's binary frames, not server-sent events
    """

    provider: type[Provider]
    model: str
    key_headers: dict[str, str]
    status_errors: Mapping[int, str]
    trouble: Trouble
    apis: Mapping[str, APICase]
    reports_reasoning_tokens: bool = True
    has_frames: bool = False
