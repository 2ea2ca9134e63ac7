"""Request headers: `--header`, and variables that the SDKs read. Values are never shown: they may be secrets."""

import os
import re

from harness.errors import UsageError
from providers.base import Provider

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""A header name (RFC 9110, 5.6.2)."""

_ASCII_VALUE = re.compile(r"[\t -~]*")
_LATIN_1_VALUE = re.compile(r"[\t -~\x80-\xff]*")
"""A header value: no line breaks and no other control characters (RFC 9110, 5.5)."""

_FRAMING = ("content-length", "transfer-encoding")
"""Headers that say where a body ends. Given a wrong value, a server takes the rest of the body for another request."""


def parse(text: str) -> tuple[str, str]:
    """Return the name and value of a `--header`. Raises `UsageError`."""
    name, value = _split("--header must look like NAME:VALUE, in Latin-1, on one line", text, _LATIN_1_VALUE)
    _refuse_framing("--header", name)
    return name, value


def check_variables(provider: type[Provider], has_key: bool) -> None:
    """Raise `UsageError` for what a provider's SDK would take from the environment but couldn't send."""
    for variable, value in ({} if provider.signs and has_key else provider.header_values()).items():
        check_value(variable, value or "")
    for variable in provider.header_variables:
        for line in filter(str.strip, os.environ.get(variable, "").split("\n")):
            name, _ = _split(f"each line of {variable} must look like NAME: VALUE, in ASCII", line, _ASCII_VALUE)
            _refuse_framing(variable, name)


def check_value(source: str, value: str) -> None:
    """Raise `UsageError`, naming the value's source, if an HTTP header can't carry the value."""
    if not _ASCII_VALUE.fullmatch(value):
        raise UsageError(f"{source} contains characters that an HTTP header can't carry")


def _split(demand: str, text: str, values: re.Pattern[str]) -> tuple[str, str]:
    name, colon, value = (part.strip() for part in text.partition(":"))
    if not colon or not _TOKEN.fullmatch(name) or not values.fullmatch(value):
        raise UsageError(demand)
    return name, value


def _refuse_framing(source: str, name: str) -> None:
    if name.lower() in _FRAMING:
        raise UsageError(f"{source} can't set {name}: it must match each request's body")
