"""Parameter Store through the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.platform import ssm
from codeyard.platform.ssm.patterns import is_affordable
from tests.support.rooms import Rooms


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    made = Rooms(tmp_path_factory.mktemp("ssm"), ssm.part)
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
    with pytest.raises(AwsError, match="NotImplemented"):
        _put(rooms, "/app/other", "x", Type="SecureString", KeyId="alias/mine")


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
