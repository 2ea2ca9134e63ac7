"""The page's certificate: one that can't be used is refused at the start, in one line."""

import ssl
from argparse import Namespace


def refusal(options: Namespace) -> str | None:
    """Return why the page can't be served over TLS: Locust would serve it unencrypted if the certificate or its key is
    missing, and fail at each connection if they can't be used."""
    if options.headless or options.worker:
        return None
    certificate, key = options.tls_cert, options.tls_key
    if not (certificate and key):
        return "--tls-cert and --tls-key need each other" if certificate or key else None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except ssl.SSLError:
        return f"--tls-cert {certificate} and --tls-key {key}: no certificate and its key in PEM without a password"
    except OSError as error:
        return f"--tls-cert {certificate} or --tls-key {key}: {(error.strerror or str(error)).lower()}"
    return None
