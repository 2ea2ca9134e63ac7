"""Texts of servers and users, made fit for a cell of a CSV file, a table or a terminal. Stdlib only."""

import re
from typing import Any

FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"
"""A spreadsheet takes a cell that begins with one of these for a formula (OWASP, CSV Injection)."""

_QUOTED = re.compile(f"'['{re.escape(FORMULA_STARTS)}]")
_UNPRINTABLE_IN_JSON = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def quoted(value: Any) -> Any:
    """Return the value as a CSV cell: a text that a spreadsheet would take for a formula gets an apostrophe before it.

    A text that begins with an apostrophe gets another one, so that `unquoted` gives back each text as it was. Numbers
    and `None` stay what they are.
    """
    return f"'{value}" if isinstance(value, str) and value and value[0] in f"'{FORMULA_STARTS}" else value


def unquoted(text: str) -> str:
    """Return the text that `quoted` made a cell of. A text of a file that quotes nothing mostly stays as it is."""
    return text[1:] if _QUOTED.match(text) else text


def printable(value: Any) -> Any:
    """Return a text, or all texts in lists and dicts, without what moves a terminal's cursor or colours it."""
    if isinstance(value, str):
        return value if value.isprintable() else "".join(map(_printable, value))
    if isinstance(value, dict):
        return {printable(name): printable(inner) for name, inner in value.items()}
    return [printable(inner) for inner in value] if isinstance(value, list | tuple) else value


def escaped(json: str) -> str:
    """Return a JSON text with its unprintable characters escaped, those too that JSON lets stand."""
    return _UNPRINTABLE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", json)


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else "\ufffd"
