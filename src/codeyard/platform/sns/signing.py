"""The key that messages are signed with, and its certificate: made at first use, the key kept sealed."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from codeyard.engine import Kit
from codeyard.formats.moments import moment
from codeyard.platform.sns import store

_CONTEXT = "sns:signing"
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


class Signing:
    """Signs messages as SNS does; the key is loaded at first use."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._key: rsa.RSAPrivateKey | None = None

    def _ensure(self) -> None:
        if self._row() is not None:
            return
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        plain = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        sealed = self._kit.sealer.seal(plain, _CONTEXT)
        certificate = _certificate(key, moment(self._kit.clock.now()))
        self._kit.db.write(lambda tx: store.save_signing_key(tx, sealed, certificate))

    def certificate_pem(self) -> str:
        """The certificate that receivers check signatures by."""
        self._ensure()
        return str(self._row().certificate)

    def sign(self, message: Mapping[str, str], version: str) -> str:
        """The base64 signature over the message's members: SHA-1 for version 1, SHA-256 for version 2."""
        digest: hashes.HashAlgorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
        signature = self._loaded().sign(string_to_sign(message).encode(), padding.PKCS1v15(), digest)
        return base64.b64encode(signature).decode()

    def _loaded(self) -> rsa.RSAPrivateKey:
        if self._key is None:
            self._ensure()
            plain = self._kit.sealer.open(bytes(self._row().key), _CONTEXT)
            loaded = serialization.load_der_private_key(plain, None)
            assert isinstance(loaded, rsa.RSAPrivateKey)
            self._key = loaded
        return self._key

    def _row(self) -> Any:
        return self._kit.db.read(store.signing_key)


def string_to_sign(message: Mapping[str, str]) -> str:
    """The members that are signed, each name and value on its line, by message type."""
    names = _NOTIFICATION if message["Type"] == "Notification" else _CONFIRMATION
    return "".join(f"{name}\n{message[name]}\n" for name in names if name in message)


def _certificate(key: rsa.RSAPrivateKey, now: datetime.datetime) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()
