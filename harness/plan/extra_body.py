"""`--extra-body`: the user's fields for every request's body."""

import re
from collections.abc import Iterator

import orjson

from harness.errors import UsageError
from providers.call import Json
from wire.extra_body import patched

_SECRET = re.compile(
    r"(^|[_-]|(?<=[a-z]))((api|access|private|secret|signing|subscription)[_-]?key([_-]?id)?|secret|password|passwd"
    r"|passphrase|authorization|bearer|cookie|credential|token)s?$",
    re.IGNORECASE,
)
"""Names of fields whose values are secrets."""


def parse(text: str) -> Json:
    """Return the fields. Raises `UsageError`, which doesn't repeat the text: it may contain a secret."""
    if not text:
        return {}
    try:
        extra = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"--extra-body is not JSON: {error}") from error
    if not isinstance(extra, dict):
        raise UsageError('--extra-body must be a JSON object, such as {"stream_options": null}')
    try:
        patched({}, extra)
    except RecursionError:
        raise UsageError("--extra-body is nested too deeply") from None
    return extra


def named_secrets(value: object, name: str = "") -> Iterator[str]:
    """Yield the strings in a JSON value whose field, or one around it, is named like a secret."""
    if isinstance(value, dict):
        for inner, item in value.items():
            yield from named_secrets(item, name if _SECRET.search(name) else inner)
    elif isinstance(value, list):
        for item in value:
            yield from named_secrets(item, name)
    elif isinstance(value, str) and _SECRET.search(name):
        yield value
