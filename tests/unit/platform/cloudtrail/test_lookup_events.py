"""The trail: what a record says, what it hides, and finding it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest

from codeyard.contract import AwsError, Origin, Principal, service_principal
from codeyard.platform import cloudtrail, ssm
from codeyard.platform.cloudtrail.record import HIDDEN, build_record, identity
from tests.support.rooms import Rooms


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def rooms(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    url = request.getfixturevalue("cluster").fresh() if request.param == "postgres" else ""
    made = Rooms(tmp_path_factory.mktemp("trail"), cloudtrail.part, ssm.part, database=url)
    for name in ("/one", "/two"):
        made.call("ssm", "PutParameter", {"Name": name, "Value": "v", "Type": "String"})
        made.clock.advance(10)
    with pytest.raises(AwsError):
        made.call("ssm", "DeleteParameter", {"Name": "/none"})
    made.clock.advance(10)
    made.call("ssm", "GetParameters", {"Names": ["/one", "/two"]})
    made.gateway.auditor.flush()
    yield made
    made.close()


def _find(rooms: Rooms, key: str = "", value: str = "", **more: Any) -> list[dict[str, Any]]:
    """What a look-up finds of the calls that the fixture made; those of the tests are CloudTrail's own."""
    attributes = {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]} if key else {}
    found: list[dict[str, Any]] = rooms.call("cloudtrail", "LookupEvents", {**attributes, **more})["Events"]
    return [one for one in found if one["EventSource"] != "cloudtrail.amazonaws.com"]


def _names(found: list[dict[str, Any]]) -> list[str]:
    return [one["EventName"] for one in found]


_ALL = ["GetParameters", "DeleteParameter", "PutParameter", "PutParameter"]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("", "", _ALL),
        ("EventName", "PutParameter", _ALL[2:]),
        ("EventName", "putparameter", []),
        ("ReadOnly", "true", _ALL[:1]),
        ("ReadOnly", "false", _ALL[1:]),
        ("Username", "ann", _ALL),
        ("Username", "an", []),
        ("ResourceType", "AWS::SSM::Parameter", _ALL),  # a call with two of the type is one record
        ("ResourceName", "arn:aws:ssm:us-east-1:123456789012:parameter/one", ["GetParameters", "PutParameter"]),
        ("ResourceName", "none", ["DeleteParameter"]),
        ("EventSource", "ssm.amazonaws.com", _ALL),
        ("AccessKeyId", "AKIAANN", _ALL),
        ("AccessKeyId", "AKIABOB", []),
        ("EventId", "00000000-0000-0000-0000-000000000000", []),
    ],
)
def test_records_are_found_by_each_attribute(rooms: Rooms, key: str, value: str, expected: list[str]) -> None:
    assert _names(_find(rooms, key, value)) == expected


@pytest.mark.parametrize(("account", "expected"), [("123456789012", 4), ("210987654321", 0)])
def test_an_account_finds_its_own_records_alone(rooms: Rooms, account: str, expected: int) -> None:
    attributes = [{"AttributeKey": "EventSource", "AttributeValue": "ssm.amazonaws.com"}]
    found = rooms.call("cloudtrail", "LookupEvents", {"LookupAttributes": attributes}, account=account)
    assert len(found["Events"]) == expected


def test_a_time_range_holds_both_its_ends(rooms: Rooms) -> None:
    times = sorted(one["EventTime"] for one in _find(rooms))
    assert len(times) == 4
    assert _names(_find(rooms, StartTime=times[1])) == _ALL[:3]
    assert _names(_find(rooms, EndTime=times[1])) == _ALL[2:]
    assert _names(_find(rooms, "EventName", "PutParameter", StartTime=times[1], EndTime=times[1])) == ["PutParameter"]
    kind = ("ResourceType", "AWS::SSM::Parameter")
    assert _names(_find(rooms, *kind, StartTime=times[1], EndTime=times[1])) == ["PutParameter"]
    assert _find(rooms, StartTime=times[0] - timedelta(days=9), EndTime=times[0] - timedelta(days=8)) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("EventSource", "ssm.amazonaws.com"), ("ResourceType", "AWS::SSM::Parameter"), ("ReadOnly", "false")],
)
def test_pages_come_newest_first_and_join_without_gaps(rooms: Rooms, key: str, value: str) -> None:
    asked = {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}], "MaxResults": 1}
    ids: list[str] = []
    page: dict[str, Any] = {"NextToken": ""}
    while "NextToken" in page:
        token = {"NextToken": page["NextToken"]} if page["NextToken"] else {}
        page = rooms.call("cloudtrail", "LookupEvents", {**asked, **token})
        assert len(page["Events"]) <= 1
        ids += [one["EventId"] for one in page["Events"]]
    assert ids == [one["EventId"] for one in _find(rooms, key, value)]


_ONE = {"AttributeKey": "EventName", "AttributeValue": "PutParameter"}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"LookupAttributes": [_ONE, _ONE]}, "InvalidLookupAttributesException"),
        ({"LookupAttributes": [{**_ONE, "AttributeKey": "Region"}]}, "InvalidLookupAttributesException"),
        ({"LookupAttributes": [{**_ONE, "AttributeValue": ""}]}, "InvalidLookupAttributesException"),
        ({"LookupAttributes": [{**_ONE, "AttributeValue": "v" * 2001}]}, "InvalidLookupAttributesException"),
        ({"LookupAttributes": [{"AttributeKey": "EventName"}]}, "InvalidLookupAttributesException"),
        ({"LookupAttributes": [{"AttributeKey": "ReadOnly", "AttributeValue": "yes"}]},
         "InvalidLookupAttributesException"),
        ({"StartTime": datetime(2026, 1, 2, tzinfo=UTC), "EndTime": datetime(2026, 1, 1, tzinfo=UTC)},
         "InvalidTimeRangeException"),
        ({"StartTime": datetime(2999, 1, 1, tzinfo=UTC)}, "InvalidTimeRangeException"),
        ({"MaxResults": 0}, "InvalidMaxResultsException"),
        ({"MaxResults": 51}, "InvalidMaxResultsException"),
        ({"EventCategory": "Management"}, "InvalidEventCategoryException"),
        ({"NextToken": "nonsense"}, "InvalidNextTokenException"),
        ({"NextToken": ""}, "InvalidNextTokenException"),
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused_by_name(rooms: Rooms, asked: dict[str, Any], code: str) -> None:
    with pytest.raises(AwsError) as refusal:
        rooms.call("cloudtrail", "LookupEvents", asked)
    assert refusal.value.code == code


def test_a_token_is_good_for_its_own_question_alone(rooms: Rooms) -> None:
    token = rooms.call("cloudtrail", "LookupEvents", {"LookupAttributes": [_ONE], "MaxResults": 1})["NextToken"]
    other = [{**_ONE, "AttributeValue": "DeleteParameter"}]
    for asked in ({}, {"LookupAttributes": other}, {"LookupAttributes": [_ONE], "EndTime": datetime.now(UTC)}):
        with pytest.raises(AwsError, match="InvalidNextTokenException"):
            rooms.call("cloudtrail", "LookupEvents", {**asked, "NextToken": token})


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
