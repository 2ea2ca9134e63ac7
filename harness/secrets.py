"""Keeps keys and header values out of every text that leaves the process."""

import logging

MASK = "***"
SHORTEST = 6
"""Shorter values are words rather than secrets; masking them would only garble the logs."""


class Secrets:
    """The secrets of this process, and the texts without them."""

    def __init__(self) -> None:
        self._values: list[str] = []

    def add(self, value: str) -> None:
        """Learn a secret; of `Bearer TOKEN` also the token alone."""
        for secret in {value.strip(), value.strip().split(" ")[-1]}:
            if len(secret) >= SHORTEST and secret not in self._values:
                self._values.append(secret)
        self._values.sort(key=len, reverse=True)

    def redact(self, text: str) -> str:
        for secret in self._values:
            text = text.replace(secret, MASK)
        return text

    def guard_logs(self) -> None:
        """Make every log handler redact what it writes, tracebacks included."""
        loggers = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
        for handler in {handler for logger in loggers for handler in logger.handlers}:
            if not isinstance(handler.formatter, _Redacting):
                handler.setFormatter(_Redacting(handler.formatter or logging.Formatter(), self))


class _Redacting(logging.Formatter):
    def __init__(self, inner: logging.Formatter, secrets: Secrets) -> None:
        super().__init__()
        self._inner, self._secrets = inner, secrets

    def format(self, record: logging.LogRecord) -> str:
        return self._secrets.redact(self._inner.format(record))
