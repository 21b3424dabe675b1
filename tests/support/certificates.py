"""A company's certificate authority, and handshakes in memory."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Company:
    """A CA that no system knows; `issue` writes a certificate of it as administrators get them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ca = folder, folder / "company.pem"
        self._key, self._name = ec.generate_private_key(ec.SECP256R1()), _name("Company CA")
        now = datetime.datetime.now(datetime.UTC)
        public = self._key.public_key()
        builder = _builder(self._name, self._name, public, now - DAY, now + 3650 * DAY)
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        made = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.ca.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, host: str = "code.example.com", *, start: float = -1, days: float = 90, password: bytes = b""
    ) -> tuple[Path, Path, int]:
        """Write a certificate that is valid from `start` on for `days` days: its file, its key's, its serial number."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
        begin = now + start * DAY
        builder = _builder(self._name, _name(host), key.public_key(), begin, begin + days * DAY)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        made = (
            builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(authority, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
        chain_file, key_file = self.folder / "chain.pem", self.folder / "chain.key"
        _replace(key_file, pem)
        _replace(chain_file, made.public_bytes(serialization.Encoding.PEM))
        return chain_file, key_file, made.serial_number


def shown(server: ssl.SSLContext, name: str | None, ca: Path) -> x509.Certificate:
    """The certificate that a client which asks for `name` is shown and takes, with `ca` to verify it by."""
    client, at_client, at_server = ssl.create_default_context(cafile=str(ca)), ssl.MemoryBIO(), ssl.MemoryBIO()
    client.check_hostname = name is not None
    theirs = client.wrap_bio(at_client, at_server, server_hostname=name)
    ours = server.wrap_bio(at_server, at_client, server_side=True)
    for side in (theirs, ours, theirs):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    der = theirs.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


def _builder(
    issuer: x509.Name,
    subject: x509.Name,
    public: ec.EllipticCurvePublicKey,
    begin: datetime.datetime,
    end: datetime.datetime,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().issuer_name(issuer).subject_name(subject).public_key(public)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".fresh")
    fresh.write_bytes(content)
    fresh.chmod(0o600)
    fresh.replace(path)
