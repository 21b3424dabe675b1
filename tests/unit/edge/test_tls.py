"""The local CA and the server's certificate."""

from __future__ import annotations

import datetime
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from codeyard.edge import tls
from codeyard.edge.authority import CertificateError

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
NAMES = ["localhost", "127.0.0.1", "::1", "console.localhost"]


def leaf(folder: Path) -> x509.Certificate:
    """The server's certificate as it stands."""
    return x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())


def authority_of(path: Path) -> tuple[x509.Name, object]:
    """Who the CA is: its name and its key."""
    ca = x509.load_pem_x509_certificate(path.read_bytes())
    return ca.subject, ca.public_key()


def names_of(certificate: x509.Certificate) -> set[str]:
    """The names that a certificate covers."""
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in found}


def test_the_certificate_covers_every_name_and_its_ca_signed_it(tmp_path: Path) -> None:
    ca_path = tls.ensure_certificates(tmp_path, NAMES, NOW)
    ca = x509.load_pem_x509_certificate(ca_path.read_bytes())
    assert names_of(leaf(tmp_path)) == set(NAMES)
    leaf(tmp_path).verify_directly_issued_by(ca)


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    tls.ensure_certificates(tmp_path, NAMES, NOW)
    for name in ("ca.key", "server.pem"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("later", "names", "renewed"),
    [
        (datetime.timedelta(days=1), NAMES, False),
        (datetime.timedelta(days=366), NAMES, False),
        (datetime.timedelta(days=368), NAMES, True),
        (datetime.timedelta(days=400), NAMES, True),
        (datetime.timedelta(days=1), [*NAMES, "yard.example"], True),
        (datetime.timedelta(days=1), NAMES[:2], False),
    ],
)
def test_it_is_made_anew_near_its_end_or_for_a_new_name_and_the_ca_stays(
    tmp_path: Path, later: datetime.timedelta, names: list[str], renewed: bool
) -> None:
    ca_path = tls.ensure_certificates(tmp_path, NAMES, NOW)
    before, ca = leaf(tmp_path), authority_of(ca_path)
    tls.ensure_certificates(tmp_path, names, NOW + later)
    assert (leaf(tmp_path).serial_number != before.serial_number) is renewed
    assert set(names) <= names_of(leaf(tmp_path))
    assert authority_of(ca_path) == ca, "who trusts its key still may"
    leaf(tmp_path).verify_directly_issued_by(x509.load_pem_x509_certificate(ca_path.read_bytes()))


def test_the_bundle_holds_the_systems_cas_and_ours(tmp_path: Path) -> None:
    tls.ensure_certificates(tmp_path, NAMES, NOW)
    system = tmp_path / "system.crt"
    system.write_bytes(b"SYSTEM\n")
    bundle = tls.bundle(tmp_path, system).read_bytes()
    assert bundle == b"SYSTEM\n" + (tmp_path / "ca.pem").read_bytes()
    assert tls.bundle(tmp_path, None).read_bytes().strip() == (tmp_path / "ca.pem").read_bytes().strip()


def test_tls_before_1_2_is_not_spoken(tmp_path: Path) -> None:
    tls.ensure_certificates(tmp_path, NAMES, NOW)
    context = tls.server_context(tmp_path / "server.pem")
    assert context.minimum_version.name == "TLSv1_2"
    weak = [one["name"] for one in context.get_ciphers() if one["aead"] is not True or "TLS_RSA" in one["name"]]
    assert weak == []


def _pem(key: Any, password: bytes = b"") -> bytes:
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("ca.key", _pem(ed25519.Ed25519PrivateKey.generate()), "neither RSA nor EC"),
        ("ca.key", _pem(ec.generate_private_key(ec.SECP256R1()), b"secret"), "no private key in PEM that can be read"),
        ("ca.key", b"no key", "no private key in PEM that can be read"),
        ("ca.pem", b"no certificate", "no certificate in PEM"),
        ("server.pem", b"no certificate", "no certificate in PEM"),
    ],
)
def test_a_file_that_an_operator_put_there_and_that_is_of_no_use_is_named(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    tls.ensure_certificates(tmp_path, ["localhost"], NOW)
    (tmp_path / name).write_bytes(content)
    if name == "ca.key":
        (tmp_path / "server.pem").unlink()
    with pytest.raises(CertificateError, match=told) as error:
        tls.ensure_certificates(tmp_path, ["localhost"], NOW)
    assert str(tmp_path / name) in str(error.value)
