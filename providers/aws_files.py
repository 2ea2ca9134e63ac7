"""Secrets in the files from which boto3 gets AWS's credentials. It sends some of them to the servers that exchange them
for others, and repeats what a server answers."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROFILES = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
CACHES = {"AWS_LOGIN_CACHE_DIRECTORY": "~/.aws/login/cache", "": "~/.aws/sso/cache"}
TOKEN_FILES = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE")

_NAMED = re.compile(
    r'(?i)\b(?:aws_)?(?:(?:secret_?)?access_?key(?:_?id)?|(?:access|refresh|session|id)_?token|client_?(?:id|secret))"?'
    r'\s*[=:]\s*"?([^"\s{]+)'
)
"""A secret behind its name, in a profile or in a cache's JSON."""

_TOKEN_FILE = re.compile(r"(?im)^\s*web_identity_token_file\s*[=:]\s*(\S.*?)\s*$")


def secrets() -> Iterator[str]:
    """Yield every profile's keys, the tokens that `aws sso login` and `aws login` have kept, and those in the files
    that profiles or variables name."""
    profiles = [_text_of(os.environ.get(name, usual)) for name, usual in PROFILES.items()]
    folders = [Path(os.environ.get(name, usual)) for name, usual in CACHES.items()]
    with suppress(OSError, RuntimeError):  # The last if there is no home.
        profiles += [_text_of(path) for folder in folders for path in folder.expanduser().glob("*.json")]
    named = filter(None, map(os.environ.get, TOKEN_FILES))
    for text in profiles:
        yield from _NAMED.findall(text)
        yield from map(_text_of, _TOKEN_FILE.findall(text))
    yield from map(_text_of, named)


def _text_of(path: str | Path) -> str:
    """Return a regular file's text, otherwise "": what a pipe has is for the SDK, and can be read only once."""
    with suppress(OSError, ValueError, RuntimeError):
        file = Path(path).expanduser()
        return file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    return ""
