"""Strings that UTF-8 can't hold."""

import sys


def is_utf8(text: str) -> bool:
    """Return whether a string can be written as UTF-8. Python reads other bytes as halves of surrogate pairs, which no
    file, request, or message to a worker can hold."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def refusal(name: str) -> str:
    """Return the reason why such a value is refused: in an ASCII locale, Python can't read UTF-8 either."""
    encoding = sys.getfilesystemencoding()
    if encoding == "utf-8":
        return f"{name} is not UTF-8"
    return f"{name} is not in the locale's encoding, {encoding}: set PYTHONUTF8=1 if it is UTF-8"
