"""Condition operators, set qualifiers and policy variables, as tables."""

from __future__ import annotations

from typing import Any

import pytest

from codeyard.platform.iam.policy import PolicySet, Request, compile_policy, parse
from tests.unit.platform.iam.bench import allow, policy


def holds(condition: dict[str, Any], keys: dict[str, Any], version: str = "2012-10-17") -> bool:
    """Whether a statement with the condition applies."""
    document = policy({**allow("*", Condition=condition), "Principal": "*"}, version=version)
    return PolicySet([compile_policy(parse(document, "resource"))]).allows(Request("s3:GetObject", "x", keys))


@pytest.mark.parametrize(
    ("operator", "wanted", "given", "expected"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", "a*", "ab", False),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringEqualsIgnoreCase", "Ab", "aB", True),
        ("StringNotEqualsIgnoreCase", "Ab", "aB", False),
        ("StringLike", "a*c?", "abbcd", True),
        ("StringLike", "a*c?", "abbc", False),
        ("StringNotLike", "a*", "b", True),
        ("NumericEquals", 10, "10.0", True),
        ("NumericNotEquals", 10, "11", True),
        ("NumericLessThan", 10, "9.5", True),
        ("NumericLessThanEquals", 10, "10", True),
        ("NumericGreaterThan", 10, "10", False),
        ("NumericGreaterThanEquals", "10", "10", True),
        ("NumericLessThan", 10, "many", False),
        ("NumericLessThan", 10, "nan", False),
        ("DateEquals", "2026-01-01T00:00:00Z", "1767225600", True),
        ("DateNotEquals", "2026-01-01", "2026-01-02T00:00:00Z", True),
        ("DateLessThan", "2026-01-02T00:00:00+02:00", "2026-01-01T21:59:59Z", True),
        ("DateLessThanEquals", "2026-01-01", "2026-01-01T00:00:00Z", True),
        ("DateGreaterThan", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", True),
        ("DateGreaterThanEquals", "2026-01-01T00:00:00Z", "yesterday", False),
        ("Bool", True, "true", True),
        ("Bool", "False", "true", False),
        ("BinaryEquals", "YQ==", "YQ==", True),
        ("BinaryEquals", "YQ==", "!", False),
        ("IpAddress", "10.0.0.0/8", "10.1.2.3", True),
        ("IpAddress", ["10.0.0.0/8", "2001:db8::/32"], "2001:db8::7", True),
        ("IpAddress", "10.0.0.0/8", "codeyard", False),
        ("NotIpAddress", "10.0.0.0/8", "11.1.2.3", True),
        ("ArnLike", "arn:aws:s3:::b*", "arn:aws:s3:::bucket", True),
        ("ArnEquals", "arn:aws:s3:::b*", "arn:aws:s3:::bucket", True),
        ("ArnLike", "arn:aws:*:b", "arn:aws:s3:::b", False),
        ("ArnNotLike", "arn:aws:s3:::b", "arn:aws:s3:::c", True),
        ("ArnNotEquals", "arn:aws:s3:::b", "arn:aws:s3:::b", False),
        ("Null", "false", "x", True),
        ("Null", True, "x", False),
    ],
)
def test_operators(operator: str, wanted: Any, given: str, expected: bool) -> None:
    assert holds({operator: {"aws:Some": wanted}}, {"AWS:some": given}) is expected


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("StringEquals", False),
        ("StringLike", False),
        ("NumericLessThan", False),
        ("IpAddress", False),
        ("Bool", False),
        ("StringNotEquals", True),
        ("NotIpAddress", True),
        ("StringEqualsIfExists", True),
        ("BoolIfExists", True),
        ("StringNotEqualsIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAllValues:StringNotEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAnyValue:StringEqualsIfExists", True),
    ],
)
def test_an_absent_key(operator: str, expected: bool) -> None:
    assert holds({operator: {"aws:Some": "1"}}, {}) is expected
    assert holds({operator: {"aws:Some": "1"}}, {"aws:Some": ()}) is expected


@pytest.mark.parametrize(
    ("operator", "given", "expected"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "c"], False),
        ("ForAnyValue:StringEquals", ["a", "c"], True),
        ("ForAnyValue:StringEquals", ["c"], False),
        ("ForAllValues:StringNotEquals", ["c", "d"], True),
        ("ForAllValues:StringNotEquals", ["c", "a"], False),
        ("ForAnyValue:StringNotEquals", ["c", "a"], True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], False),
        ("ForAllValues:StringEquals", [""], True),
        ("ForAnyValue:StringNotEquals", [""], False),
    ],
)
def test_set_qualifiers(operator: str, given: list[str], expected: bool) -> None:
    assert holds({operator: {"aws:TagKeys": ["a", "b"]}}, {"aws:TagKeys": given}) is expected


def test_blocks_and_keys_are_anded() -> None:
    condition = {"StringEquals": {"a:x": "1", "a:y": "2"}, "Bool": {"a:z": "true"}}
    keys = {"a:x": "1", "a:y": "2", "a:z": "true"}
    assert holds(condition, keys)
    assert not any(holds(condition, {**keys, key: "no"}) for key in keys)


@pytest.mark.parametrize(
    ("operator", "wanted", "given", "expected"),
    [
        ("StringLike", "home/${aws:username}/*", "home/ann/x", True),
        ("StringLike", "home/${aws:username}/*", "home/bob/x", False),
        ("StringEquals", "${AWS:UserName}", "ann", True),
        ("StringEquals", "${aws:PrincipalTag/team, 'none'}", "none", True),
        ("StringEquals", "${aws:PrincipalTag/team}", "${aws:PrincipalTag/team}", False),
        ("StringNotEquals", "${aws:PrincipalTag/team}", "x", True),
        ("StringEquals", "${*}${?}${$}", "*?$", True),
        ("StringLike", "a${*}", "ab", False),
        ("StringLike", "a${*}", "a*", True),
        ("StringLike", "${aws:star}", "anything", False),
        ("StringEquals", "${aws:many}", "1", False),
        ("ArnLike", "arn:aws:iam::1:user/${aws:username}", "arn:aws:iam::1:user/ann", True),
        ("NumericEquals", "${aws:number}", "5", False),
    ],
)
def test_policy_variables(operator: str, wanted: str, given: str, expected: bool) -> None:
    keys = {"aws:username": "ann", "aws:star": "*", "aws:many": ("1", "2"), "aws:number": "5", "k:k": given}
    assert holds({operator: {"k:k": wanted}}, keys) is expected


def test_variables_stand_for_themselves_under_the_old_version() -> None:
    condition = {"StringEquals": {"k:k": "${aws:username}"}}
    assert not holds(condition, {"aws:username": "ann", "k:k": "ann"}, version="2008-10-17")
    assert holds(condition, {"aws:username": "ann", "k:k": "${aws:username}"}, version="2008-10-17")
