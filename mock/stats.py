"""What arrived at the mock, counted on its side: the truth against which a client's figures are checked."""

from collections import Counter

from mock.formats.message import Json


class Stats:
    """Running totals: requests and tokens are counted when answered, bytes when sent."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Set all totals to zero."""
        self.requests = 0
        self.response_bytes = 0
        self._connections: set[int] = set()
        self.input_tokens = 0
        self.output_tokens = 0
        self.by_format: Counter[str] = Counter()
        self.by_status: Counter[str] = Counter()
        self.by_history_messages: Counter[str] = Counter()

    def answered(self, format_name: str, status: int) -> None:
        """Count a request and the status of its answer; 0 is a connection dropped or left silent."""
        self.requests += 1
        self.by_format[format_name] += 1
        self.by_status[str(status)] += 1

    def billed(self, input_tokens: int, output_tokens: int, history_messages: int) -> None:
        """Count the tokens of an answer without a fault, and the request by how much came before its last message."""
        self.by_history_messages[str(history_messages)] += 1
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens

    def sent(self, size_bytes: int) -> None:
        """Count a part of a body as it is sent, without framing. Server and in-process wire call this for each part."""
        self.response_bytes += size_bytes

    def carried(self, connection: int) -> None:
        """Note that the connection with this number carried a request. Only the server has connections."""
        self._connections.add(connection)

    @property
    def connections(self) -> int:
        """The number of connections that have carried a request."""
        return len(self._connections)

    def as_json(self) -> Json:
        """Return the totals, as `GET /stats` shows them."""
        public = {name: count for name, count in vars(self).items() if not name.startswith("_")}
        return {**public, "connections": self.connections}
