"""Errors of the operating system, DNS and TLS, mapped to the fixed words by which failures are grouped."""

import errno
import ssl
from socket import gaierror

from wire.exchange import Failure

_BY_CLASS: tuple[tuple[type[Exception], Failure], ...] = (
    (gaierror, "unknown host"),
    (UnicodeError, "unknown host"),
    (ssl.SSLEOFError, "closed early"),
    (ssl.SSLError, "TLS"),
)
"""Checked first: `errno` means something else in `gaierror` and `SSLError`. Subclasses come before their bases."""

_BY_ERRNO: dict[int, Failure] = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.EPIPE: "reset",
    errno.EHOSTUNREACH: "unreachable",
    errno.EHOSTDOWN: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.ENETDOWN: "unreachable",
    errno.ETIMEDOUT: "unreachable",
    errno.EMFILE: "too many open files",
    errno.ENFILE: "too many open files",
    errno.EADDRNOTAVAIL: "no local port left",
}

OUR_OWN: tuple[Failure, ...] = ("too many open files", "no local port left")
"""Failures of this machine, no matter which peer the connection was for."""


def failure_of(error: Exception, otherwise: Failure) -> Failure:
    """Return the word for a socket's error; `otherwise` for one that is not listed."""
    for kind, failure in _BY_CLASS:
        if isinstance(error, kind):
            return failure
    number = error.errno if isinstance(error, OSError) else None
    return _BY_ERRNO.get(number or 0, otherwise)


def text_of(error: Exception) -> str:
    """Return an error's text, in lower case, with advice where there is any."""
    text = (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
    if failure_of(error, "send failed") == "too many open files":
        return f"{text} (raise the limit: ulimit -n)"
    return text
