"""Secrets in the files from which boto3 gets AWS's credentials. It sends some of them to the servers that exchange them
for others, and repeats what a server answers."""

import os
import re
from collections.abc import Iterator
from configparser import Error, RawConfigParser
from contextlib import suppress
from hashlib import sha1, sha256
from itertools import chain
from pathlib import Path

from providers.secret_file import in_address, text_of

PROFILES = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
CACHES = {"AWS_LOGIN_CACHE_DIRECTORY": "~/.aws/login/cache", "": "~/.aws/sso/cache"}
TOKEN_FILES = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE")
ADDRESSES = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_ENDPOINT_URL")
"""The beginnings of variables with addresses of servers."""

KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")

NAMED = re.compile(
    r'"(?:accessKeyId|secretAccessKey|clientId|clientSecret|(?:access|refresh|session|id)Token)"\s*:\s*"([^"]+)"'
)
"""A secret in the JSON of a cache."""


def secrets() -> Iterator[str]:
    """Yield the keys of the profile in use and of those that it names, the tokens that `aws sso login` or `aws login`
    has kept for it, those in the files that it or a variable names, and those in addresses."""
    yield from map(text_of, filter(None, map(os.environ.get, TOKEN_FILES)))
    for name, value in os.environ.items():
        if name.startswith(ADDRESSES):
            yield from in_address(value)
    for profile in _profiles_in_use():
        yield from (profile[name] for name in KEYS if name in profile)
        yield text_of(profile.get("web_identity_token_file", ""))
        for value in profile.values():
            yield from _kept_for(value)
            yield from chain.from_iterable(map(in_address, value.split()))


def _profiles_in_use() -> Iterator[dict[str, str]]:
    known: dict[str, dict[str, str]] = {}
    for variable, usual in PROFILES.items():
        parser = RawConfigParser(default_section="", strict=False)
        with suppress(Error):
            parser.read_string(text_of(os.environ.get(variable, usual)))
        for name in parser.sections():
            known.setdefault(name.removeprefix("profile ").strip(' "'), {}).update(parser.items(name))
    name = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"
    while name in known:  # A profile can name itself as its source.
        yield (profile := known.pop(name))
        yield known.get(f"services {profile.get('services')}", {})
        name = profile.get("source_profile", "")


def _kept_for(session: str) -> Iterator[str]:
    """Yield the tokens that were kept for a session or a start page, if the value of an option is one. boto3 names the
    files by their hashes."""
    for variable, usual in CACHES.items():
        for hashed in (sha1, sha256):
            name = hashed(session.encode(), usedforsecurity=False).hexdigest()
            yield from NAMED.findall(text_of(Path(os.environ.get(variable, usual), f"{name}.json")))
