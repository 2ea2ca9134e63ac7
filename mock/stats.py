"""What truly arrived at the mock, counted on its side: the truth a client's figures are held against."""

from collections import Counter

from mock.formats.message import Json


class Stats:
    """Running totals; requests and tokens count when answered, bytes when sent."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Everything back to zero."""
        self.requests = 0
        self.response_bytes = 0
        self._connections: set[int] = set()
        self.input_tokens = 0
        self.output_tokens = 0
        self.by_format: Counter[str] = Counter()
        self.by_status: Counter[str] = Counter()

    def answered(self, format_name: str, status: int) -> None:
        """One request, and the status it is answered with; "0" is a connection dropped or left silent."""
        self.requests += 1
        self.by_format[format_name] += 1
        self.by_status[str(status)] += 1

    def billed(self, input_tokens: int, output_tokens: int) -> None:
        """The tokens of an answer that is to arrive whole."""
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens

    def sent(self, size_bytes: int) -> None:
        """A piece of a body as it leaves, without any framing: every mount calls this for every part."""
        self.response_bytes += size_bytes

    def carried(self, connection: int) -> None:
        """A request came over the connection of this number: for mounts that have connections."""
        self._connections.add(connection)

    @property
    def connections(self) -> int:
        """How many connections have carried a request."""
        return len(self._connections)

    def as_json(self) -> Json:
        """The totals, as `GET /stats` shows them."""
        public = {name: count for name, count in vars(self).items() if not name.startswith("_")}
        return {**public, "connections": self.connections}
