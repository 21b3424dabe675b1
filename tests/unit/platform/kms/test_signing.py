"""Signatures, codes and shared secrets; checked by `cryptography` on the outside."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, padding, utils

from codeyard.platform.kms.specs import SIGN, SPECS
from tests.unit.platform.kms.conftest import Keys

HASH = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
EVERY = [(spec.name, name) for spec in SPECS.values() for name in spec.algorithms.get(SIGN, ()) if spec.size != 4096]


@pytest.fixture(scope="module")
def signer(keys: Keys) -> Any:
    """A signing key of each spec, made once."""
    made: dict[str, str] = {}

    def key(spec: str) -> str:
        if spec not in made:
            made[spec] = keys.make(spec, SIGN)
        return made[spec]

    return key


def outside(keys: Keys, arn: str) -> Any:
    return serialization.load_der_public_key(keys.call("GetPublicKey", KeyId=arn)["PublicKey"])


def verify_outside(public: Any, algorithm: str, signature: bytes, message: bytes) -> None:
    digest = HASH.get(algorithm[-3:], hashes.SHA512)()
    if "PKCS1" in algorithm:
        public.verify(signature, message, padding.PKCS1v15(), digest)
    elif "PSS" in algorithm:
        public.verify(signature, message, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    elif "ECDSA" in algorithm:
        public.verify(signature, message, ec.ECDSA(digest))
    else:
        public.verify(signature, message)


@pytest.mark.parametrize(("spec", "algorithm"), EVERY)
def test_a_signature_holds_here_and_outside_and_for_no_other_message(
    keys: Keys, signer: Any, spec: str, algorithm: str
) -> None:
    arn = signer(spec)
    made = keys.call("Sign", KeyId=arn, Message=b"to be signed", SigningAlgorithm=algorithm)
    verify_outside(outside(keys, arn), algorithm, made["Signature"], b"to be signed")
    asked = {"KeyId": arn, "SigningAlgorithm": algorithm, "Signature": made["Signature"]}
    assert keys.call("Verify", Message=b"to be signed", **asked)["SignatureValid"] is True
    assert keys.error("Verify", Message=b"to be Signed", **asked).code == "KMSInvalidSignatureException"
    broken = {**asked, "Signature": made["Signature"][:-1] + bytes([made["Signature"][-1] ^ 1])}
    assert keys.error("Verify", Message=b"to be signed", **broken).code == "KMSInvalidSignatureException"


@pytest.mark.parametrize(
    ("spec", "algorithm"),
    [("RSA_2048", "RSASSA_PSS_SHA_384"), ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256"), ("ECC_NIST_P384", "ECDSA_SHA_384")],
)
def test_a_digest_signs_like_its_message(keys: Keys, signer: Any, spec: str, algorithm: str) -> None:
    arn, digest = signer(spec), hashlib.new(f"sha{algorithm[-3:]}", b"long message").digest()
    asked = {"KeyId": arn, "SigningAlgorithm": algorithm}
    made = keys.call("Sign", Message=digest, MessageType="DIGEST", **asked)
    keys.call("Verify", Message=b"long message", Signature=made["Signature"], **asked)
    keys.call("Verify", Message=digest, MessageType="DIGEST", Signature=made["Signature"], **asked)
    error = keys.error("Sign", Message=digest[:-1], MessageType="DIGEST", **asked)
    assert (error.code, error.message) == (
        "ValidationException",
        f"Digest is invalid length for algorithm {algorithm}.",
    )


def test_an_outside_ecdsa_signature_is_verified_here(keys: Keys, signer: Any) -> None:
    arn = signer("ECC_NIST_P256")
    stranger = ec.generate_private_key(ec.SECP256R1()).sign(b"m", ec.ECDSA(hashes.SHA256()))
    asked = {"KeyId": arn, "SigningAlgorithm": "ECDSA_SHA_256", "Message": b"m"}
    assert keys.error("Verify", Signature=stranger, **asked).code == "KMSInvalidSignatureException"
    made = keys.call("Sign", **asked)["Signature"]
    r, s = utils.decode_dss_signature(made)
    assert keys.call("Verify", Signature=utils.encode_dss_signature(r, s), **asked)["SignatureValid"]


def test_ml_dsa_signs_a_mu_that_was_hashed_outside(keys: Keys, signer: Any) -> None:
    arn = signer("ML_DSA_65")
    public = outside(keys, arn)
    hasher = mldsa.MLDSAMuHasher(public)
    hasher.update(b"a very long message")
    asked = {"KeyId": arn, "SigningAlgorithm": "ML_DSA_SHAKE_256"}
    made = keys.call("Sign", Message=hasher.finalize(), MessageType="EXTERNAL_MU", **asked)
    public.verify(made["Signature"], b"a very long message")
    assert keys.error("Sign", Message=b"x" * 63, MessageType="EXTERNAL_MU", **asked).code == "ValidationException"


@pytest.mark.parametrize(
    ("spec", "algorithm", "kind"),
    [
        ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512", "DIGEST"),
        ("ECC_NIST_P256", "ECDSA_SHA_256", "EXTERNAL_MU"),
        ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512", "EXTERNAL_MU"),
    ],
)
def test_a_message_type_that_the_algorithm_lacks_is_refused(
    keys: Keys, signer: Any, spec: str, algorithm: str, kind: str
) -> None:
    asked = {"KeyId": signer(spec), "SigningAlgorithm": algorithm, "MessageType": kind, "Message": b"x" * 64}
    assert keys.error("Sign", **asked).code == "ValidationException"


@pytest.mark.parametrize("algorithm", ["ECDSA_SHA_256", "ED25519_PH_SHA_512", "RSASSA_PSS_SHA_256"])
def test_an_algorithm_of_another_spec_is_an_invalid_usage(keys: Keys, signer: Any, algorithm: str) -> None:
    error = keys.error("Sign", KeyId=signer("ECC_NIST_P521"), Message=b"m", SigningAlgorithm=algorithm)
    assert error.code == "InvalidKeyUsageException"


@pytest.mark.parametrize("bits", [224, 256, 384, 512])
def test_a_mac_is_that_of_the_message_and_key(keys: Keys, bits: int) -> None:
    arn = keys.make(f"HMAC_{bits}", "GENERATE_VERIFY_MAC")
    asked = {"KeyId": arn, "MacAlgorithm": f"HMAC_SHA_{bits}"}
    made = keys.call("GenerateMac", Message=b"m", **asked)
    assert len(made["Mac"]) == bits // 8
    assert keys.call("VerifyMac", Message=b"m", Mac=made["Mac"], **asked)["MacValid"] is True
    assert keys.error("VerifyMac", Message=b"n", Mac=made["Mac"], **asked).code == "KMSInvalidMacException"
    assert keys.error("VerifyMac", Message=b"m", Mac=b"x", **asked).code == "KMSInvalidMacException"
    other = keys.error("GenerateMac", KeyId=arn, Message=b"m", MacAlgorithm=f"HMAC_SHA_{256 if bits == 512 else 512}")
    assert other.code == "InvalidKeyUsageException"


def test_an_imported_hmac_key_gives_the_code_that_everybody_computes(keys: Keys) -> None:
    from tests.unit.platform.kms.test_importing import external, put_in

    arn, secret = external(keys, "HMAC_256", "GENERATE_VERIFY_MAC"), b"k" * 32
    put_in(keys, arn, secret)
    made = keys.call("GenerateMac", KeyId=arn, Message=b"m", MacAlgorithm="HMAC_SHA_256")
    assert made["Mac"] == hmac.digest(secret, b"m", "sha256")


@pytest.mark.parametrize(("spec", "curve"), [("ECC_NIST_P256", ec.SECP256R1), ("ECC_NIST_P521", ec.SECP521R1)])
def test_both_sides_derive_the_same_secret(keys: Keys, spec: str, curve: Any) -> None:
    arn, other = keys.make(spec, "KEY_AGREEMENT"), ec.generate_private_key(curve())
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = other.public_key().public_bytes(serialization.Encoding.DER, form)
    asked = {"KeyId": arn, "KeyAgreementAlgorithm": "ECDH"}
    found = keys.call("DeriveSharedSecret", PublicKey=public, **asked)
    assert found["SharedSecret"] == other.exchange(ec.ECDH(), outside(keys, arn))
    assert keys.error("DeriveSharedSecret", PublicKey=b"no key", **asked).code == "ValidationException"
    wrong = ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(serialization.Encoding.DER, form)
    assert keys.error("DeriveSharedSecret", PublicKey=wrong, **asked).code == "InvalidKeyUsageException"


@pytest.mark.parametrize("size", [768, 1024])
def test_a_secret_encapsulated_outside_is_decapsulated_here(keys: Keys, size: int) -> None:
    arn = keys.make(f"ML_KEM_{size}", "ENCAPSULATE_DECAPSULATE")
    shared, sealed = outside(keys, arn).encapsulate()
    asked = {"KeyId": arn, "EncapsulationAlgorithm": "ML_KEM"}
    assert keys.call("Decapsulate", SharedSecretCiphertextBlob=sealed, **asked)["SharedSecret"] == shared
    made = keys.call("Encapsulate", **asked)
    found = keys.call("Decapsulate", SharedSecretCiphertextBlob=made["SharedSecretCiphertextBlob"], **asked)
    assert found["SharedSecret"] == made["SharedSecret"]
    assert keys.error("Decapsulate", SharedSecretCiphertextBlob=b"x", **asked).code == "InvalidCiphertextException"


def test_a_symmetric_key_has_no_public_key(keys: Keys) -> None:
    assert keys.error("GetPublicKey", KeyId=keys.make()).code == "UnsupportedOperationException"
