"""What goes out as a request's headers: `--header`, and the variables that the SDKs read for themselves. A value is
never shown: it may be a secret."""

import os
import re

from harness.errors import UsageError
from providers.base import Provider

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""What a header's name is made of (RFC 9110, 5.6.2)."""

_ASCII_VALUE = re.compile(r"[\t -~]*")
_LATIN_1_VALUE = re.compile(r"[\t -~\x80-\xff]*")
"""What a value may be made of: no line break and no other control character (RFC 9110, 5.5)."""

_FRAMING = ("content-length", "transfer-encoding")
"""Headers that say where a body ends. With another value a server takes the rest of a body for a further request."""


def parse(text: str) -> tuple[str, str]:
    """Return name and value of a `--header`. Raises `UsageError`."""
    name, value = _split("--header must look like NAME:VALUE, in Latin-1, on one line", text, _LATIN_1_VALUE)
    _refuse_framing("--header", name)
    return name, value


def check_variables(provider: type[Provider]) -> None:
    """Refuse what the provider's SDK would take from the environment and could not send. Raises `UsageError`."""
    for variable, value in provider.header_values().items():
        check_value(variable, value or "")
    for variable in provider.header_variables:
        for line in filter(str.strip, os.environ.get(variable, "").split("\n")):
            name, _ = _split(f"each line of {variable} must look like NAME: VALUE, in ASCII", line, _ASCII_VALUE)
            _refuse_framing(variable, name)


def check_value(source: str, value: str) -> None:
    """Refuse a value that no header can carry, naming where it comes from. Raises `UsageError`."""
    if not _ASCII_VALUE.fullmatch(value):
        raise UsageError(f"{source} holds characters that no HTTP header can carry")


def _split(demand: str, text: str, values: re.Pattern[str]) -> tuple[str, str]:
    name, colon, value = (part.strip() for part in text.partition(":"))
    if not colon or not _TOKEN.fullmatch(name) or not values.fullmatch(value):
        raise UsageError(demand)
    return name, value


def _refuse_framing(source: str, name: str) -> None:
    if name.lower() in _FRAMING:
        raise UsageError(f"{source} can't set {name}, which must be that of each request's body")
