"""TLS without a socket: bytes are received and sent elsewhere, so that encrypted reads are stamped like any other."""

import ssl
from collections.abc import Iterator
from functools import cache

READ_BYTES = 65536


@cache
def tls_context() -> ssl.SSLContext:
    """Return the process's one TLS context. It trusts the system's certificates, or those of SSL_CERT_FILE and
    SSL_CERT_DIR.

    A context costs about 40 ms and 0.8 MB, so all connections share one. It lacks finite-field Diffie-Hellman, as
    browsers do: a server chooses its numbers, and can make a client compute for two seconds.
    """
    context = ssl.create_default_context()
    context.set_ciphers(":".join(cipher["name"] for cipher in context.get_ciphers() if cipher["kea"] != "kx-dhe"))
    context.set_alpn_protocols(["http/1.1"])
    return context


class TLS:
    """One connection's TLS. Bytes to be sent wait in `outgoing`. Errors are `ssl.SSLError`."""

    def __init__(self, server_name: str) -> None:
        self._incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = tls_context().wrap_bio(self._incoming, self.outgoing, server_hostname=server_name)

    def shake_hands(self, received: bytes | None) -> bool:
        """Take the peer's bytes, `None` for none; return whether the latest handshake is complete."""
        if received is not None:
            self._take(received)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def decrypt(self, received: bytes | None) -> Iterator[bytes]:
        """Yield the data in a read: nothing for part of a record, b"" once the peer has closed. `None` is no read: what
        came with the end of the handshake is still here.

        Data before invalid TLS, or before the peer's alert, is yielded before the error is raised: the answer may be
        complete by then.
        """
        if received is not None:
            self._take(received)
        text = bytearray()
        broken: ssl.SSLError | None = None
        try:
            while piece := self._object.read(READ_BYTES):
                text += piece
            ended = True
        except ssl.SSLWantReadError:
            ended = False
        except ssl.SSLEOFError:  # The peer closed without close_notify. HTTP itself shows whether the answer is whole.
            ended = True
        except ssl.SSLError as error:
            ended, broken = False, error
        if text:
            yield bytes(text)
        if broken:
            raise broken
        if ended:
            yield b""

    def encrypt(self, data: bytes) -> bytes:
        """Return the bytes to send for `data`."""
        self._object.write(data)
        return self.outgoing.read()

    def _take(self, received: bytes) -> None:
        if received:
            self._incoming.write(received)
        else:
            self._incoming.write_eof()
