"""A KMS key named for a repository: what is wrong with it is said."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.yard import TestYard


def refused(call: Any, **req: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**req)
    return str(error.value.response["Error"]["Code"])


def test_a_key_that_cannot_be_used_is_refused_by_name(module_yard: TestYard) -> None:
    kms, client = module_yard.client("kms"), module_yard.client("codecommit")

    def created(key: str, by: Any = client) -> str:
        return refused(by.create_repository, repositoryName="keyed", kmsKeyId=key)

    arn = kms.create_key()["KeyMetadata"]["Arn"]
    missing = arn[:-12] + "0" * 12
    assert created(missing) == "EncryptionKeyNotFoundException"
    assert created("not a key!") == "EncryptionKeyInvalidIdException"
    sign = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    assert created(sign) == "EncryptionKeyInvalidUsageException"
    unborn = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    assert created(unborn) == "EncryptionKeyUnavailableException"
    allow = {"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}
    stranger = module_yard.client("codecommit", keys=module_yard.user("keyless", [allow]))
    assert created(arn, stranger) == "EncryptionKeyAccessDeniedException"
    kms.disable_key(KeyId=arn)
    assert created(arn) == "EncryptionKeyDisabledException"
    assert refused(client.get_repository, repositoryName="keyed") == "RepositoryDoesNotExistException"
    client.create_repository(repositoryName="plain")
    for key, said in (
        (arn, "KeyDisabled"),
        (missing, "KeyNotFound"),
        (sign, "KeyInvalidUsage"),
        (unborn, "KeyUnavailable"),
    ):
        asked = {"repositoryName": "plain", "kmsKeyId": key}
        assert refused(client.update_repository_encryption_key, **asked) == f"Encryption{said}Exception"
