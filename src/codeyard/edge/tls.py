"""The local certificate authority, made at first start, and the certificate that the listener shows."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)


def ensure_certificates(folder: Path, names: list[str], now: datetime.datetime) -> Path:
    """Make the CA (DIR/ca.pem) and a server certificate for `names` where missing; return the CA's path."""
    ca_path, ca_key_path = folder / "ca.pem", folder / "ca.key"
    if not (ca_path.exists() and ca_key_path.exists()):
        key, ca = _new_ca(now)
        _write(ca_key_path, _key_pem(key), 0o600)
        _write(ca_path, ca.public_bytes(serialization.Encoding.PEM), 0o644)
    ca = x509.load_pem_x509_certificate(ca_path.read_bytes())
    ca_key = serialization.load_pem_private_key(ca_key_path.read_bytes(), None)
    server = folder / "server.pem"
    if not _covers(server, names, now):
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = _leaf(ca, ca_key, key, names, now)
        _write(server, _key_pem(key) + leaf.public_bytes(serialization.Encoding.PEM), 0o600)
    return ca_path


def server_context(folder: Path) -> ssl.SSLContext:
    """The TLS context of the listener (TLS 1.2 and later) from what ensure_certificates made."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / "server.pem")
    return context


def bundle(folder: Path, system: Path | None) -> Path:
    """Write DIR/ca-bundle.pem: the system's CAs and ours, so that clients pointed at it still know the world."""
    target = folder / "ca-bundle.pem"
    known = system.read_bytes() if system and system.exists() else b""
    _write(target, known.rstrip() + b"\n" + (folder / "ca.pem").read_bytes(), 0o644)
    return target


def _covers(path: Path, names: list[str], now: datetime.datetime) -> bool:
    if not path.exists():
        return False
    leaf = x509.load_pem_x509_certificate(
        path.read_bytes().split(b"-----BEGIN CERTIFICATE-----", 1)[0] and path.read_bytes()
    )
    have = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    present = {str(getattr(n, "value", n)) for n in have}
    return set(names) <= present and leaf.not_valid_after_utc > now + 30 * _DAY


def _new_ca(now: datetime.datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Codeyard local CA")])
    builder = (
        _builder(name, name, key.public_key(), now, 3650)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signing_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return key, builder.sign(key, hashes.SHA256())


def _leaf(
    ca: x509.Certificate,
    ca_key: object,
    key: ec.EllipticCurvePrivateKey,
    names: list[str],
    now: datetime.datetime,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key())  # type: ignore[arg-type]
    builder = (
        _builder(ca.subject, subject, key.public_key(), now, 397)
        .add_extension(x509.SubjectAlternativeName([_general_name(n) for n in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signing_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(authority, critical=False)
    )
    return builder.sign(ca_key, hashes.SHA256())  # type: ignore[arg-type]


def _builder(
    issuer: x509.Name,
    subject: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: datetime.datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + days * _DAY)
    )


def _usage(*, signing_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signing_certificates,
        crl_sign=signing_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    temporary = path.with_suffix(path.suffix + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
