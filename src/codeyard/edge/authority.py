"""What the local certificate authority signs: itself, bound to the names it is for, and the listener's certificates."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Ours is the first; who brings a CA of their own may have the other.
Signer = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
AWS = "amazonaws.com"
DAY = datetime.timedelta(days=1)
_LOCAL = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
_NETWORKS = (ipaddress.IPv4Network, ipaddress.IPv6Network)
_LONGEST_COMMON_NAME = 64  # RFC 5280, ub-common-name
_SUBJECT = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Codeyard local CA")])


class CertificateError(Exception):
    """A certificate or its key cannot be used; the message says why."""


def new_ca(key: Signer, names: Iterable[str], now: datetime.datetime) -> x509.Certificate:
    """A CA that can vouch for `names`, localhost, AWS's host names and private addresses, and for nothing else
    (RFC 5280, 4.2.1.10): whoever trusts it need not fear for the rest of the web."""
    public = key.public_key()
    permitted = x509.NameConstraints([*map(_subtree, _permitted(names))], None)
    builder = (
        _builder(_SUBJECT, _SUBJECT, public, now, 3650)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signing_certificates=True), critical=True)
        .add_extension(permitted, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    return builder.sign(key, hashes.SHA256())


def allows(ca: x509.Certificate, names: Iterable[str]) -> bool:
    """Whether the CA may vouch for every one of the names; one without constraints may for any."""
    try:
        trees = ca.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    except x509.ExtensionNotFound:
        return True
    return all(any(_within(name, tree) for tree in trees) for name in names)


def aws_names(region: str) -> list[str]:
    """AWS's host names as wildcards: a region's services and buckets, and the global ones."""
    return [f"*.{region}.{AWS}", f"*.s3.{region}.{AWS}", f"*.{AWS}", f"*.s3.{AWS}"]


def covers(certificate: x509.Certificate, name: str) -> bool:
    """Whether the certificate is one of that host name or address; a wildcard stands for one label (RFC 6125)."""
    wild = "*." + name.partition(".")[2]
    return bool({name, wild} & {one.lower() for one in names_of(certificate)})


def names_of(certificate: x509.Certificate) -> set[str]:
    """The host names and addresses of a certificate."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))}


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _permitted(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(["localhost", AWS, *_LOCAL, *(name for name in names if not name.startswith("*."))]))


def _subtree(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_network(name))
    except ValueError:
        return x509.DNSName(name.removeprefix("*."))


def _within(name: str, tree: x509.GeneralName) -> bool:
    one = general_name(name)
    if isinstance(one, x509.IPAddress) and isinstance(tree.value, _NETWORKS):
        return one.value in tree.value
    return type(one) is type(tree) and f".{name}".removeprefix(".*").endswith(f".{tree.value}")


def leaf(
    ca: x509.Certificate,
    ca_key: Signer,
    key: ec.EllipticCurvePrivateKey,
    names: list[str],
    now: datetime.datetime,
) -> x509.Certificate:
    """A certificate of the listener for the names."""
    common = names[0] if len(names[0]) <= _LONGEST_COMMON_NAME else "Codeyard"  # clients read subjectAltName alone
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = (
        _builder(ca.subject, subject, key.public_key(), now, 397)
        .add_extension(x509.SubjectAlternativeName([general_name(n) for n in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signing_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(authority, critical=False)
    )
    return builder.sign(ca_key, hashes.SHA256())


def _builder(
    issuer: x509.Name,
    subject: x509.Name,
    public: CertificatePublicKeyTypes,
    now: datetime.datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + days * DAY)
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


def general_name(name: str) -> x509.GeneralName:
    """A host name or an address as certificates have it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
