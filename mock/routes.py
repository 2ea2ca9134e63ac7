"""From a path to its wire format. Each file of `mock.formats` announces its own, as `FORMATS`."""

from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from urllib.parse import unquote

from mock import formats
from mock.formats import openai
from mock.formats.format import Format


def _announced() -> Iterator[Format]:
    for found in iter_modules(formats.__path__):
        yield from getattr(import_module(f"{formats.__name__}.{found.name}"), "FORMATS", ())


FORMATS = tuple(_announced())


@lru_cache
def route(path: str) -> tuple[Format, str] | None:
    """Return the format, and the model if the path names it, otherwise ""; `None` for an unknown path."""
    for format in FORMATS:
        if match := format.path.fullmatch(path):
            return format, unquote(match.groupdict().get("model") or "")
    return None


@lru_cache
def nearest(path: str) -> Format:
    """Return the format whose error answers an unknown path: OpenAI's, unless the path looks like another's."""
    return next((format for format in FORMATS if format.near and format.near.fullmatch(path)), openai.FORMATS[0])
