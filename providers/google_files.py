"""Secrets in the files from which Google's SDK gets its default credentials, and which it sends to token servers."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Any

from providers.secret_file import in_address, text_of

SENT = ("client_secret", "refresh_token")
"""What is sent of the credentials as it is, beside what is in addresses; a private key only signs."""


def secrets() -> Iterator[str]:
    """Yield what is sent of the default credentials, the headers with which those of a workload identity ask for its
    token, and the passwords in netrc."""
    yield from _sent(_default_credentials())
    yield from _passwords()


def refusal() -> str | None:
    """Return why the default credentials are refused: google-auth would take a number for an open file of this process,
    and wait for what it never gets."""
    content = _default_credentials()
    source = content.get("credential_source") if isinstance(content, dict) else None
    if isinstance(source, dict) and not isinstance(source.get("file", ""), str):
        return f"{_credentials_file()}: credential_source.file must be a path"
    return None


def _default_credentials() -> Any:
    with suppress(ValueError, RecursionError):
        return json.loads(text_of(_credentials_file()))
    return None


def _credentials_file() -> Path:
    if named := os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return Path(named)
    return Path(os.environ.get("CLOUDSDK_CONFIG") or "~/.config/gcloud", "application_default_credentials.json")


def _sent(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        yield from _headers(content.get("credential_source"))
        for name, value in content.items():
            if isinstance(value, str):
                yield from (value,) if name in SENT else in_address(value)
            yield from _sent(value)


def _headers(source: Any) -> Iterator[str]:
    headers = source.get("headers") if isinstance(source, dict) else None
    if isinstance(headers, dict):
        yield from (value for value in headers.values() if isinstance(value, str))


def _passwords() -> Iterator[str]:
    named = os.environ.get("NETRC")
    for path in [named] if named else ["~/.netrc", "~/_netrc"]:
        with suppress(OSError, ValueError, RuntimeError, NetrcParseError):  # RuntimeError if there is no home.
            if (file := Path(path).expanduser()).is_file():
                yield from (password for _, _, password in netrc(file).hosts.values() if password)
