"""The trail: what a record says, what it hides, and finding it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest

from codeyard.contract import AwsError, Origin, Principal, service_principal
from codeyard.platform import cloudtrail, ssm
from codeyard.platform.cloudtrail.record import HIDDEN, build_record, identity
from tests.support.rooms import Rooms


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    made = Rooms(tmp_path_factory.mktemp("trail"), cloudtrail.part, ssm.part)
    for name in ("/one", "/two"):
        made.call("ssm", "PutParameter", {"Name": name, "Value": "v", "Type": "String"})
        made.clock.advance(10)
    with pytest.raises(AwsError):
        made.call("ssm", "DeleteParameter", {"Name": "/none"})
    made.gateway.auditor.flush()
    yield made
    made.close()


def _find(rooms: Rooms, key: str = "", value: str = "", **more: Any) -> list[dict[str, Any]]:
    attributes = {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]} if key else {}
    found: list[dict[str, Any]] = rooms.call("cloudtrail", "LookupEvents", {**attributes, **more})["Events"]
    return found


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("EventName", "PutParameter", 2),
        ("EventSource", "ssm.amazonaws.com", 3),
        ("Username", "ann", 3),
        ("AccessKeyId", "AKIAANN", 3),
        ("ResourceName", "arn:aws:ssm:us-east-1:123456789012:parameter/one", 1),
        ("ResourceType", "AWS::SSM::Parameter", 3),
        ("EventName", "Nothing", 0),
    ],
)
def test_records_are_found_by_each_attribute(rooms: Rooms, key: str, value: str, expected: int) -> None:
    found = [one for one in _find(rooms, key, value) if one["EventSource"] != "cloudtrail.amazonaws.com"]
    assert len(found) == expected


def test_pages_come_newest_first_and_join_without_gaps(rooms: Rooms) -> None:
    attributes = [{"AttributeKey": "EventSource", "AttributeValue": "ssm.amazonaws.com"}]
    names, token = [], None
    for _ in range(5):
        more = {"NextToken": token} if token else {}
        page = rooms.call("cloudtrail", "LookupEvents", {"LookupAttributes": attributes, "MaxResults": 1, **more})
        names += [one["EventName"] for one in page["Events"]]
        token = page.get("NextToken")
        if token is None:
            break
    assert names == ["DeleteParameter", "PutParameter", "PutParameter"]
    with pytest.raises(AwsError, match="InvalidNextTokenException"):
        rooms.call("cloudtrail", "LookupEvents", {"NextToken": "nonsense"})


def test_one_event_is_found_by_its_id_and_its_record_is_json(rooms: Rooms) -> None:
    one = _find(rooms, "EventName", "DeleteParameter")[0]
    again = _find(rooms, "EventId", one["EventId"])
    record = json.loads(again[0]["CloudTrailEvent"])
    assert record["errorCode"] == "ParameterNotFound"
    assert record["requestParameters"] == {"name": "/none"}
    assert record["userIdentity"]["userName"] == "ann"


def test_there_are_no_trails_and_it_says_so(rooms: Rooms) -> None:
    assert rooms.call("cloudtrail", "DescribeTrails") == {"trailList": []}
    with pytest.raises(AwsError, match="TrailNotFoundException"):
        rooms.call("cloudtrail", "GetTrailStatus", {"Name": "mine"})


def _record(**changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "principal": service_principal("events.amazonaws.com"), "service_host": "x.amazonaws.com", "operation": "Do",
        "region": "us-east-1", "account": "123456789012", "origin": Origin(), "request_id": "r", "event_id": "e",
        "time_us": 0, "request": {}, "response": None, "error": None, "read_only": False, "resources": (),
        "additional": {}, "shapes": None,
    }  # fmt: skip
    return build_record(**{**facts, **changes})


@pytest.mark.parametrize("service", ["iam", "sts", "ssm", "secretsmanager", "codebuild", "codepipeline", "codecommit"])
def test_no_member_that_a_model_marks_sensitive_is_ever_shown(service: str) -> None:
    model = botocore.session.get_session().get_service_model(service)
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        for member, inner in shape.members.items() if shape else ():
            if inner.metadata.get("sensitive"):
                shown = _record(request={member: "secret"}, shapes=(shape, None))["requestParameters"]
                assert list(shown.values()) == [HIDDEN], (service, name, member)


def test_session_tokens_are_hidden_though_no_model_marks_them() -> None:
    model = botocore.session.get_session().get_service_model("sts").operation_model("AssumeRole")
    answer = {"Credentials": {"AccessKeyId": "ASIA", "SecretAccessKey": "s", "SessionToken": "t"}}
    shown = _record(response=answer, shapes=(model.input_shape, model.output_shape))["responseElements"]
    assert shown == {"credentials": {"accessKeyId": "ASIA", "secretAccessKey": HIDDEN, "sessionToken": HIDDEN}}


def test_big_parameters_are_left_out() -> None:
    shown = _record(request={"a": "x" * 200_000})["requestParameters"]
    assert shown["omitted"] is True


def test_a_roles_session_names_its_issuer() -> None:
    role = Principal(
        "role", "1", "arn:aws:sts::1:assumed-role/R/s", "AROA:s", role_arn="arn:aws:iam::1:role/R", expires_at=1
    )
    found = identity(role)
    assert found["type"] == "AssumedRole"
    assert found["sessionContext"]["sessionIssuer"] == {
        "type": "Role", "principalId": "AROA", "arn": "arn:aws:iam::1:role/R", "accountId": "1", "userName": "R",
    }  # fmt: skip
    assert identity(service_principal("events.amazonaws.com")) == {
        "type": "AWSService",
        "invokedBy": "events.amazonaws.com",
    }
