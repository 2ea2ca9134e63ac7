"""What the escapes, the base64 and the hexadecimal in a text stand for: a secret in it can be encoded once more."""

import re
from binascii import a2b_base64
from collections.abc import Callable, Iterator
from functools import lru_cache
from html import unescape
from itertools import chain
from urllib.parse import unquote

Span = tuple[int, int]
Find = Callable[[str], list[Span]]
"""Finds the spans of secrets in a text."""

_HEX = "[0-9A-Fa-f]"
_CONTINUED = "%(?:25)*[89ABab]" + _HEX
_ESCAPE = re.compile(
    rf"%(?:25)*(?:[0-7]{_HEX}|[CDcd]{_HEX}{_CONTINUED}|[Ee]{_HEX}(?:{_CONTINUED}){{2}}|[Ff][0-7](?:{_CONTINUED}){{3}})"
    rf"|(?<!\\)\\+(?:u{_HEX}{{4}}|x{_HEX}{{2}})"
    rf"|&(?:amp;)*(?:#[0-9]{{1,9}}|#[xX]{_HEX}{{1,9}}|[A-Za-z][A-Za-z0-9]{{1,30}});"
)
"""A character escaped for a URL, JSON or HTML, once or repeatedly."""

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FIRST = f"[{_DIGITS[8:32]}]"
_SECOND = f"[{''.join(digit for value, digit in enumerate(_DIGITS) if 2 <= value % 16 < 8)}]"
_THIRD = f"[{''.join(digit for value, digit in enumerate(_DIGITS) if value % 4 < 2)}]"
_OF_TEXT = re.compile(f"(?:{_FIRST}{_SECOND}{_THIRD}[A-Za-z0-9+/_-]){{2}}{_FIRST}{_SECOND}|(?:[2-7]{_HEX}){{7}}")
"""The base64 or hexadecimal of 7 ASCII characters, which a random identifier rarely looks like."""

_RUN = re.compile("[A-Za-z0-9+/_-]{10,}")
_HEX_RUN = re.compile(_HEX + "{14,}")
_TEXT = re.compile(rb"[\x20-\x7e]{7,}")


def decoded_spans(text: str, find: Find) -> Iterator[Span]:
    """Yield the spans of a text in which secrets are found once they are decoded."""

    def find_escaped(decoded: str) -> list[Span]:
        return [*find(decoded), *_escaped(decoded, find)]

    yield from _escaped(text, find_escaped)
    for run in _RUN.finditer(text) if _OF_TEXT.search(text) else ():
        if find_escaped(_decoded(run[0])):
            yield run.span()


def unescaped(text: str) -> str:
    """Return a text without its escapes."""
    return "".join(_unescaped(text)[0])


def _escaped(text: str, find: Find) -> Iterator[Span]:
    if not _ESCAPE.search(text):
        return
    characters, places = _unescaped(text)
    for start, end in find("".join(characters)):
        yield places[start], places[end]


def _unescaped(text: str) -> tuple[list[str], list[int]]:
    """Return a text without its escapes, and for each of its characters, and its end, the place in the escaped text."""
    parts, places, end = [], [], 0
    for escape in _ESCAPE.finditer(text):
        character = _character(escape[0])
        if len(character) == 1:
            parts += [text[end : escape.start()], character]
            places += [*range(end, escape.start()), escape.start()]
            end = escape.end()
    return [*parts, text[end:]], [*places, *range(end, len(text) + 1)]


@lru_cache(1024)
def _character(escape: str) -> str:
    if escape[0] == "%":
        return unquote(re.sub("%(?:25)+(?=..)", "%", escape))
    if escape[0] == "&":
        return unescape("&" + re.sub("^&(?:amp;)*(?=.)", "", escape))
    return chr(int(escape.lstrip("\\")[1:], 16))


def _decoded(run: str) -> str:
    """Return the texts that a run can stand for, one per line: where an encoding in it begins is not known."""
    base64 = run.replace("-", "+").replace("_", "/")
    hexadecimal = chain.from_iterable((each[0], each[0][1:]) for each in _HEX_RUN.finditer(run))
    found = chain((_of_base64(base64[first:]) for first in range(4)), map(_of_hexadecimal, hexadecimal))
    return "\n".join(text.decode() for data in found for text in _TEXT.findall(data))


def _of_base64(run: str) -> bytes:
    return a2b_base64(run[: len(run) - (len(run) % 4 == 1)] + "==")


def _of_hexadecimal(run: str) -> bytes:
    return bytes.fromhex(run[: len(run) // 2 * 2])
