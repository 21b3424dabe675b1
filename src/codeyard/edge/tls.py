"""The local certificate authority and its certificates on disk: made at first start, renewed before their end."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from codeyard.edge import authority
from codeyard.storage.durable import replace_durably

_RENEWED_BEFORE = datetime.timedelta(days=30)
# TLS 1.2 with forward secrecy and authenticated encryption only; TLS 1.3 has no others (RFC 9325, 4.2).
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def ensure_certificates(folder: Path, names: list[str], now: datetime.datetime) -> Path:
    """Make the CA (DIR/ca.pem) and a server certificate for `names` where missing; return the CA's path.

    A CA that may not vouch for a new name, or is near its end, is made anew with the key it has.
    """
    ca_path, ca_key_path = folder / "ca.pem", folder / "ca.key"
    if not (ca_path.exists() and ca_key_path.exists()):
        replace_durably(ca_key_path, authority.key_pem(ec.generate_private_key(ec.SECP256R1())), 0o600)
        ca_path.unlink(missing_ok=True)
    if not ca_path.exists() or not _suits(ca_path, names, now):
        replace_durably(ca_path, _pem(authority.new_ca(_key(ca_key_path), names, now)), 0o644)
        (folder / "server.pem").unlink(missing_ok=True)
    if not _covers(folder / "server.pem", names, now):
        replace_durably(folder / "server.pem", issued(folder, names, now), 0o600)
    return ca_path


def issued(folder: Path, names: list[str], now: datetime.datetime) -> bytes:
    """A key and a certificate of our CA for the names, as PEM."""
    ca = _certificate(folder / "ca.pem")
    key = ec.generate_private_key(ec.SECP256R1())
    return authority.key_pem(key) + _pem(authority.leaf(ca, _key(folder / "ca.key"), key, names, now))


def server_context(chain: Path, key: Path | None = None) -> ssl.SSLContext:
    """A TLS context (1.2 and later) that shows the certificate of these files; never asks for a password."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.load_cert_chain(chain, key, password=lambda: b"")
    return context


def bundle(folder: Path, system: Path | None, more: bytes = b"") -> Path:
    """Write DIR/ca-bundle.pem: the system's CAs, `more` and ours, so that its readers still know the world."""
    target = folder / "ca-bundle.pem"
    known = system.read_bytes() if system and system.exists() else b""
    parts = [known.rstrip(), more.strip(), (folder / "ca.pem").read_bytes()]
    replace_durably(target, b"\n".join(part for part in parts if part), 0o644)
    return target


def _suits(path: Path, names: list[str], now: datetime.datetime) -> bool:
    ca = _certificate(path)
    return ca.not_valid_after_utc > now + 400 * authority.DAY and authority.allows(ca, names)


def _covers(path: Path, names: list[str], now: datetime.datetime) -> bool:
    if not path.exists():
        return False
    leaf = _certificate(path)
    return set(names) <= authority.names_of(leaf) and leaf.not_valid_after_utc > now + _RENEWED_BEFORE


def _key(path: Path) -> authority.Signer:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError):  # TypeError: it is locked by a password
        raise authority.CertificateError(f"{path} holds no private key in PEM that can be read") from None
    if not isinstance(key, authority.Signer):
        raise authority.CertificateError(f"{path} holds a key that is neither RSA nor EC: clients refuse its CA")
    return key


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        raise authority.CertificateError(f"{path} holds no certificate in PEM") from None


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
