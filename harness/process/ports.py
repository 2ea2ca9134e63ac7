"""The ports that a process listens on, and the page's certificate: what can't be used is refused at the start, in one
line."""

import errno
import os
import socket
import ssl
from argparse import Namespace
from collections.abc import Iterator

LARGEST = 65_535
NOT_OURS = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)

_found_free: set[tuple[str | None, int]] = set()
"""Not probed again: this process listens there by the time the web UI's form makes Locust parse the options anew."""


def refusal(options: Namespace) -> str | None:
    """Return why nothing can listen, or no master can be, where the options say: Locust would exit with a traceback."""
    for option in ("web_port", "master_bind_port", "master_port"):
        if not 0 <= getattr(options, option) <= LARGEST:
            return f"--{option.replace('_', '-')} must be from 0 to {LARGEST}, not {getattr(options, option)}"
    for option in ("web_host", "master_bind_host", "master_host"):
        if not _can_be_a_name(host := getattr(options, option) or ""):
            return f"--{option.replace('_', '-')}: no host can have the name {host!r}"
    for option, host, port in _listening(options):
        if (host, port) in _found_free:
            continue
        if host == "":
            return f"{option}: the address to listen on is empty: use * for all interfaces"
        if reason := _why_not("" if host in (None, "*") else host, port, option == "--master-bind-port"):
            return f"{option} {port}: can't listen on {host or '*'}:{port}: {reason}"
        _found_free.add((host, port))
    return None if options.headless or options.worker else _tls_refusal(options.tls_cert, options.tls_key)


def _can_be_a_name(host: str) -> bool:
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _tls_refusal(certificate: str | None, key: str | None) -> str | None:
    """Return why the page can't be served over TLS: Locust would serve it unencrypted if one of the two is missing, and
    fail at each connection if they can't be used."""
    if not (certificate and key):
        return "--tls-cert and --tls-key need each other" if certificate or key else None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except ssl.SSLError:
        return f"--tls-cert {certificate} and --tls-key {key}: no certificate and its key in PEM without a password"
    except OSError as error:
        return f"--tls-cert {certificate} or --tls-key {key}: {(error.strerror or str(error)).lower()}"
    return None


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
