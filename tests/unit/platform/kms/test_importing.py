"""Key material of one's own."""

from __future__ import annotations

import datetime
import os
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

from codeyard.formats.moments import moment
from tests.unit.platform.kms.conftest import Keys


def external(keys: Keys, spec: str = "SYMMETRIC_DEFAULT", usage: str = "ENCRYPT_DECRYPT") -> str:
    return keys.make(spec, usage, Origin="EXTERNAL")


def wrapped(keys: Keys, arn: str, secret: bytes, algorithm: str = "RSAES_OAEP_SHA_256") -> dict[str, Any]:
    """The parameters of an import of this material."""
    asked = {"WrappingAlgorithm": algorithm, "WrappingKeySpec": "RSA_2048"}
    given = keys.call("GetParametersForImport", KeyId=arn, **asked)
    public: Any = serialization.load_der_public_key(given["PublicKey"])
    digest = hashes.SHA1() if algorithm.endswith("_1") else hashes.SHA256()
    oaep = padding.OAEP(padding.MGF1(digest), digest, None)
    if algorithm.startswith("RSAES"):
        blob = public.encrypt(secret, oaep)
    else:
        inner = os.urandom(32)
        blob = public.encrypt(inner, oaep) + keywrap.aes_key_wrap_with_padding(inner, secret)
    return {"KeyId": arn, "ImportToken": given["ImportToken"], "EncryptedKeyMaterial": blob}


def put_in(keys: Keys, arn: str, secret: bytes, **facts: Any) -> dict[str, Any]:
    how = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE", **facts}
    return keys.call("ImportKeyMaterial", **wrapped(keys, arn, secret), **how)


def state(keys: Keys, arn: str) -> str:
    return str(keys.call("DescribeKey", KeyId=arn)["KeyMetadata"]["KeyState"])


@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_256"])
def test_a_key_waits_until_its_material_comes_and_waits_again_when_it_goes(keys: Keys, algorithm: str) -> None:
    arn, secret = external(keys), os.urandom(32)
    assert state(keys, arn) == "PendingImport"
    error = keys.error("Encrypt", KeyId=arn, Plaintext=b"x")
    assert (error.code, error.message) == ("KMSInvalidStateException", f"{arn} is pending import.")
    coming = {**wrapped(keys, arn, secret, algorithm), "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    keys.call("ImportKeyMaterial", **coming)
    assert state(keys, arn) == "Enabled"
    blob = keys.call("Encrypt", KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    keys.call("DeleteImportedKeyMaterial", KeyId=arn)
    assert state(keys, arn) == "PendingImport"
    assert keys.error("Decrypt", CiphertextBlob=blob).code == "KMSInvalidStateException"
    assert keys.error("ImportKeyMaterial", **{**coming, **wrapped(keys, arn, os.urandom(32))}).code == (
        "IncorrectKeyMaterialException"
    )
    put_in(keys, arn, secret)
    assert keys.call("Decrypt", CiphertextBlob=blob)["Plaintext"] == b"x"


def test_material_expires_when_its_time_is_over(keys: Keys) -> None:
    arn = external(keys)
    until = moment(keys.rooms.clock.now()) + datetime.timedelta(days=3)
    put_in(keys, arn, os.urandom(32), ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=until)
    assert keys.call("DescribeKey", KeyId=arn)["KeyMetadata"]["ValidTo"] == until
    keys.later(2.9)
    assert state(keys, arn) == "Enabled"
    keys.later(0.2)
    assert state(keys, arn) == "PendingImport"


def test_a_private_key_of_ones_own_signs(keys: Keys) -> None:
    arn, own = external(keys, "ECC_NIST_P256", "SIGN_VERIFY"), ec.generate_private_key(ec.SECP256R1())
    form = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    coming = wrapped(keys, arn, own.private_bytes(*form), "RSA_AES_KEY_WRAP_SHA_256")
    keys.call("ImportKeyMaterial", **coming, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
    made = keys.call("Sign", KeyId=arn, Message=b"m", SigningAlgorithm="ECDSA_SHA_256")
    own.public_key().verify(made["Signature"], b"m", ec.ECDSA(hashes.SHA256()))


def test_material_of_another_kind_is_refused(keys: Keys) -> None:
    for spec, usage, secret in (
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", b"x" * 16),
        ("HMAC_256", "GENERATE_VERIFY_MAC", b"x" * 31),
        ("ECC_NIST_P256", "SIGN_VERIFY", b"no key"),
    ):
        coming = wrapped(keys, external(keys, spec, usage), secret)
        error = keys.error("ImportKeyMaterial", **coming, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
        assert error.code == "IncorrectKeyMaterialException"


def test_a_token_counts_for_its_key_and_for_a_day(keys: Keys) -> None:
    arn, other = external(keys), external(keys)
    how = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    coming = wrapped(keys, arn, os.urandom(32))
    assert keys.error("ImportKeyMaterial", **{**coming, "KeyId": other}, **how).code == "InvalidImportTokenException"
    bad = {**coming, "ImportToken": b"made up"}
    assert keys.error("ImportKeyMaterial", **bad, **how).code == "InvalidImportTokenException"
    garbled = {**coming, "EncryptedKeyMaterial": b"x" * 256}
    assert keys.error("ImportKeyMaterial", **garbled, **how).code == "InvalidCiphertextException"
    keys.later(1)
    assert keys.error("ImportKeyMaterial", **coming, **how).code == "ExpiredImportTokenException"


def test_new_material_waits_for_the_rotation_that_it_was_imported_for(keys: Keys) -> None:
    arn = external(keys)
    put_in(keys, arn, os.urandom(32))
    old = keys.call("Encrypt", KeyId=arn, Plaintext=b"old")["CiphertextBlob"]
    assert keys.error("RotateKeyOnDemand", KeyId=arn).code == "KMSInvalidStateException"
    coming = put_in(keys, arn, os.urandom(32), ImportType="NEW_KEY_MATERIAL", KeyMaterialDescription="second")
    listed = keys.call("ListKeyRotations", KeyId=arn, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [one["KeyMaterialState"] for one in listed] == ["CURRENT", "PENDING_ROTATION"]
    keys.call("RotateKeyOnDemand", KeyId=arn)
    assert keys.call("DescribeKey", KeyId=arn)["KeyMetadata"]["CurrentKeyMaterialId"] == coming["KeyMaterialId"]
    assert keys.call("Decrypt", CiphertextBlob=old)["Plaintext"] == b"old"


def test_only_external_keys_take_material(keys: Keys) -> None:
    error = keys.error(
        "GetParametersForImport", KeyId=keys.make(), WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
    )
    assert error.code == "UnsupportedOperationException"


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"ExpirationModel": "KEY_MATERIAL_EXPIRES"},
        {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE", "ValidTo": 1},
    ],
)
def test_an_expiry_is_said_or_excluded(keys: Keys, facts: dict[str, Any]) -> None:
    arn = external(keys)
    said = {name: moment(keys.rooms.clock.now()) if name == "ValidTo" else value for name, value in facts.items()}
    assert keys.error("ImportKeyMaterial", **wrapped(keys, arn, b"x" * 32), **said).code == "ValidationException"
