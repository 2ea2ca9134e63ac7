"""Keeps keys and header values out of every text that leaves the process."""

import logging
from collections.abc import Iterable
from typing import Any

from harness.encodings import decoded_basic, encodings

MASK = "***"
SHORTEST = 6
"""Shorter values are words rather than secrets; masking them would only garble the logs."""

LONG, HEAD = 16, 12
"""Of a secret of 16 characters or more the first 12 alone are masked too: an error message may be cut anywhere."""


class Secrets:
    """The secrets of this process, and the texts without them."""

    def __init__(self) -> None:
        self._added: set[str] = set()
        self._forms: list[str] = []
        self._long_forms: dict[str, list[str]] = {}

    def add(self, value: str) -> None:
        """Learn a secret; of `Bearer TOKEN` also the token alone, of `Basic …` also the user and password within."""
        whole = value.strip()
        token = whole.split(" ")[-1]
        for secret in {whole, token, *decoded_basic(whole)} - self._added:
            self._added.add(secret)
            if len(secret) >= SHORTEST:
                self._mask(encodings(secret))

    def add_all(self, values: Iterable[str]) -> None:
        for value in values:
            self.add(value)

    def _mask(self, forms: set[str]) -> None:
        self._forms = sorted({*self._forms, *forms}, key=len, reverse=True)
        for form in forms:
            if len(form) >= LONG:
                self._long_forms.setdefault(form[:HEAD], []).append(form)

    def redact(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, MASK)
        for head, forms in self._long_forms.items():
            if head in text:
                text = _without_cut(text, head, forms)
        return text

    def redact_within(self, value: Any) -> Any:
        """Return a JSON value with every text in it redacted."""
        if isinstance(value, dict):
            return {self.redact(name): self.redact_within(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.redact_within(item) for item in value]
        return self.redact(value) if isinstance(value, str) else value

    def guard_logs(self) -> None:
        """Make every log handler redact what it writes, tracebacks included."""
        loggers = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
        for handler in {handler for logger in loggers for handler in logger.handlers}:
            if not isinstance(handler.formatter, _Redacting):
                handler.setFormatter(_Redacting(handler.formatter or logging.Formatter(), self))


def _without_cut(text: str, head: str, forms: list[str]) -> str:
    """Return the text without what is there of secrets that begin with `head` and whose end is missing."""
    parts, start = [], 0
    while (at := text.find(head, start)) >= 0:
        parts += [text[start:at], MASK]
        start = at + max(_alike(form, text[at : at + len(form)]) for form in forms)
    return "".join([*parts, text[start:]])


def _alike(form: str, text: str) -> int:
    """Return how many characters both have alike before the first that differs."""
    pairs = enumerate(zip(form, text, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(form), len(text)))


class _Redacting(logging.Formatter):
    def __init__(self, inner: logging.Formatter, secrets: Secrets) -> None:
        super().__init__()
        self._inner, self._secrets = inner, secrets

    def format(self, record: logging.LogRecord) -> str:
        return self._secrets.redact(self._inner.format(record))
