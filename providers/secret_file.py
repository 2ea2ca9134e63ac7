"""Reads files and addresses with secrets."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit


def text_of(path: str | Path) -> str:
    """Return a regular file's text, otherwise "": what a pipe has is for the SDK, and can be read only once."""
    with suppress(OSError, ValueError, RuntimeError):  # The last if there is no home.
        file = Path(path).expanduser()
        return file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    return ""


def in_address(text: str) -> Iterator[str]:
    """Yield the password in an address and the values in its query, which SDKs repeat if nobody answers there."""
    with suppress(ValueError):
        address = urlsplit(text)
        if address.password:
            yield from (address.password, unquote(address.password))
        yield from (value or name for name, value in parse_qsl(address.query, keep_blank_values=True))
