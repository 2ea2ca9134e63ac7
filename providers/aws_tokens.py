"""Secrets that boto3 sends while it exchanges credentials for others: it gets them from a command, from a login that it
renews, from the exchange before, or from a file that is replaced during the run."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from providers.aws_files import NAMED

SERVICES = ("sts", "sso", "sso-oidc", "signin")
HEADERS = ("x-amz-security-token", "x-amz-sso_bearer_token", "x-aws-ec2-metadata-token")

_SIGNER = re.compile("Credential=([^/]+)/")

listeners = set[Callable[[str], None]]()
"""See `Provider.hear_secrets`."""


def listen_in(events: Any) -> None:
    """Listen to a boto3 session's requests to `SERVICES`."""
    for service in SERVICES:
        events.register(f"before-send.{service}", _tell)


@cache
def listen_to_the_machine() -> None:
    """Listen to what all boto3 sessions send to AWS's containers and machines, which are no `SERVICES`."""
    from botocore import httpsession

    class Heard(httpsession.URLLib3Session):  # type: ignore[misc]  # botocore has no types
        def send(self, request: Any) -> Any:
            _tell(request)
            return super().send(request)

    httpsession.URLLib3Session = Heard  # botocore.utils calls it by this name


def _tell(request: Any, **_: object) -> None:
    for secret in _sent(request.headers, _text(request.body)):
        for listener in listeners:
            listener(secret)


def _sent(headers: Any, body: str) -> Iterator[str]:
    given = {name.lower(): _text(value) for name, value in headers.items()}
    yield from (given[name] for name in HEADERS if name in given)
    authorization = given.get("authorization", "")
    yield from _SIGNER.findall(authorization) or filter(None, [authorization])
    yield from NAMED.findall(body)
    yield from parse_qs(body).get("WebIdentityToken", ())


def _text(content: str | bytes | None) -> str:
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else content or ""
