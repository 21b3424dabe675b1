"""Secrets Manager through the gateway."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.platform import kms, secretsmanager
from codeyard.platform.secretsmanager import store
from tests.support.rooms import Rooms

TOKEN = "token-{}-aaaaaaaaaaaaaaaaaaaaaaaaaaaa"


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    made = Rooms(tmp_path_factory.mktemp("secrets"), kms.part, secretsmanager.part)
    yield made
    made.close()


def _call(rooms: Rooms, operation: str, **params: Any) -> dict[str, Any]:
    return rooms.call("secretsmanager", operation, params)


def test_a_secret_is_found_by_name_full_arn_and_arn_without_its_suffix(rooms: Rooms) -> None:
    arn = _call(rooms, "CreateSecret", Name="app/db", SecretString="one-secret-value")["ARN"]
    assert re.fullmatch(r"arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-[A-Za-z0-9]{6}", arn)
    for given in ("app/db", arn, arn[:-7]):
        assert _call(rooms, "GetSecretValue", SecretId=given)["SecretString"] == "one-secret-value"
    assert rooms.door.asked[-2][1].resource == arn
    folder = rooms.kit.data_dir
    assert not any(b"one-secret-value" in file.read_bytes() for file in folder.glob("rooms.db*"))


def test_current_moves_with_a_new_version_and_leaves_previous_behind(rooms: Rooms) -> None:
    _call(rooms, "CreateSecret", Name="moving", SecretString="1", ClientRequestToken=TOKEN.format(1))
    for number in (2, 3):
        _call(
            rooms,
            "PutSecretValue",
            SecretId="moving",
            SecretString=str(number),
            ClientRequestToken=TOKEN.format(number),
        )
    stages = _call(rooms, "DescribeSecret", SecretId="moving")["VersionIdsToStages"]
    assert stages == {TOKEN.format(3): ["AWSCURRENT"], TOKEN.format(2): ["AWSPREVIOUS"]}
    previous = _call(rooms, "GetSecretValue", SecretId="moving", VersionStage="AWSPREVIOUS")
    assert previous["SecretString"] == "2"
    back = {"MoveToVersionId": TOKEN.format(2), "RemoveFromVersionId": TOKEN.format(3)}
    _call(rooms, "UpdateSecretVersionStage", SecretId="moving", VersionStage="AWSCURRENT", **back)
    assert _call(rooms, "GetSecretValue", SecretId="moving")["SecretString"] == "2"
    stages = _call(rooms, "DescribeSecret", SecretId="moving")["VersionIdsToStages"]
    assert stages == {TOKEN.format(2): ["AWSCURRENT"], TOKEN.format(3): ["AWSPREVIOUS"]}


def test_the_same_token_with_the_same_value_is_the_same_version(rooms: Rooms) -> None:
    first = _call(rooms, "CreateSecret", Name="again", SecretString="x", ClientRequestToken=TOKEN.format(7))
    assert _call(rooms, "CreateSecret", Name="again", SecretString="x", ClientRequestToken=TOKEN.format(7)) == first
    with pytest.raises(AwsError, match="ResourceExistsException"):
        _call(rooms, "CreateSecret", Name="again", SecretString="y")
    with pytest.raises(AwsError, match="ResourceExistsException"):
        _call(rooms, "PutSecretValue", SecretId="again", SecretString="y", ClientRequestToken=TOKEN.format(7))


def test_a_deleted_secret_waits_for_its_window_and_can_come_back(rooms: Rooms) -> None:
    _call(rooms, "CreateSecret", Name="going", SecretBinary=b"\x00\x01")
    _call(rooms, "DeleteSecret", SecretId="going", RecoveryWindowInDays=7)
    with pytest.raises(AwsError, match="marked for deletion"):
        _call(rooms, "GetSecretValue", SecretId="going")
    assert "going" not in [one["Name"] for one in _call(rooms, "ListSecrets")["SecretList"]]
    _call(rooms, "RestoreSecret", SecretId="going")
    assert _call(rooms, "GetSecretValue", SecretId="going")["SecretBinary"] == b"\x00\x01"
    _call(rooms, "DeleteSecret", SecretId="going", RecoveryWindowInDays=7)
    rooms.clock.advance(7 * 86_400 + 1)
    rooms.engine.settle()
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        _call(rooms, "DescribeSecret", SecretId="going")


def test_listing_filters_and_pages(rooms: Rooms) -> None:
    for name in ("list/a", "list/b"):
        _call(rooms, "CreateSecret", Name=name, Tags=[{"Key": "k", "Value": name}])
    wanted = {"Filters": [{"Key": "name", "Values": ["list/"]}], "SortBy": "name", "SortOrder": "asc", "MaxResults": 1}
    first = _call(rooms, "ListSecrets", **wanted)
    second = _call(rooms, "ListSecrets", **wanted, NextToken=first["NextToken"])
    assert [page["SecretList"][0]["Name"] for page in (first, second)] == ["list/a", "list/b"]
    assert "NextToken" not in second


def test_a_batch_lists_what_it_could_not_get(rooms: Rooms) -> None:
    _call(rooms, "CreateSecret", Name="batch", SecretString="b")
    found = _call(rooms, "BatchGetSecretValue", SecretIdList=["batch", "nowhere"])
    assert [one["SecretString"] for one in found["SecretValues"]] == ["b"]
    assert [one["ErrorCode"] for one in found["Errors"]] == ["ResourceNotFoundException"]


def test_random_passwords_have_every_included_type(rooms: Rooms) -> None:
    password = _call(rooms, "GetRandomPassword", PasswordLength=4, ExcludeCharacters="abc")["RandomPassword"]
    assert len(password) == 4
    assert all(re.search(kind, password) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^a-zA-Z0-9]"))


def test_the_trail_never_shows_a_value(rooms: Rooms) -> None:
    _call(rooms, "CreateSecret", Name="masked", SecretString="do-not-log-me")
    rooms.gateway.auditor.flush()
    records = rooms.db.read(lambda tx: [row[0] for row in tx.sql("SELECT record FROM audit").fetchall()])
    assert any("masked" in record for record in records)
    assert not any("do-not-log-me" in record for record in records)


def test_a_secret_is_sealed_under_the_key_that_it_names_and_moves_to_another(rooms: Rooms) -> None:
    one, other = (rooms.call("kms", "CreateKey", {})["KeyMetadata"]["Arn"] for _ in range(2))
    made = _call(rooms, "CreateSecret", Name="keyed", SecretString="under a key", KmsKeyId=one)
    asked = [check for _, check in rooms.door.asked if check.resource == one][-1]
    assert asked.action == "kms:GenerateDataKey"
    assert asked.keys["kms:EncryptionContext:SecretARN"] == made["ARN"]
    assert asked.keys["kms:ViaService"] == "secretsmanager.us-east-1.amazonaws.com"
    _call(rooms, "UpdateSecret", SecretId="keyed", KmsKeyId=other)
    rooms.call("kms", "DisableKey", {"KeyId": one})
    assert _call(rooms, "GetSecretValue", SecretId="keyed")["SecretString"] == "under a key"
    rooms.call("kms", "DisableKey", {"KeyId": other})
    with pytest.raises(AwsError, match=r"DecryptionFailure.*is available, enabled, and not in an invalid state"):
        _call(rooms, "GetSecretValue", SecretId="keyed")
    with pytest.raises(AwsError, match="EncryptionFailure"):
        _call(rooms, "PutSecretValue", SecretId="keyed", SecretString="x")
    rooms.call("kms", "EnableKey", {"KeyId": other})
    rooms.door.denied.add("kms:Decrypt")
    try:
        with pytest.raises(AwsError, match="AccessDeniedException: Access to KMS is not allowed"):
            _call(rooms, "GetSecretValue", SecretId="keyed")
    finally:
        rooms.door.denied.clear()


def test_a_secret_from_before_keys_could_be_named_is_still_read_and_recognised(rooms: Rooms) -> None:
    token = TOKEN.format(9)
    arn = _call(rooms, "CreateSecret", Name="old", SecretString="x", ClientRequestToken=token)["ARN"]
    sealed = rooms.kit.sealer.seal(b"old value", f"secretsmanager:{arn}:{token}")
    rooms.db.write(lambda tx: store.reseal(tx, arn, {token: sealed}))
    assert _call(rooms, "GetSecretValue", SecretId="old")["SecretString"] == "old value"
    same = {"SecretId": "old", "ClientRequestToken": token}
    assert _call(rooms, "PutSecretValue", **same, SecretString="old value")["VersionId"] == token
    with pytest.raises(AwsError, match="ResourceExistsException"):
        _call(rooms, "PutSecretValue", **same, SecretString="another")
