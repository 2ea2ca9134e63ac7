"""Request headers: `--header`, and variables that the SDKs read. Values are never shown: they may be secrets."""

import os
import re
from collections.abc import Mapping

from harness.errors import UsageError

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""A header name (RFC 9110, 5.6.2)."""

_ASCII_VALUE = re.compile(r"[\t -~]*")
_LATIN_1_VALUE = re.compile(r"[\t -~\x80-\xff]*")
"""A header value: no line breaks and no other control characters (RFC 9110, 5.5)."""

_FRAMING = ("content-length", "transfer-encoding")
"""Headers that say where a body ends. Given a wrong value, a server takes the rest of the body for another request."""

_OF_OPENAI = ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID")
_VALUES: Mapping[str, tuple[str, ...]] = {"openai": _OF_OPENAI, "azure-openai": _OF_OPENAI, "deepseek": _OF_OPENAI}
"""Variables that each provider's SDK sends verbatim."""

_LINES = {
    "openai": "OPENAI_CUSTOM_HEADERS",
    "azure-openai": "OPENAI_CUSTOM_HEADERS",
    "deepseek": "OPENAI_CUSTOM_HEADERS",
    "anthropic": "ANTHROPIC_CUSTOM_HEADERS",
}
"""Variables with one header, `NAME: VALUE`, per line, which each provider's SDK adds to every request."""

LINE_VARIABLES = tuple(sorted(set(_LINES.values())))


def parse(text: str) -> tuple[str, str]:
    """Return the name and value of a `--header`. Raises `UsageError`."""
    name, value = _split("--header must look like NAME:VALUE, in Latin-1, on one line", text, _LATIN_1_VALUE)
    _refuse_framing("--header", name)
    return name, value


def check_variables(provider: str) -> None:
    """Raise `UsageError` for what a provider's SDK would take from the environment but couldn't send."""
    for variable in _VALUES.get(provider, ()):
        check_value(variable, os.environ.get(variable, ""))
    variable = _LINES.get(provider, "")
    for line in os.environ.get(variable, "").split("\n"):
        if line.strip():
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
