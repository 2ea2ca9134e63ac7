"""Secrets that google-auth sends while it exchanges credentials for others: it gets them from a server, from a command
or from the exchange before, so that no file has had them."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote

from providers.token_servers import leave_turns, short_answer

SENT = ("subject_token", "actor_token", "refresh_token", "client_secret")
"""The secrets in a form; its `assertion` is a JSON Web Token, which is masked anyway."""

HEADERS = ("authorization", "x-aws-ec2-metadata-token")

_OF_AWS = re.compile(r'(?<="x-amz-security-token","value":")[^"]+|(?<=Credential=)[^/]+')
"""What a subject token has of AWS's credentials if it is a request to AWS that was signed with them."""

listeners = set[Callable[[str], None]]()
"""See `Provider.hear_secrets`."""


@cache
def listen_in() -> None:
    """Listen to what all of google-auth's credentials send. The SDK finds them at the first call, and gives them a new
    `google.auth.transport.requests.Request` whenever they must be renewed."""
    from google.auth.transport import requests

    leave_turns()

    class Heard(requests.Request):
        def __call__(
            self, url: str, method: str = "GET", body: Any = None, headers: Any = None, *args: Any, **more: Any
        ) -> Any:
            for secret in _sent(headers or {}, body or ""):
                for listener in listeners:
                    listener(secret)
            more["hooks"] = {"response": _bound}
            return super().__call__(url, method, body, headers, *args, **more)  # type: ignore[no-untyped-call]  # of an untyped package

    requests.Request = Heard  # type: ignore[misc]  # the SDK calls it by this name


def _bound(response: Any, **_: object) -> None:
    """Bound an answer of which only the head has been read."""
    raw = response.raw
    raw.stream = lambda amt, decode_content: short_answer(raw, decode_content)


def _sent(headers: Mapping[str, str | bytes], body: str | bytes) -> Iterator[str]:
    yield from (_text(value) for name, value in headers.items() if name.lower() in HEADERS)
    form = parse_qs(_text(body))
    for name in SENT:
        yield from form.get(name, ())
    for token in form.get("subject_token", ()):
        yield from _OF_AWS.findall(unquote(token))


def _text(content: str | bytes) -> str:
    """Return a header's value or a body; what came as an answer, as a machine's token does, is sent as it came."""
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)
