"""An OIDC issuer over TLS on this machine: its keys, its pages, and the tokens that it signs."""

from __future__ import annotations

import datetime
import hashlib
import http.server
import json
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from codeyard.platform.iam import jwt

_NAME = "localhost"


class Issuer:
    """`url` is the issuer; `asked` counts the pages fetched."""

    def __init__(self, folder: Path) -> None:
        self.keys: dict[str, tuple[Any, str]] = {}
        self.asked, self.broken = 0, False
        self.ca, self.ca_pem, chain = _certificates(folder)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(chain)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.host = f"{_NAME}:{self._server.server_address[1]}"
        self.url = f"https://{self.host}/realm"
        self.thumbprint = hashlib.sha1(self.ca.public_bytes(Encoding.DER)).hexdigest()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.rotate("rsa")
        self.rotate("ec", algorithm="ES256")

    def rotate(self, key_id: str, algorithm: str = "RS256") -> None:
        """Make a key under an id."""
        is_rsa = algorithm.startswith("RS")
        key = rsa.generate_private_key(65537, 2048) if is_rsa else ec.generate_private_key(ec.SECP256R1())
        self.keys[key_id] = key, algorithm

    def token(self, *, key_id: str = "rsa", signed_by: Any = None, now: float | None = None, **claims: Any) -> str:
        """A token for the audience `sts`, good for five minutes from now; claims that are None are left out."""
        key, algorithm = self.keys[key_id]
        begun = int(time.time() if now is None else now)
        told = {"iss": self.url, "aud": "sts.amazonaws.com", "sub": "repo:ours", "iat": begun, "exp": begun + 300}
        told = {name: value for name, value in {**told, **claims}.items() if value is not None}
        return jwt.sign(told, signed_by or key, algorithm, key_id)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def _page(self, path: str) -> dict[str, Any] | None:
        if path == "/realm/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"https://{self.host}/keys"}
        if path == "/keys":
            return {"keys": [jwt.public_jwk(key, name, key_id) for key_id, (key, name) in self.keys.items()]}
        return None

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                page = None if issuer.broken else issuer._page(self.path)
                body = json.dumps(page).encode()
                self.send_response(500 if page is None else 200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


def _certificates(folder: Path) -> tuple[x509.Certificate, Path, Path]:
    """(CA, its file, a file with the host's key and chain)."""
    now = datetime.datetime.now(datetime.UTC)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")])

    def made(name: x509.Name, public: Any, *extensions: tuple[Any, bool]) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(ca_name).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(1))
        builder = builder.not_valid_after(now + datetime.timedelta(30))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(ca_key, hashes.SHA256())

    ca = made(ca_name, ca_key.public_key(), (x509.BasicConstraints(ca=True, path_length=None), True))
    host = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    leaf = made(host, key.public_key(), (x509.SubjectAlternativeName([x509.DNSName(_NAME)]), False))
    ca_file, chain = folder / "issuer-ca.pem", folder / "issuer.pem"
    ca_file.write_bytes(ca.public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain.write_bytes(secret + leaf.public_bytes(Encoding.PEM) + ca.public_bytes(Encoding.PEM))
    return ca, ca_file, chain


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    """A running issuer."""
    made = Issuer(tmp_path)
    yield made
    made.close()
