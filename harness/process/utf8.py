"""Strings that UTF-8 can't hold."""


def is_utf8(text: str) -> bool:
    """Return whether a string can be written as UTF-8. Python reads other bytes as halves of surrogate pairs, which no
    file, request, or message to a worker can hold."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
