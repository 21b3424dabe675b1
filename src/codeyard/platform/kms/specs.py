"""What each kind of key is for, and which algorithms go with it. Pure tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from codeyard.platform.kms.errors import invalid, unsupported

ENCRYPT, SIGN, MAC = "ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC"
AGREE, ENCAPSULATE = "KEY_AGREEMENT", "ENCAPSULATE_DECAPSULATE"
SYMMETRIC = "SYMMETRIC_DEFAULT"

_RSA_ENCRYPTION = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
_RSA_SIGNING = tuple(f"RSASSA_{kind}_SHA_{size}" for kind in ("PKCS1_V1_5", "PSS") for size in (256, 384, 512))


@dataclass(frozen=True, slots=True)
class Spec:
    """A key spec: its family, the usages it may have, and its algorithms by usage."""

    name: str
    family: str
    algorithms: Mapping[str, tuple[str, ...]]
    size: int = 0

    @property
    def usages(self) -> tuple[str, ...]:
        """What a key of this spec may be made for."""
        return tuple(self.algorithms)

    @property
    def asymmetric(self) -> bool:
        """Whether there is a public key."""
        return self.family not in ("symmetric", "hmac")


def _table() -> dict[str, Spec]:
    found = [Spec(SYMMETRIC, "symmetric", {ENCRYPT: (SYMMETRIC,)}, 32)]
    for bits in (2048, 3072, 4096):
        found.append(Spec(f"RSA_{bits}", "rsa", {ENCRYPT: _RSA_ENCRYPTION, SIGN: _RSA_SIGNING}, bits))
    for bits, digest in ((256, 256), (384, 384), (521, 512)):
        found.append(Spec(f"ECC_NIST_P{bits}", "ecc", {SIGN: (f"ECDSA_SHA_{digest}",), AGREE: ("ECDH",)}, bits))
    found.append(Spec("ECC_SECG_P256K1", "ecc", {SIGN: ("ECDSA_SHA_256",)}, 256))
    found.append(Spec("ECC_NIST_EDWARDS25519", "ed25519", {SIGN: ("ED25519_SHA_512",)}))
    for bits in (224, 256, 384, 512):
        found.append(Spec(f"HMAC_{bits}", "hmac", {MAC: (f"HMAC_SHA_{bits}",)}, bits // 8))
    found += [Spec(f"ML_DSA_{level}", "mldsa", {SIGN: ("ML_DSA_SHAKE_256",)}, level) for level in (44, 65, 87)]
    found += [Spec(f"ML_KEM_{size}", "mlkem", {ENCAPSULATE: ("ML_KEM",)}, size) for size in (768, 1024)]
    return {one.name: one for one in found}


SPECS: Mapping[str, Spec] = MappingProxyType(_table())
# Specs that CustomerMasterKeySpec, the older member, may name.
OLDER = frozenset(
    name for name, one in SPECS.items() if one.family in ("symmetric", "rsa", "hmac") or name.startswith("ECC_NIST_P")
) | {"ECC_SECG_P256K1"}
_LISTS = {
    ENCRYPT: "EncryptionAlgorithms",
    SIGN: "SigningAlgorithms",
    MAC: "MacAlgorithms",
    AGREE: "KeyAgreementAlgorithms",
    ENCAPSULATE: "EncapsulationAlgorithms",
}


def spec_named(name: str) -> Spec:
    """The spec; UnsupportedOperationException for one that exists on AWS only."""
    found = SPECS.get(name)
    if found is None:
        raise unsupported(f"The key spec {name} is not supported in this installation.")
    return found


def usage_for(spec: Spec, asked: str | None) -> str:
    """The usage of a new key: said, or the only one that a symmetric key has."""
    if asked is None and spec.name != SYMMETRIC:
        raise invalid("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
    usage = asked or ENCRYPT
    if usage not in spec.usages:
        raise invalid(f"KeyUsage {usage} is not compatible with KeySpec {spec.name}")
    return usage


def algorithms_of(spec: Spec, usage: str) -> dict[str, list[str]]:
    """The algorithms as key metadata lists them, under the member of the usage."""
    return {_LISTS[usage]: list(spec.algorithms[usage])}
