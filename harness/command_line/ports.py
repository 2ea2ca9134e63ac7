"""The ports that a process listens on, and its master's address: what can't be used is refused at the start, in one
line."""

import errno
import os
import re
import socket
from argparse import Namespace
from collections.abc import Iterator

LARGEST = 65_535
NOT_OURS = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)
ADDRESS = re.compile(r"[\w.:;%*\[\]-]+", re.ASCII)
CONNECTABLE = re.compile(r"[A-Za-z0-9:\[]")
"""How an address begins that ZeroMQ connects to. It can also listen on `*`, and on an interface of any name."""

_found_free: set[tuple[str | None, int]] = set()
"""Not probed again: this process listens there by the time the web UI's form makes Locust parse the options anew."""


def refusal(options: Namespace) -> str | None:
    """Return why nothing can listen, or no master can be, where the options say: Locust would exit with a traceback."""
    for option in ("web_port", "master_bind_port", "master_port"):
        if not 0 <= getattr(options, option) <= LARGEST:
            return f"--{option.replace('_', '-')} must be from 0 to {LARGEST}, not {getattr(options, option)}"
    for option, address in _addresses(options):
        if not _is_address(address) or (option == "--master-host" and not CONNECTABLE.match(address)):
            return f"{option} must be a name or an address, not {address!r}"
    for option, host, port in _listening(options):
        if (host, port) in _found_free:
            continue
        if host == "":
            return f"{option}: the address to listen on is empty: use * for all interfaces"
        if reason := _why_not("" if host in (None, "*") else host, port, option == "--master-bind-port"):
            return f"{option} {port}: can't listen on {host or '*'}:{port}: {reason}"
        _found_free.add((host, port))
    return None


def _addresses(options: Namespace) -> Iterator[tuple[str, str]]:
    if not (options.headless or options.worker):
        yield "--web-host", options.web_host or "*"
    if options.worker or options.processes:
        yield "--master-host", options.master_host
    if not options.worker and (options.master or options.processes):
        yield "--master-bind-host", options.master_bind_host


def _is_address(text: str) -> bool:
    """Return whether Python and ZeroMQ take a text for a name or an address: they end with tracebacks if not."""
    try:
        return bool(text.encode("idna") and ADDRESS.fullmatch(text))
    except UnicodeError:
        return False


def _listening(options: Namespace) -> Iterator[tuple[str, str | None, int]]:
    if options.worker:
        return
    if options.master or options.processes:
        yield "--master-bind-port", options.master_bind_host, options.master_bind_port
    if not options.headless:
        yield "--web-port", options.web_host, options.web_port


def _why_not(host: str, port: int, may_be_an_interface: bool) -> str | None:
    """Return why nothing can listen there; `None` if something can, or if only Locust can find out."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen()
    except socket.gaierror as error:
        return None if may_be_an_interface else str(error.strerror).lower()
    except OSError as error:
        return os.strerror(error.errno).lower() if error.errno in NOT_OURS else None
    return None
