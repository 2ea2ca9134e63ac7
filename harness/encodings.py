"""The forms in which a server can echo a secret: JSON, percent-encoded, HTML, base64 or hexadecimal."""

import re
from base64 import b64decode, b64encode
from html.entities import codepoint2name

SHORTEST_CORE = 7
"""Fewer characters of base64 occur in texts by chance."""

_ALWAYS_PLAIN = re.compile(r"[A-Za-z0-9]")
"""What encodings for JSON, URLs and HTML leave alone; those that escape even this are `escaped_all`'s."""

LONGEST_RUN = 64
"""How many escaped backslashes a secret that begins with some is searched for: each of a long run is tried as the first
of them."""

_REST = r"(?:[A-Za-z0-9._~+/=-]|%[0-9A-Fa-f]{2}|\\+(?:/|u[0-9A-Fa-f]{4})|&(?:amp;)*#?[A-Za-z0-9]+;)*"
"""What tokens consist of, and escapes."""

_RUN = r"\\(?<!\\\\)\\*"
"""Backslashes, tried only from the first of them: from each of a long run, the search would take its length squared."""


def encodings(secret: str) -> set[str]:
    """Return the secret, its hexadecimal forms, and what the base64 of any text containing it has in common."""
    data = secret.encode("utf-8", "replace")
    cores = {core for core in (_base64_core(data, offset) for offset in range(3)) if len(core) >= SHORTEST_CORE}
    for_urls = {core.replace("+", "-").replace("/", "_") for core in cores}
    return {secret, *cores, *for_urls, data.hex(), data.hex().upper()}


def escaped(text: str, longest: int) -> re.Pattern[str]:
    """Return a pattern for a text as it is, or escaped once or repeatedly for JSON, a URL or HTML.

    longest  after so many characters the pattern is for any of a token: each takes time and memory
    """
    start = "" if is_plain(text[:1]) else r"(?<!\\)"
    first, *others = re.findall(r"\\+[^A-Za-z0-9\\]?|[^\\]", text[:longest])
    most = str(max(LONGEST_RUN, 16 * len(first)))
    rest = _REST if len(text) > longest else ""
    return re.compile(start + _escaped_run(first, most) + "".join(map(_escaped_run, others)) + rest)


def escaped_all(text: str, is_head: bool) -> re.Pattern[str]:
    """Return a pattern for a text with every character escaped for a URL, JSON or HTML; for a head, also for the
    escaped characters after it.

    Each alternative begins with a different literal character, so that a search skips other text quickly.
    """
    codes = [f"{ord(character):x}" for character in text]
    in_url = "".join(f"%(?:25)*(?i:{byte:02x})" for byte in text.encode("utf-8", "replace"))
    in_json = _RUN + r"\\+".join(rf"(?i:[ux]0*{code})" for code in codes)
    in_html = "".join(f"&(?:amp;)*#(?:0*{int(code, 16)}|(?i:x0*{code}));" for code in codes)
    more = (
        r"(?:%(?:25)*[0-9A-Fa-f]{0,2})*",
        r"(?:\\+(?:[ux][0-9A-Fa-f]{0,4}|(?![\"\\])))*",
        r"(?:&(?:amp;)*#?x?[0-9A-Fa-f]*;?)*",
    )
    ways = zip((in_url, in_json, in_html), more if is_head else ("", "", ""), strict=True)
    return re.compile("|".join(way + rest for way, rest in ways))


def is_plain(text: str) -> bool:
    """Return whether only base64 and hexadecimal change a text: then a pattern for its beginning finds all of it."""
    return all(map(_ALWAYS_PLAIN.match, text))


def cut(head: str) -> re.Pattern[str]:
    """Return a pattern for a secret's beginning and any characters of a token after it."""
    return re.compile(escaped(head, len(head)).pattern + "[A-Za-z0-9._~+/=-]*")


def _escaped_run(run: str, most: str = "") -> str:
    """Return a pattern for a character, or for a run of backslashes, which have become any number, or at most `most`,
    and the sign after it. They are not counted: if they could be divided between several characters, the search would
    try every division. If the sign's escape begins with backslashes, those before it are part of it, or are lost."""
    if run[0] != "\\":
        return _escaped_character(run)
    backslashes, sign = f"(?:{_escaped_character(run[0])}){{1,{most}}}+", run.lstrip("\\")
    if not sign:
        return backslashes
    after = _escaped_character(sign)
    return f"(?:{backslashes}(?:{after}|(?i:u{ord(sign):04x}))|{after})"


def _escaped_character(character: str) -> str:
    if _ALWAYS_PLAIN.match(character):
        return re.escape(character)
    code = ord(character)
    in_url = "".join(f"%(?:25)*{byte:02x}" for byte in character.encode("utf-8", "replace"))
    in_html = [rf"#0*{code};", rf"#x0*{code:x};", *([f"{codepoint2name[code]};"] if code in codepoint2name else [])]
    return (
        rf"(?:\\*{re.escape(character)}|\\+(?i:u{code:04x})|(?i:{in_url})|&(?:amp;)*(?i:{'|'.join(in_html)})"
        + (r"|\\+" if character == "\\" else r"|\+" if character == " " else "")
        + ")"
    )


def decoded_basic(value: str) -> set[str]:
    """Return the `user:password` in a header's value `Basic …`, in UTF-8 or Latin-1, and the password alone."""
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() != "basic":
        return set()
    digits = encoded.strip().rstrip("=")
    try:
        data = b64decode(digits + -len(digits) % 4 * "=", validate=True)
    except ValueError:
        return set()
    pairs = {data.decode(charset, "replace") for charset in ("utf-8", "latin-1")}
    return pairs | {pair.partition(":")[2] for pair in pairs}


def as_in_a_header(text: str) -> str:
    """Return a text as it is read in an answer's header: its bytes in UTF-8, taken for Latin-1."""
    return text.encode("utf-8", "replace").decode("latin-1")


def _base64_core(data: bytes, offset: int) -> str:
    """Return the base64 characters that depend only on these bytes when `offset` other bytes precede them."""
    encoded = b64encode(bytes(offset) + data).decode()
    return encoded[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6]
