"""A self-signed certificate for tests, trusted only where SSL_CERT_FILE names it."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from wire.tls import tls_context


@dataclass(frozen=True, slots=True)
class Certificate:
    """The PEM files of a certificate and its key."""

    path: Path
    key_path: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key_path)
        return context


def make_certificate(folder: Path, address: str = "127.0.0.1") -> Certificate:
    """Write a self-signed certificate for an IP address, valid for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    made.path.write_bytes(_signed(key, address).public_bytes(Encoding.PEM))
    made.key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


@contextmanager
def trusting(certificate: Certificate) -> Iterator[None]:
    """Make the wire trust a certificate. Its one TLS context is rebuilt before and after."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(certificate.path))
        tls_context.cache_clear()
        try:
            yield
        finally:
            tls_context.cache_clear()


def _signed(key: ec.EllipticCurvePrivateKey, address: str) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(alternative, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(_usage(), critical=True)  # Python 3.13 requires both of an authority.
    return builder.sign(key, hashes.SHA256())


def _usage() -> x509.KeyUsage:
    """Key usage: signing answers, as a server, and certificates, as its own authority."""
    signs = {"digital_signature": True, "key_cert_sign": True}
    others = (
        "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign", "encipher_only",
        "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**signs, **dict.fromkeys(others, False))
