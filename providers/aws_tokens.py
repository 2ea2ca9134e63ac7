"""Secrets that boto3 sends while it exchanges credentials for others: it gets them from a command, from a login that it
renews, or from the exchange before, so that no file has had them."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

from providers.aws_files import NAMED

SERVICES = ("sts", "sso", "sso-oidc", "signin")
HEADERS = ("X-Amz-Security-Token", "x-amz-sso_bearer_token")

_SIGNER = re.compile("Credential=([^/]+)/")

listeners = set[Callable[[str], None]]()
"""See `Provider.hear_secrets`."""


def listen_in(events: Any) -> None:
    """Listen to a boto3 session's requests to `SERVICES`."""
    for service in SERVICES:
        events.register(f"before-send.{service}", _tell)


def _tell(request: Any, **_: object) -> None:
    for secret in _sent(request.headers, _text(request.body)):
        for listener in listeners:
            listener(secret)


def _sent(headers: Any, body: str) -> Iterator[str]:
    given = {name.lower(): _text(value) for name, value in headers.items()}
    yield from (given[name.lower()] for name in HEADERS if name.lower() in given)
    yield from _SIGNER.findall(given.get("authorization", ""))
    yield from NAMED.findall(body)
    yield from parse_qs(body).get("WebIdentityToken", ())


def _text(content: str | bytes | None) -> str:
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else content or ""
