"""What is a resource policy: as a table, and against the parser that judges by it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeyard.formats.resource_policies import PolicyFault, check
from codeyard.platform.iam.policy import document

GOOD: dict[str, Any] = {
    "Sid": "a",
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sns:Publish",
    "Resource": "*",
}


def policy(**changes: Any) -> str:
    statement = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


BAD = {
    "not JSON": "{",
    "too deep": "[" * 100_000,
    "a list": "[]",
    "a name twice": '{"Statement": [], "Statement": []}',
    "no statement": '{"Version": "2012-10-17"}',
    "an empty list": '{"Version": "2012-10-17", "Statement": []}',
    "another version": '{"Version": "2020-01-01", "Statement": [{}]}',
    "an unknown element": json.dumps({"Statement": [GOOD], "Extra": 1}),
    "a text for a statement": '{"Statement": ["x"]}',
    "an unknown member": policy(Actions="x"),
    "another effect": policy(Effect="allow"),
    "no principal": policy(Principal=None),
    "both principals": policy(NotPrincipal="*"),
    "a principal of no kind": policy(Principal={"Nobody": "*"}),
    "a principal that is a number": policy(Principal={"AWS": 123456789012}),
    "a principal as bare text": policy(Principal="arn:aws:iam::1:root"),
    "an empty principal": policy(Principal={}),
    "no action": policy(Action=None),
    "an empty action": policy(Action=[]),
    "an action without a service": policy(Action="Publish"),
    "an action of several kinds": policy(Action=["sns:Publish", 1]),
    "no resource": policy(Resource=None),
    "an empty resource": policy(Resource=""),
    "a condition that is a list": policy(Condition=[]),
    "an unknown operator": policy(Condition={"Equals": {"aws:SourceArn": "x"}}),
    "an operator without tests": policy(Condition={"StringEquals": "x"}),
    "a key that is none": policy(Condition={"StringEquals": {"x": "y"}}),
    "a value that is an object": policy(Condition={"StringEquals": {"aws:SourceArn": {}}}),
}


@pytest.mark.parametrize("what", BAD)
def test_what_could_not_be_judged_by_is_refused_with_a_reason(what: str) -> None:
    with pytest.raises(PolicyFault, match=r".{10,}"):
        check(BAD[what])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"Principal": "*", "Action": "*"},
        {"Principal": {"AWS": ["arn:aws:iam::123456789012:root", "210987654321"], "Service": "a.amazonaws.com"}},
        {"Action": None, "NotAction": ["sns:*", "SNS:Get?opic*"]},
        {"Resource": None, "NotResource": ["a", "b"]},
        {"Sid": None, "Condition": {"ForAnyValue:StringLikeIfExists": {"aws:TagKeys": ["a", "b*"]}}},
        {"Condition": {"Null": {"aws:SourceArn": True}, "NumericLessThan": {"aws:MultiFactorAuthAge": 300}}},
    ],
)
def test_what_the_grammar_allows_is_taken(changes: dict[str, Any]) -> None:
    assert check(policy(**changes))
    statement = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    assert check(json.dumps({"Statement": statement})), "a statement may stand alone"


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["*", "", "sns:Publish", "Allow", "AWS", "aws:x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["AWS", "Service", "StringEquals", "aws:x", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "NotAction", "NotPrincipal", "Condition", "x"]), _VALUES, max_size=2))
def test_whatever_is_taken_can_be_judged_by(changes: dict[str, Any]) -> None:
    text = policy(**changes)
    try:
        check(text)
    except PolicyFault:
        return
    assert document.parse(text, "resource")
