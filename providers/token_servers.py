"""What the servers answer that SDKs get credentials from. An endless answer would fill the memory."""

from collections.abc import Iterator
from typing import Any

from wire.exchange import within_limit

PIECE_BYTES = 1 << 16


def short_answer(raw: Any, decodes: bool) -> Iterator[bytes]:
    """Yield the body that urllib3 receives, which is no longer than an error's. Raises `TooLong`.

    Its own `stream` would read a chunk's size of any length.
    """
    return within_limit(iter(lambda: raw.read(PIECE_BYTES, decode_content=decodes), b""), status=400)
