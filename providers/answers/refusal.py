"""What the body of an answer that no reader got to says: the SDK raised, by the status or over the body itself."""

from providers.answers.document import quoted
from providers.answers.errors import told_in
from wire.exchange import Exchange
from wire.httpx2_plug import decompressed

MOST_READ_BYTES = 1 << 20
"""How much of a decompressed body is looked at."""


def words_of_body(wired: Exchange) -> str:
    """Return the error's words, of a body that is none its beginning, "" without a body."""
    body = decompressed(wired.headers, bytes(wired.body), MOST_READ_BYTES)
    return told_in(body) or (quoted(body) if body.strip() else "")


def missing_words(wired: Exchange, text: str) -> str:
    """Return what the body of an error status says and this text, the SDK's, leaves out."""
    if wired.status is None or wired.status < 300:
        return ""
    words = words_of_body(wired)
    message = words.partition(": ")[2] or words.strip("“”…")
    return "" if message in text else words
