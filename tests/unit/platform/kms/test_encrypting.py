"""Encrypt, decrypt, re-encrypt and data keys."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from tests.unit.platform.kms.conftest import Keys

CONTEXT = {"purpose": "test", "tenant": "a"}


def test_what_a_key_encrypts_it_decrypts_without_being_named(keys: Keys) -> None:
    arn = keys.make()
    made = keys.call("Encrypt", KeyId=arn, Plaintext=b"top-secret", EncryptionContext=CONTEXT)
    assert made["KeyId"] == arn
    assert b"top-secret" not in made["CiphertextBlob"]
    found = keys.call(
        "Decrypt", CiphertextBlob=made["CiphertextBlob"], EncryptionContext=dict(reversed(CONTEXT.items()))
    )
    assert (found["Plaintext"], found["KeyId"], found["EncryptionAlgorithm"]) == (
        b"top-secret",
        arn,
        "SYMMETRIC_DEFAULT",
    )
    assert found["KeyMaterialId"] == keys.call("DescribeKey", KeyId=arn)["KeyMetadata"]["CurrentKeyMaterialId"]


@pytest.mark.parametrize(
    "context",
    [{}, {"purpose": "test"}, {**CONTEXT, "more": "x"}, {"purpose": "Test", "tenant": "a"}, {"purposetest": "tenanta"}],
)
def test_another_context_never_decrypts(keys: Keys, context: dict[str, str]) -> None:
    blob = keys.call("Encrypt", KeyId=keys.make(), Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]
    assert keys.error("Decrypt", CiphertextBlob=blob, EncryptionContext=context).code == "InvalidCiphertextException"


def test_a_ciphertext_that_lost_or_changed_any_byte_never_decrypts(keys: Keys) -> None:
    blob = keys.call("Encrypt", KeyId=keys.make(), Plaintext=b"x")["CiphertextBlob"]
    for at in range(len(blob)):
        changed = blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]
        assert keys.error("Decrypt", CiphertextBlob=changed).code == "InvalidCiphertextException", at
    for cut in (blob[:-1], blob[1:], blob + b"\x00", b"x"):
        assert keys.error("Decrypt", CiphertextBlob=cut).code == "InvalidCiphertextException"


def test_the_same_plaintext_gives_another_ciphertext_each_time(keys: Keys) -> None:
    arn = keys.make()
    blobs = {keys.call("Encrypt", KeyId=arn, Plaintext=b"same")["CiphertextBlob"] for _ in range(20)}
    assert len(blobs) == 20


def test_naming_another_key_is_an_incorrect_key(keys: Keys) -> None:
    blob = keys.call("Encrypt", KeyId=keys.make(), Plaintext=b"x")["CiphertextBlob"]
    error = keys.error("Decrypt", CiphertextBlob=blob, KeyId=keys.make())
    assert error.code == "IncorrectKeyException"
    assert error.message == "The key ID in the request does not identify a CMK that can perform this operation."


def test_a_ciphertext_moves_to_another_key_and_context(keys: Keys) -> None:
    one, other = keys.make(), keys.make()
    blob = keys.call("Encrypt", KeyId=one, Plaintext=b"moving", EncryptionContext={"a": "1"})["CiphertextBlob"]
    moved = keys.call(
        "ReEncrypt",
        CiphertextBlob=blob,
        SourceEncryptionContext={"a": "1"},
        DestinationKeyId=other,
        DestinationEncryptionContext={"b": "2"},
    )
    assert (moved["SourceKeyId"], moved["KeyId"]) == (one, other)
    asked = [check for _, check in keys.rooms.door.asked[-2:]]
    assert [(check.action, check.resource) for check in asked] == [
        ("kms:ReEncryptFrom", one),
        ("kms:ReEncryptTo", other),
    ]
    assert [check.keys["kms:ReEncryptOnSameKey"] for check in asked] == ["false", "false"]
    found = keys.call("Decrypt", CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"b": "2"})
    assert (found["Plaintext"], found["KeyId"]) == (b"moving", other)


def test_a_plaintext_has_at_most_4096_bytes(keys: Keys) -> None:
    arn = keys.make()
    blob = keys.call("Encrypt", KeyId=arn, Plaintext=b"p" * 4096)["CiphertextBlob"]
    assert len(keys.call("Decrypt", CiphertextBlob=blob)["Plaintext"]) == 4096
    assert keys.error("Encrypt", KeyId=arn, Plaintext=b"p" * 4097).code == "ValidationException"


@pytest.mark.parametrize(("bits", "algorithm", "most"), [(2048, "1", 214), (2048, "256", 190), (3072, "256", 318)])
def test_rsa_encrypts_as_much_as_oaep_leaves_room_for(keys: Keys, bits: int, algorithm: str, most: int) -> None:
    arn, name = keys.make(f"RSA_{bits}"), f"RSAES_OAEP_SHA_{algorithm}"
    blob = keys.call("Encrypt", KeyId=arn, Plaintext=b"p" * most, EncryptionAlgorithm=name)["CiphertextBlob"]
    found = keys.call("Decrypt", KeyId=arn, CiphertextBlob=blob, EncryptionAlgorithm=name)
    assert found["Plaintext"] == b"p" * most
    assert "KeyMaterialId" not in found
    error = keys.error("Encrypt", KeyId=arn, Plaintext=b"p" * (most + 1), EncryptionAlgorithm=name)
    assert error.code == "ValidationException"
    assert keys.error("Decrypt", CiphertextBlob=blob, EncryptionAlgorithm=name).code == "ValidationException"
    wrong = keys.error("Decrypt", KeyId=arn, CiphertextBlob=blob[:-1] + bytes([blob[-1] ^ 1]), EncryptionAlgorithm=name)
    assert wrong.code == "InvalidCiphertextException"


def test_what_is_encrypted_outside_under_the_public_key_is_decrypted_here(keys: Keys) -> None:
    arn = keys.make("RSA_2048")
    public: Any = serialization.load_der_public_key(keys.call("GetPublicKey", KeyId=arn)["PublicKey"])
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    blob = public.encrypt(b"from outside", oaep)
    found = keys.call("Decrypt", KeyId=arn, CiphertextBlob=blob, EncryptionAlgorithm="RSAES_OAEP_SHA_256")
    assert found["Plaintext"] == b"from outside"


def test_asymmetric_keys_take_no_context_and_no_symmetric_algorithm(keys: Keys) -> None:
    arn = keys.make("RSA_2048")
    algorithm = {"EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    error = keys.error("Encrypt", KeyId=arn, Plaintext=b"x", EncryptionContext={"a": "b"}, **algorithm)
    assert error.code == "ValidationException"
    assert keys.error("Encrypt", KeyId=arn, Plaintext=b"x").code == "InvalidKeyUsageException"


@pytest.mark.parametrize(
    ("asked", "size"), [({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 1024}, 1024)]
)
def test_a_data_key_comes_in_the_clear_and_under_the_key(keys: Keys, asked: dict[str, Any], size: int) -> None:
    made = keys.call("GenerateDataKey", KeyId=keys.make(), EncryptionContext=CONTEXT, **asked)
    assert len(made["Plaintext"]) == size
    found = keys.call("Decrypt", CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert found["Plaintext"] == made["Plaintext"]


def test_a_data_key_without_plaintext_shows_none(keys: Keys) -> None:
    made = keys.call("GenerateDataKeyWithoutPlaintext", KeyId=keys.make(), KeySpec="AES_256")
    assert "Plaintext" not in made
    assert len(keys.call("Decrypt", CiphertextBlob=made["CiphertextBlob"])["Plaintext"]) == 32


@pytest.mark.parametrize("asked", [{}, {"KeySpec": "AES_256", "NumberOfBytes": 32}])
def test_a_data_key_needs_one_size(keys: Keys, asked: dict[str, Any]) -> None:
    error = keys.error("GenerateDataKey", KeyId=keys.make(), **asked)
    assert (error.code, error.message) == ("ValidationException", "Please specify either number of bytes or key spec.")


@pytest.mark.parametrize(
    "spec", ["RSA_2048", "ECC_NIST_P256", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519", "ML_KEM_768"]
)
def test_a_data_key_pair_fits_together(keys: Keys, spec: str) -> None:
    made = keys.call("GenerateDataKeyPair", KeyId=keys.make(), KeyPairSpec=spec, EncryptionContext=CONTEXT)
    private = serialization.load_der_private_key(made["PrivateKeyPlaintext"], None)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    assert private.public_key().public_bytes(serialization.Encoding.DER, form) == made["PublicKey"]
    found = keys.call("Decrypt", CiphertextBlob=made["PrivateKeyCiphertextBlob"], EncryptionContext=CONTEXT)
    assert found["Plaintext"] == made["PrivateKeyPlaintext"]
    bare = keys.call("GenerateDataKeyPairWithoutPlaintext", KeyId=keys.make(), KeyPairSpec=spec)
    assert "PrivateKeyPlaintext" not in bare


def test_only_symmetric_keys_make_data_keys(keys: Keys) -> None:
    assert (
        keys.error("GenerateDataKey", KeyId=keys.make("RSA_2048"), KeySpec="AES_256").code == "InvalidKeyUsageException"
    )
    mac = keys.make("HMAC_256", "GENERATE_VERIFY_MAC")
    error = keys.error("GenerateDataKey", KeyId=mac, KeySpec="AES_256")
    assert error.code == "InvalidKeyUsageException"
    assert error.message == f"{mac} key usage is GENERATE_VERIFY_MAC which is not valid for GenerateDataKey."


def test_random_bytes_are_as_many_as_asked_for(keys: Keys) -> None:
    assert len(keys.call("GenerateRandom", NumberOfBytes=77)["Plaintext"]) == 77
    assert keys.error("GenerateRandom").code == "ValidationException"


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("Encrypt", {"Plaintext": b"x"}),
        ("GenerateDataKey", {"KeySpec": "AES_256"}),
        ("GenerateDataKeyWithoutPlaintext", {"KeySpec": "AES_256"}),
        ("GenerateDataKeyPair", {"KeyPairSpec": "ECC_NIST_P256"}),
    ],
)
def test_a_dry_run_answers_that_it_would_have_succeeded_or_why_not(
    keys: Keys, operation: str, params: dict[str, Any]
) -> None:
    arn = keys.make()
    error = keys.error(operation, KeyId=arn, DryRun=True, **params)
    assert (error.code, error.message) == (
        "DryRunOperationException",
        "The request would have succeeded, but the DryRun option is set.",
    )
    keys.call("DisableKey", KeyId=arn)
    assert keys.error(operation, KeyId=arn, DryRun=True, **params).code == "DisabledException"


def test_neither_material_nor_plaintext_stands_in_the_database(keys: Keys) -> None:
    made = keys.call("GenerateDataKey", KeyId=keys.make(), KeySpec="AES_256")
    pair = keys.call("GenerateDataKeyPair", KeyId=keys.make(), KeyPairSpec="ECC_NIST_P256")
    keys.call("Encrypt", KeyId=keys.make(), Plaintext=b"a-known-plaintext-of-this-test")
    keys.rooms.gateway.auditor.flush()
    files = [file.read_bytes() for file in keys.rooms.kit.data_dir.glob("rooms.db*")]
    for secret in (made["Plaintext"], pair["PrivateKeyPlaintext"], b"a-known-plaintext-of-this-test"):
        assert not any(secret in file for file in files)
