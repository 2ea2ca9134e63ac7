"""Masks keys, header values and other secrets in every text that leaves the process."""

import logging
import re
from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

from harness.decodings import Span, decoded_spans, unescaped
from harness.encodings import as_in_a_header, cut, decoded_basic, encodings, escaped, escaped_all, is_plain
from summary.cells import printable_lines

MASK = "***"
SHORTEST = 6
"""Shorter values are words rather than secrets; masking them would only garble the logs."""

NAMED = re.compile(r"""=\s*(?:"([^"]*)|([^\s;,"]+))""")
"""A value behind its name: of a cookie, or of a scheme that has several, such as `Digest`."""

JWT = re.compile(r"(?<![\w-])[\w-]{12,}\.eyJ[\w-]*(?:\.[\w-]*)?", re.ASCII)
"""A JSON Web Token, up to where it was cut. SDKs sign them, or read them from files, and exchange them for others."""

_NAMES = ["access_token", "refresh_token", "session_token", "id_token", "secret_access_key", "access_key_id"]
_FORMS = [f"(?i:{form})" for name in _NAMES for form in (name, name.replace("_", ""))]
_BEHIND_A_NAME = "|".join(f"(?<={form})" for form in [*_FORMS, "[\"']Token"])  # the last is that of AWS's containers
_IN_JSON = r"""\\*["'][\s+]*[:=][\s+]*\\*["']"""
_IN_XML_OR_A_FORM = r"[=>](?:\s|\\+[nrt])*"
_VALUE = r"""(?:[^\s"'<>&,;\\]|\\+[/u]){12,}"""
FETCHED = re.compile(f"(?:oken|ey|ey_?[Ii]d)(?:{_BEHIND_A_NAME})(?:{_IN_JSON}|{_IN_XML_OR_A_FORM})({_VALUE})")
"""What a text names as a token or a key of the kinds that SDKs fetch: some repeat an answer with one that they can't
read. The endings of the names come first, as the search for them is the quickest."""

LONG, HEAD = 13, 12
"""The first 12 characters of a longer secret are masked too, with what is left after them: a message can be cut
anywhere."""


MOST_LEARNT = 200
"""How many fetched secrets are masked: the latest. Some are fetched anew for each call, and each has its patterns."""

LONGEST, LONGEST_LEARNT = 16_384, 1000
"""How many characters of a secret are searched for as they are. A token server can send any number, also in mid-run."""


class _Patterns(NamedTuple):
    """Find secrets: whole, and from their beginnings."""

    wholes: frozenset[re.Pattern[str]]
    heads: frozenset[re.Pattern[str]] = frozenset()


class Secrets:
    """The secrets of this process; masks them in texts."""

    def __init__(self) -> None:
        self._added: set[str] = set()
        self._patterns = _Patterns(frozenset({JWT, FETCHED}))
        self._learnt: dict[str, _Patterns] = {}

    def add(self, value: str) -> None:
        """Add a secret; for `Bearer TOKEN` also the token alone, for `Basic …` also the user and password inside, for
        `NAME=VALUE; …`, as in a cookie, also each value."""
        new = {*_parts(value), *chain.from_iterable(NAMED.findall(value[:LONGEST]))} - self._added
        self._added |= new
        patterns = _patterns(new, LONGEST)
        # New sets, as a thread can be searching.
        self._patterns = _Patterns(self._patterns.wholes | patterns.wholes, self._patterns.heads | patterns.heads)

    def learn(self, value: str) -> None:
        """Add a secret that an SDK has fetched, in place of the one learnt `MOST_LEARNT` before it."""
        begun = value[:LONGEST]
        if begun not in self._learnt and begun not in self._added:
            latest = list(self._learnt.items())[1 - MOST_LEARNT :]
            self._learnt = dict([*latest, (begun, _patterns(_parts(begun) - self._added, LONGEST_LEARNT))])

    def add_all(self, values: Iterable[str]) -> None:
        for value in values:
            self.add(value)

    def redact(self, text: str) -> str:
        """Return a text with the secrets masked, and every JSON Web Token, known or not; also where they are encoded in
        two ways, one in the other."""
        return _masked(text, [*self._spans(text), *decoded_spans(text, self._spans)])

    def _spans(self, text: str) -> list[Span]:
        """Return where secrets are; where a long one is whole, without what follows its beginning."""
        known = [self._patterns, *self._learnt.values()]
        whole = _found(chain.from_iterable(each.wholes for each in known), text)
        begun = {start for start, end in whole if end - start > HEAD}
        heads = _found(chain.from_iterable(each.heads for each in known), text)
        return whole + [span for span in heads if span[0] not in begun]

    def redact_within(self, value: object) -> object:
        """Return a JSON value with every text in it redacted."""
        if isinstance(value, dict):
            return {self.redact(name): self.redact_within(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.redact_within(item) for item in value]
        return self.redact(value) if isinstance(value, str) else value

    def guard_logs(self) -> None:
        """Make every log handler redact what it writes, tracebacks included, and leave out control characters. There is
        always one: with --skip-log-setup, an SDK would add its own later (`OPENAI_LOG=debug`)."""
        logging.basicConfig()
        loggers = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
        for handler in {handler for logger in loggers for handler in logger.handlers}:
            if not isinstance(handler.formatter, _Redacting):
                handler.setFormatter(_Redacting(handler.formatter or logging.Formatter(), self))


def _parts(value: str) -> set[str]:
    whole = value.strip()
    return {whole, *whole.split()[-1:], *decoded_basic(whole)}


def _patterns(secrets: Iterable[str], longest: int) -> _Patterns:
    known = {form for secret in secrets for form in _as_decoded(secret) if len(form) >= SHORTEST}
    forms = {form for secret in known for form in encodings(secret)}
    return _Patterns(frozenset(_wholes(forms, longest)), frozenset(_heads(known, forms)))


def _as_decoded(secret: str) -> tuple[str, ...]:
    """Return a secret, how it reads in a header, and what decoding a text once or twice makes of one that looks escaped
    itself, as `…%00…`."""
    once = unescaped(secret)
    return secret, as_in_a_header(secret), once, unescaped(once)


def _wholes(forms: Iterable[str], longest: int) -> set[re.Pattern[str]]:
    """Return the patterns of forms of which the beginning may not find all."""
    return {escaped(form, longest) for form in forms if len(form) < LONG or not is_plain(form)}


def _heads(known: Iterable[str], forms: Iterable[str]) -> set[re.Pattern[str]]:
    """Return the patterns of long forms' beginnings, and of secrets that are escaped in every character."""
    escaped_wholly = {escaped_all(s[:HEAD] if len(s) >= LONG else s, len(s) >= LONG) for s in known}
    return escaped_wholly | {cut(form[:HEAD]) for form in forms if len(form) >= LONG}


def _found(forms: Iterable[re.Pattern[str]], text: str) -> list[Span]:
    """Return the spans of what the forms match, or of the group that one has."""
    return [found.span(form.groups) for form in forms if form.search(text) for found in form.finditer(text)]


def _masked(text: str, spans: Iterable[Span]) -> str:
    """Return a text with one mask per span, or for several that overlap."""
    parts, end = [], 0
    for start, stop in sorted(spans):
        if start >= end:
            parts += [text[end:start], MASK]
        end = max(end, stop)
    return "".join([*parts, text[end:]])


class _Redacting(logging.Formatter):
    def __init__(self, inner: logging.Formatter, secrets: Secrets) -> None:
        super().__init__()
        self._inner, self._secrets = inner, secrets

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(self._secrets.redact(self._inner.format(record)))
