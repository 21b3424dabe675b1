"""A certificate of the administrator's own: what is wrong with it is said before it is shown to anybody."""

from __future__ import annotations

import datetime
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from codeyard.edge import authority, tls
from codeyard.edge.authority import CertificateError


@dataclass(frozen=True, slots=True)
class Files:
    """Where it lies: the chain, the certificate first; its key; the CA that verifies it, if the system does not."""

    chain: Path
    key: Path
    ca: Path | None = None

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """What changes when a file does; a file that is away has none."""
        found = []
        for path in filter(None, (self.chain, self.key, self.ca)):
            try:
                fact = path.stat()
            except OSError:
                continue
            found.append((fact.st_ino, fact.st_mtime_ns, fact.st_size))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Own:
    """A certificate that can be shown. `issuers` is, as PEM, what came with it and may verify it."""

    certificate: x509.Certificate
    context: ssl.SSLContext
    issuers: bytes


def load(files: Files, now: datetime.datetime) -> Own:
    """The certificate of the files; CertificateError where clients would refuse it or it cannot be shown."""
    chain = _certificates(files.chain)
    _check_dates(files.chain, chain[0], now)
    if not authority.names_of(chain[0]):
        raise CertificateError(f"{files.chain} has no subjectAltName: no client takes it for any host")
    _check_key(files.key, chain[0])
    try:
        context = tls.server_context(files.chain, files.key)
    except ssl.SSLError as problem:
        raise CertificateError(f"{files.chain} cannot be used: {problem.reason or problem}") from None
    roots = [one for one in chain if one.issuer == one.subject] + (_certificates(files.ca) if files.ca else [])
    pem = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in roots)
    return Own(chain[0], context, pem)


def readable_by_others(key: Path) -> bool:
    """Whether more than the key's owner and group may read it."""
    return bool(key.stat().st_mode & 0o004)


def verifies(own: Own, bundle: Path) -> str:
    """Why a client with that bundle refuses the certificate; "" where it takes it."""
    name = sorted(authority.names_of(own.certificate))[0].replace("*", "any")
    client, at_client, at_server = ssl.create_default_context(cafile=str(bundle)), ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = own.context.wrap_bio(at_server, at_client, server_side=True)
    theirs = client.wrap_bio(at_client, at_server, server_hostname=name)
    for side in (theirs, ours, theirs):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as problem:
            return problem.verify_message
    return ""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise CertificateError(f"{path} cannot be read: {problem.strerror}") from None


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError:
        raise CertificateError(f"{path} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)") from None


def _check_dates(path: Path, leaf: x509.Certificate, now: datetime.datetime) -> None:
    if leaf.not_valid_after_utc <= now:
        raise CertificateError(f"{path} expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if leaf.not_valid_before_utc > now:
        raise CertificateError(f"{path} is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")


def _check_key(path: Path, leaf: x509.Certificate) -> None:
    try:
        key = serialization.load_pem_private_key(_read(path), None)
    except TypeError:
        raise CertificateError(f"{path} is locked by a password: give the key without one") from None
    except ValueError:
        raise CertificateError(f"{path} holds no private key in PEM (-----BEGIN PRIVATE KEY-----)") from None
    if key.public_key() != leaf.public_key():
        raise CertificateError(
            f"the key in {path} does not belong to the certificate of {leaf.subject.rfc4514_string()}"
        )
