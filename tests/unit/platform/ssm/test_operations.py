"""Parameter Store through the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from codeyard.contract import AwsError
from codeyard.platform import kms, ssm
from codeyard.platform.ssm.api.writes import Writes
from codeyard.platform.ssm.patterns import is_affordable
from codeyard.platform.ssm.store import versions
from tests.support.rooms import Rooms


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    made = Rooms(tmp_path_factory.mktemp("ssm"), kms.part, ssm.part)
    yield made
    made.close()


def _put(rooms: Rooms, name: str, value: str = "v", **more: Any) -> dict[str, Any]:
    return rooms.call("ssm", "PutParameter", {"Name": name, "Value": value, "Type": "String", **more})


def _get(rooms: Rooms, name: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = rooms.call("ssm", "GetParameter", {"Name": name, **more})["Parameter"]
    return found


def test_versions_and_labels_select_a_value(rooms: Rooms) -> None:
    assert _put(rooms, "/app/one", "1") == {"Version": 1, "Tier": "Standard"}
    with pytest.raises(AwsError, match="ParameterAlreadyExists"):
        _put(rooms, "/app/one", "2")
    _put(rooms, "/app/one", "2", Overwrite=True)
    rooms.call("ssm", "LabelParameterVersion", {"Name": "/app/one", "ParameterVersion": 1, "Labels": ["live", "1x"]})

    assert [_get(rooms, name)["Value"] for name in ("/app/one", "/app/one:1", "/app/one:live")] == ["2", "1", "1"]
    assert _get(rooms, "arn:aws:ssm:us-east-1:123456789012:parameter/app/one:2")["Selector"] == ":2"
    with pytest.raises(AwsError, match="ParameterVersionNotFound"):
        _get(rooms, "/app/one:9")
    with pytest.raises(AwsError, match="ParameterNotFound"):
        _get(rooms, "/app/none")


def test_a_secure_string_is_sealed_and_opened_only_when_asked(rooms: Rooms, tmp_path: Path) -> None:
    _put(rooms, "/app/secret", "hunter2-plain", Type="SecureString")

    assert _get(rooms, "/app/secret", WithDecryption=True)["Value"] == "hunter2-plain"
    assert "hunter2" not in _get(rooms, "/app/secret")["Value"]
    folder = rooms.kit.data_dir
    assert not any(b"hunter2-plain" in file.read_bytes() for file in folder.glob("rooms.db*"))
    with pytest.raises(AwsError, match=r"InvalidKeyId.*alias/mine is not found"):
        _put(rooms, "/app/other", "x", Type="SecureString", KeyId="alias/mine")


def test_a_secure_string_is_sealed_under_the_key_that_it_names(rooms: Rooms) -> None:
    key = rooms.call("kms", "CreateKey", {})["KeyMetadata"]["Arn"]
    _put(rooms, "/app/keyed", "under a key", Type="SecureString", KeyId=key)
    long = "x" * 8000
    _put(rooms, "/app/long", long, Type="SecureString", KeyId=key, Tier="Advanced")
    asked = [check for _, check in rooms.door.asked if check.resource == key and check.action == "kms:Encrypt"]
    arn = "arn:aws:ssm:us-east-1:123456789012:parameter/app/keyed"
    assert asked[-1].keys["kms:EncryptionContext:PARAMETER_ARN"] == arn
    assert asked[-1].keys["kms:ViaService"] == "ssm.us-east-1.amazonaws.com"
    names = {"Names": ["/app/keyed", "/app/long", "/app/none"], "WithDecryption": True}
    found = rooms.call("ssm", "GetParameters", names)
    assert [one["Value"] for one in found["Parameters"]] == ["under a key", long]
    rooms.call("kms", "DisableKey", {"KeyId": key})
    for operation, params in (
        ("GetParameter", {"Name": "/app/keyed", "WithDecryption": True}),
        ("GetParameters", names),
        ("GetParameterHistory", {"Name": "/app/long", "WithDecryption": True}),
        ("PutParameter", {"Name": "/app/new", "Value": "x", "Type": "SecureString", "KeyId": key}),
    ):
        with pytest.raises(AwsError, match=f"InvalidKeyId: {key} is disabled"):
            rooms.call("ssm", operation, params)
    assert _get(rooms, "/app/keyed")["Version"] == 1


def test_a_secure_string_from_before_keys_could_be_named_is_still_read(rooms: Rooms) -> None:
    _put(rooms, "/app/old", "x", Type="SecureString")
    sealed = rooms.kit.sealer.seal(b"old value", "ssm:123456789012:us-east-1:/app/old")
    change = sa.update(versions).where(versions.c.name == "/app/old").values(value=sealed)
    rooms.db.write(lambda tx: tx.execute(change) and None)
    assert _get(rooms, "/app/old", WithDecryption=True)["Value"] == "old value"


def test_paths_are_listed_by_level_and_page(rooms: Rooms) -> None:
    for name in ("/tree/a", "/tree/b", "/tree/c/d"):
        _put(rooms, name)
    flat = rooms.call("ssm", "GetParametersByPath", {"Path": "/tree", "MaxResults": 1})
    deep = rooms.call("ssm", "GetParametersByPath", {"Path": "/tree/", "Recursive": True})
    onward = {"Path": "/tree", "MaxResults": 1, "NextToken": flat["NextToken"]}
    assert [p["Name"] for p in flat["Parameters"]] == ["/tree/a"]
    assert [p["Name"] for p in rooms.call("ssm", "GetParametersByPath", onward)["Parameters"]] == ["/tree/b"]
    assert [p["Name"] for p in deep["Parameters"]] == ["/tree/a", "/tree/b", "/tree/c/d"]
    with pytest.raises(AwsError, match="InvalidNextToken"):
        rooms.call("ssm", "GetParametersByPath", {**onward, "Path": "/other"})


def test_several_are_got_and_deleted_with_the_missing_named(rooms: Rooms) -> None:
    _put(rooms, "plain")
    got = rooms.call("ssm", "GetParameters", {"Names": ["plain", "gone"]})
    assert ([p["Name"] for p in got["Parameters"]], got["InvalidParameters"]) == (["plain"], ["gone"])
    deleted = rooms.call("ssm", "DeleteParameters", {"Names": ["plain", "gone"]})
    assert deleted == {"DeletedParameters": ["plain"], "InvalidParameters": ["gone"]}
    with pytest.raises(AwsError, match="ParameterNotFound"):
        rooms.call("ssm", "DeleteParameter", {"Name": "plain"})


@pytest.mark.parametrize("name", ["/aws/x", "ssm-x", "a/b", "/a//b", "/a b", "/" + "x/" * 16 + "y"])
def test_names_that_cannot_be_are_refused(rooms: Rooms, name: str) -> None:
    with pytest.raises(AwsError):
        _put(rooms, name)


def test_describe_filters_and_tags(rooms: Rooms) -> None:
    _put(rooms, "/tagged", Tags=[{"Key": "env", "Value": "prod"}], Description="d")
    filters = [{"Key": "tag:env", "Values": ["prod"]}]
    found = rooms.call("ssm", "DescribeParameters", {"ParameterFilters": filters})["Parameters"]
    assert [(p["Name"], p["Description"]) for p in found] == [("/tagged", "d")]
    resource = {"ResourceType": "Parameter", "ResourceId": "/tagged"}
    rooms.call("ssm", "RemoveTagsFromResource", {**resource, "TagKeys": ["env"]})
    assert rooms.call("ssm", "ListTagsForResource", resource)["TagList"] == []
    with pytest.raises(AwsError, match="InvalidFilterKey"):
        rooms.call("ssm", "DescribeParameters", {"ParameterFilters": [{"Key": "Label", "Values": ["x"]}]})


def test_an_allowed_pattern_is_kept_to(rooms: Rooms) -> None:
    with pytest.raises(AwsError, match="ParameterPatternMismatchException"):
        _put(rooms, "/number", "x", AllowedPattern="^[0-9]+$")
    _put(rooms, "/number", "42", AllowedPattern="^[0-9]+$")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("[a-z]+-[0-9]{1,3}", True), ("(a+)+$", False), ("(a|aa)+$", False), (r"(a)\1", False), (".*.*.*", False)],
)
def test_patterns_that_may_take_for_ever_are_not_run(pattern: str, expected: bool) -> None:
    assert is_affordable(pattern) is expected


def test_a_value_is_never_kept_unsealed_when_its_type_changes_meanwhile(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Writes, "_sealed", lambda *_: None)  # as if it had been a String when it was looked at
    with pytest.raises(AwsError, match="TooManyUpdates"):
        _put(rooms, "/secret", "hush", Type="SecureString")
    with pytest.raises(AwsError, match="ParameterNotFound"):
        rooms.call("ssm", "GetParameter", {"Name": "/secret"})


def test_a_slash_before_a_single_name_makes_no_other_parameter(rooms: Rooms) -> None:
    _put(rooms, "/one", "first")
    with pytest.raises(AwsError) as caught:
        _put(rooms, "one", "second")
    assert caught.value.code == "ParameterAlreadyExists"
    for name in ("one", "/one", "/one:1"):
        found = rooms.call("ssm", "GetParameter", {"Name": name})["Parameter"]
        assert (found["Name"], found["Value"]) == ("/one", "first")
        assert found["ARN"].endswith(":parameter/one")
    _put(rooms, "/tree/one", "another")
    assert rooms.call("ssm", "GetParameter", {"Name": "one"})["Parameter"]["Value"] == "first"
    assert rooms.call("ssm", "DeleteParameters", {"Names": ["/one", "one"]})["DeletedParameters"] == ["/one"]
