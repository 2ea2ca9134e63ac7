"""Answers that bend the rules of HTTP, parsed by h11, as the SDKs' own clients do."""

from collections.abc import Iterator

import h11

from wire.exchange import NotHTTP

MOST_HEAD_BYTES = 1 << 18
"""The longest head accepted, more than the SDKs accept: h11 takes long over a long one, and the loop waits."""
MOST_HEADERS = 1000
"""Ten times what `http.client`, and so botocore, accepts: each one costs the SDK and the figures time."""
MOST_QUOTED = 200
"""How many characters of h11's message are quoted: it contains the peer's header."""

Event = h11.Response | h11.InformationalResponse | h11.Data | h11.EndOfMessage


class TolerantParser:
    """Accepts what llhttp rejects: a length together with chunks (the chunks win, RFC 9112 6.3), the same length twice,
    lines that end in LF alone, folded headers, tabs after a header's value, spaces after a chunk's size."""

    def __init__(self) -> None:
        self._peer = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD_BYTES)
        self._peer.send(
            h11.Request(method="POST", target="/", headers=[("Host", "")])
        )  # h11 reads only an answer to one
        self._peer.send(h11.EndOfMessage())

    def events(self, data: bytes) -> Iterator[Event]:
        """Yield the events in the next received bytes, b"" for the peer's close. Raises `NotHTTP`.

        h11 itself raises `ValueError` for a length with more digits than Python converts.
        """
        try:
            self._peer.receive_data(data)
            while isinstance(event := self._peer.next_event(), Event):
                yield event
        except (h11.ProtocolError, ValueError) as error:
            raise NotHTTP(f"the peer's answer is not HTTP/1.1: {str(error)[:MOST_QUOTED]}") from error


def headers_of(event: h11.Response) -> list[tuple[str, str]]:
    """Return an answer's headers, their names spelled as sent."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers.raw_items()]
