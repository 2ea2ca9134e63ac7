"""How a server may write a secret when it echoes it: as JSON, percent-encoded, as HTML, in base64 or in hexadecimal."""

import json
from base64 import b64decode, b64encode
from html import escape
from urllib.parse import quote, quote_plus

SHORTEST_CORE = 8
"""Fewer characters of base64 may stand in any text by chance."""


def encodings(secret: str) -> set[str]:
    """Return the secret in every encoding, and each of these encoded once more, as in JSON within JSON."""
    once = {secret} | _escapes(secret) | _in_base64(secret.encode("utf-8", "replace"))
    return once | {twice for form in once for twice in _escapes(form)}


def decoded_basic(value: str) -> set[str]:
    """Return the user and password that a header's value `Basic …` holds: together, and the password alone."""
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() != "basic":
        return set()
    try:
        pair = b64decode(encoded, validate=True).decode()
    except ValueError:
        return set()
    return {pair, pair.partition(":")[2]}


def _escapes(text: str) -> set[str]:
    in_json = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    in_urls = {quote(text, "", errors="replace"), quote(text, errors="replace"), quote_plus(text, errors="replace")}
    return {
        *in_json,
        *(form.replace("/", "\\/") for form in in_json),
        *in_urls,
        *map(_in_lower_case, in_urls),
        escape(text),
        escape(text, quote=False),
        escape(text).replace("&#x27;", "&#39;"),
        repr(text)[1:-1],
    }


def _in_lower_case(in_url: str) -> str:
    """Return a percent-encoded text with its hexadecimal digits in lower case."""
    first, *rest = in_url.split("%")
    return first + "".join(f"%{part[:2].lower()}{part[2:]}" for part in rest)


def _in_base64(data: bytes) -> set[str]:
    """Return what is the same of the base64 of any bytes that hold these, and their hexadecimal form."""
    cores = {_core(data, offset) for offset in range(3)}
    long_enough = {core for core in cores if len(core) >= SHORTEST_CORE}
    in_urls = {core.replace("+", "-").replace("/", "_") for core in long_enough}
    return {*long_enough, *in_urls, data.hex(), data.hex().upper()}


def _core(data: bytes, offset: int) -> str:
    """Return the characters that depend on these bytes alone when `offset` others stand before them."""
    encoded = b64encode(bytes(offset) + data).decode()
    return encoded[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6]
