"""Events that differ from an earlier one only in their text: most of a stream, read without parsing their JSON."""

from providers.call import Delta, Part

MOST_MISSES = 4
"""After this many misses the comparison is given up: it doesn't pay if, for example, every event is numbered."""


class Alike:
    """Learns the shape of an event that was parsed and yielded a single `Delta`.

    An event that begins and ends with the same bytes, with no quote or backslash in between, is the same JSON with
    another string. It yields the same `Delta` with that string as its text.
    """

    def __init__(self) -> None:
        self._name, self._begin, self._end = "", b"", b""
        self._delta: Delta | None = None
        self._misses = 0

    def delta_of(self, name: str, data: bytes) -> Delta | None:
        """Return the event's `Delta`; `None` if the event has to be parsed."""
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
        """Learn from an event that was parsed and its only part; `None` if it yielded none or several.

        With a backslash in the event, its text can be escaped, and what looks like it another string. A field's
        name that stands for content (`images`) is no text.
        """
        if self._misses == MOST_MISSES:
            return
        self._misses += self._delta is not None
        self._delta = None
        if self._misses < MOST_MISSES and isinstance(part, Delta) and part.text and b"\\" not in data:
            begin, found, end = data.partition(b'"%s"' % part.text.encode("utf-8", "surrogatepass"))
            if found and found not in end and begin.rstrip().endswith(b":"):
                self._name, self._begin, self._end, self._delta = name, begin + b'"', b'"' + end, part
