"""Events that are like one before but for their text: most of a stream, read without opening their JSON."""

from providers.call import Delta, Part

MOST_MISSES = 4
"""A stream whose events differ in more than their text, by a number in each, is not worth the comparison."""


class Alike:
    """Learns the shape of an event that was read in full and gave one `Delta`.

    An event that begins and ends with the same bytes, and has no quote and no backslash in between, is the same JSON
    with another string. It gives the same `Delta` with that string as its text.
    """

    def __init__(self) -> None:
        self._name, self._begin, self._end = "", b"", b""
        self._delta: Delta | None = None
        self._misses = 0

    def delta_of(self, name: str, data: bytes) -> Delta | None:
        """Return what an event gives, or `None` if it has to be read."""
        delta = self._delta
        if delta is None or name != self._name or not data.startswith(self._begin) or not data.endswith(self._end):
            return None
        if len(data) < len(self._begin) + len(self._end):
            return None
        inner = data[len(self._begin) : -len(self._end)]
        if b'"' in inner or b"\\" in inner:
            return None
        try:
            text = inner.decode()
        except UnicodeDecodeError:
            return None
        return Delta(text, delta.reasoning, delta.partial) if text and text.isprintable() else None

    def learn(self, name: str, data: bytes, part: Part | None) -> None:
        """Take an event that was read, and the only part that it gave."""
        if self._misses == MOST_MISSES:
            return
        self._misses += self._delta is not None
        self._delta = None
        if isinstance(part, Delta) and part.text:
            begin, found, end = data.partition(b'"%s"' % part.text.encode("utf-8", "surrogatepass"))
            if found and found not in end:
                self._name, self._begin, self._end, self._delta = name, begin + b'"', b'"' + end, part
