"""Signs deployment specifications: PKCS#7 signedData with the content and the signer's certificate inside.

The key is made at first use and kept sealed. Agents that were enrolled with the certificate check it; AWS's own agent
looks only at the content.
"""

from __future__ import annotations

import datetime as dt
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from codeyard.engine import Kit
from codeyard.services.codedeploy.store import deployments
from codeyard.storage import Tx

_NAME = "host-commands"
_CONTEXT = "codedeploy/signer"
_YEARS = 30


class Signer:
    """One signing key for the whole server."""

    def __init__(self, kit: Kit) -> None:
        self._kit, self._lock = kit, threading.Lock()
        self._loaded: tuple[rsa.RSAPrivateKey, x509.Certificate] | None = None

    def certificate(self) -> str:
        """The signer's certificate in PEM, to be pinned by hosts at enrolment."""
        return self._pair()[1].public_bytes(serialization.Encoding.PEM).decode()

    def sign(self, content: bytes) -> str:
        """PEM of the signed content."""
        key, certificate = self._pair()
        builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(certificate, key, hashes.SHA256())
        return builder.sign(serialization.Encoding.PEM, [pkcs7.PKCS7Options.Binary]).decode()

    def _pair(self) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load() or self._make()
            return self._loaded

    def _load(self) -> tuple[rsa.RSAPrivateKey, x509.Certificate] | None:
        row = self._kit.db.read(lambda tx: deployments.signer(tx, _NAME))
        if row is None:
            return None
        key = serialization.load_der_private_key(self._kit.sealer.open(row.sealed_key, _CONTEXT), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return key, x509.load_pem_x509_certificate(row.certificate.encode())

    def _make(self) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
        key = rsa.generate_private_key(65537, 2048)
        plain = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        sealed = self._kit.sealer.seal(plain, _CONTEXT)
        text = _self_signed(key, self._kit.clock.now()).public_bytes(serialization.Encoding.PEM).decode()

        def write(tx: Tx) -> None:
            deployments.add_signer(tx, _NAME, sealed, text)

        self._kit.db.write(write)
        loaded = self._load()  # another process may have been first
        assert loaded is not None
        return loaded


def _self_signed(key: rsa.RSAPrivateKey, now: int) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Codeyard deployment specifications")])
    start = dt.datetime.fromtimestamp(now / 1_000_000, dt.UTC) - dt.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
