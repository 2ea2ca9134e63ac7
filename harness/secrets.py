"""Masks keys, header values and other secrets in every text that leaves the process."""

import logging
import re
from collections.abc import Iterable

from harness.encodings import cut, decoded_basic, encodings, escaped, escaped_all, is_plain
from summary.cells import printable_lines

MASK = "***"
SHORTEST = 6
"""Shorter values are words rather than secrets; masking them would only garble the logs."""

NAMED = re.compile(r"""=\s*"?([^\s;,"]+)""")
"""A value behind its name: of a cookie, or of a scheme that has several, such as `Digest`."""

JWT = re.compile(r"(?<![\w-])[\w-]{12,}\.eyJ[\w-]*(?:\.[\w-]*)?", re.ASCII)
"""A JSON Web Token, up to where it was cut. SDKs sign them, or read them from files, and exchange them for others."""

LONG, HEAD = 13, 12
"""The first 12 characters of a longer secret are masked too, with what is left after them: a message can be cut
anywhere."""


class Secrets:
    """The secrets of this process; masks them in texts."""

    def __init__(self) -> None:
        self._added: set[str] = set()
        self._forms: list[re.Pattern[str]] = []
        self._heads: list[re.Pattern[str]] = []

    def add(self, value: str) -> None:
        """Add a secret; for `Bearer TOKEN` also the token alone, for `Basic …` also the user and password inside, for
        `NAME=VALUE; …`, as in a cookie, also each value."""
        whole = value.strip()
        token = whole.split(" ")[-1]
        new = {whole, token, *decoded_basic(whole), *NAMED.findall(whole)} - self._added
        self._added |= new
        forms = {form for secret in new if len(secret) >= SHORTEST for form in encodings(secret)}
        long_forms = {form for form in forms if len(form) >= LONG}
        patterns = {escaped(form) for form in forms if form not in long_forms or not is_plain(form)}
        self._forms = sorted({*self._forms, *patterns}, key=_length, reverse=True)
        self._heads += [cut(form[:HEAD]) for form in long_forms]
        known = [secret for secret in new if len(secret) >= SHORTEST]
        self._heads += [escaped_all(s[:HEAD] if len(s) >= LONG else s, len(s) >= LONG) for s in known]

    def add_all(self, values: Iterable[str]) -> None:
        for value in values:
            self.add(value)

    def redact(self, text: str) -> str:
        """Return a text with the secrets masked, and every JSON Web Token, known or not."""
        for form in (*self._forms, *self._heads):
            text = form.sub(MASK, text)
        return JWT.sub(MASK, text)

    def redact_within(self, value: object) -> object:
        """Return a JSON value with every text in it redacted."""
        if isinstance(value, dict):
            return {self.redact(name): self.redact_within(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.redact_within(item) for item in value]
        return self.redact(value) if isinstance(value, str) else value

    def guard_logs(self) -> None:
        """Make every log handler redact what it writes, tracebacks included, and leave out control characters."""
        loggers = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
        for handler in {handler for logger in loggers for handler in logger.handlers}:
            if not isinstance(handler.formatter, _Redacting):
                handler.setFormatter(_Redacting(handler.formatter or logging.Formatter(), self))


def _length(form: re.Pattern[str]) -> int:
    return len(form.pattern)


class _Redacting(logging.Formatter):
    def __init__(self, inner: logging.Formatter, secrets: Secrets) -> None:
        super().__init__()
        self._inner, self._secrets = inner, secrets

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(self._secrets.redact(self._inner.format(record)))
