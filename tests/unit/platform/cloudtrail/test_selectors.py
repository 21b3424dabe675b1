"""Event selectors: which are refused, and what those that are taken choose."""

from __future__ import annotations

from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.platform.cloudtrail import selectors

KEY = "arn:aws:s3:::photos/2026/cat.jpg"


def _record(**changes: Any) -> dict[str, Any]:
    return {
        "eventCategory": "Management",
        "eventSource": "ssm.amazonaws.com",
        "eventName": "PutParameter",
        "readOnly": False,
        "userIdentity": {"arn": "arn:aws:iam::123456789012:user/ann"},
        **changes,
    }


def _data(arn: str = KEY, kind: str = "AWS::S3::Object", **changes: Any) -> dict[str, Any]:
    facts = {"eventCategory": "Data", "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "readOnly": True}
    return _record(**facts, resources=[{"ARN": arn, "type": kind}], **changes)


def _basic(**members: Any) -> list[dict[str, Any]]:
    return selectors.checked_basic([members])


def _objects(*values: str) -> list[dict[str, Any]]:
    return [{"Type": "AWS::S3::Object", "Values": list(values)}]


def _advanced(**fields: dict[str, list[str]]) -> list[dict[str, Any]]:
    named = [{"Field": name.replace("__", "."), **conditions} for name, conditions in fields.items()]
    return selectors.checked_advanced([{"FieldSelectors": named}])


@pytest.mark.parametrize(
    ("chosen", "record", "wanted"),
    [
        ([], _record(), True),
        ([], _data(), False),
        (_basic(ReadWriteType="ReadOnly"), _record(), False),
        (_basic(ReadWriteType="WriteOnly"), _record(), True),
        (_basic(ExcludeManagementEventSources=["kms.amazonaws.com"]), _record(eventSource="kms.amazonaws.com"), False),
        (_basic(DataResources=_objects("arn:aws:s3")), _data(), True),
        (_basic(DataResources=_objects("arn:aws:s3:::")), _data(), True),
        (_basic(DataResources=_objects("arn:aws:s3:::photos/")), _data(), True),
        (_basic(DataResources=_objects("arn:aws:s3:::photos/2025")), _data(), False),
        (_basic(DataResources=_objects("arn:aws:s3:::photos/")), _data("arn:aws:s3:::photos", "AWS::S3::Bucket"), True),
        (_basic(DataResources=_objects("arn:aws:s3:::photo/")), _data(), False),
        (_basic(IncludeManagementEvents=False, DataResources=_objects("arn:aws:s3")), _record(), False),
    ],
)
def test_basic_selectors_choose_by_kind_source_and_beginning(
    chosen: list[dict[str, Any]], record: dict[str, Any], wanted: bool
) -> None:
    assert selectors.wanted(chosen, [])(record) is wanted


DATA = {"eventCategory": {"Equals": ["Data"]}, "resources__type": {"Equals": ["AWS::S3::Object"]}}
MANAGEMENT = {"eventCategory": {"Equals": ["Management"]}}


@pytest.mark.parametrize(
    ("chosen", "record", "wanted"),
    [
        (_advanced(**MANAGEMENT), _record(), True),
        (_advanced(**MANAGEMENT), _data(), False),
        (_advanced(**MANAGEMENT, readOnly={"Equals": ["true"]}), _record(), False),
        (_advanced(**MANAGEMENT, eventSource={"NotEquals": ["ssm.amazonaws.com"]}), _record(), False),
        (_advanced(**DATA), _data(), True),
        (_advanced(**DATA), _data("arn:aws:sns:us-east-1:1:t", "AWS::SNS::Topic"), False),
        (_advanced(**DATA, resources__ARN={"StartsWith": ["arn:aws:s3:::photos/"]}), _data(), True),
        (_advanced(**DATA, resources__ARN={"StartsWith": ["arn:x"], "EndsWith": [".jpg"]}), _data(), True),
        (_advanced(**DATA, resources__ARN={"NotEndsWith": [".png", ".jpg"]}), _data(), False),
        (_advanced(**DATA, eventName={"Equals": ["PutObject", "DeleteObject"]}), _data(), False),
        (_advanced(**DATA, userIdentity__arn={"EndsWith": ["user/ann"]}), _data(), True),
    ],
)
def test_advanced_selectors_need_every_field_any_positive_and_no_negative_condition(
    chosen: list[dict[str, Any]], record: dict[str, Any], wanted: bool
) -> None:
    assert selectors.wanted([], chosen)(record) is wanted


@pytest.mark.parametrize(
    "given",
    [
        [{"ReadWriteType": "All"}] * 6,
        [{"ExcludeManagementEventSources": ["s3.amazonaws.com"]}],
        [{"IncludeManagementEvents": False}],
        [{"DataResources": [{"Type": "AWS::EC2::Instance", "Values": ["arn:aws:ec2"]}]}],
        [{"DataResources": [{"Type": "AWS::S3::Object", "Values": []}]}],
        [{"DataResources": _objects("photos/")}],
        [{"DataResources": _objects("arn:aws:s3:::photos")}],
        [{"DataResources": _objects(*[f"arn:aws:s3:::b{n}/" for n in range(251)])}],
    ],
)
def test_basic_selectors_that_no_trail_may_have_are_refused(given: list[dict[str, Any]]) -> None:
    with pytest.raises(AwsError, match="InvalidEventSelectorsException"):
        selectors.checked_basic(given)


@pytest.mark.parametrize(
    "fields",
    [
        [{"Field": "readOnly", "Equals": ["true"]}],
        [{"Field": "eventCategory", "Equals": ["Network"]}],
        [{"Field": "eventCategory", "Equals": ["Data"]}],
        [{"Field": "eventCategory", "StartsWith": ["Management"]}],
        [{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "readOnly", "Equals": ["maybe"]}],
        [{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "resources.ARN", "Equals": ["arn:x"]}],
        [{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "eventName"}],
        [{"Field": "eventCategory", "Equals": ["Management"]}] * 2,
    ],
)
def test_advanced_selectors_that_no_trail_may_have_are_refused(fields: list[dict[str, Any]]) -> None:
    with pytest.raises(AwsError, match="InvalidEventSelectorsException"):
        selectors.checked_advanced([{"FieldSelectors": fields}])


def test_only_services_with_selected_data_events_are_asked_for_records() -> None:
    assert selectors.data_services(_basic(), []) == set()
    assert selectors.data_services(_basic(DataResources=_objects("arn:aws:s3")), []) == {"s3"}
    assert selectors.data_services([], _advanced(**DATA)) == {"s3"}
