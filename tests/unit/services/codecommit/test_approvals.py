"""The approval rule language, as tables."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeyard.contract import AwsError
from codeyard.services.codecommit.pulls.approvals import (
    Rule,
    Statement,
    applies_to,
    check_rule_name,
    is_member,
    matches,
    parse_rule,
    satisfied,
)
from codeyard.services.codecommit.pulls.reactions import forms_of, parse_reaction

A = "123456789012"
BOB = f"arn:aws:iam::{A}:user/bob"
SESSION = f"arn:aws:sts::{A}:assumed-role/Review/bob"
FEDERATED = f"arn:aws:sts::{A}:federated-user/bob"
OTHER = "arn:aws:iam::999999999999:user/bob"


@pytest.mark.parametrize(
    ("member", "arn", "counts"),
    [
        (f"CodeCommitApprovers:{A}:bob", BOB, True),
        (f"CodeCommitApprovers:{A}:bob", FEDERATED, True),
        (f"CodeCommitApprovers:{A}:bob", SESSION, False),
        (f"CodeCommitApprovers:{A}:*bob", SESSION, True),
        (f"CodeCommitApprovers:{A}:Review/bob", SESSION, True),
        (f"CodeCommitApprovers:{A}:Review/*", SESSION, True),
        (f"CodeCommitApprovers:{A}:Other/*", SESSION, False),
        (f"CodeCommitApprovers:{A}:bo", BOB, False),
        (f"CodeCommitApprovers:{A}:BOB", BOB, False),
        (f"CodeCommitApprovers:{A}:bob", OTHER, False),
        (BOB, BOB, True),
        (BOB, FEDERATED, False),
        (f"arn:aws:sts::{A}:assumed-role/Review/*", SESSION, True),
        (f"arn:aws:sts::{A}:assumed-role/Rev*/b*b", SESSION, True),
        (f"arn:aws:sts::{A}:assumed-role/Review", SESSION, False),
        (f"arn:aws:iam::{A}:user/*", SESSION, False),
        (f"arn:aws:iam::{A}:group/team", BOB, True),
        (f"arn:aws:iam::{A}:group/none", BOB, False),
    ],
)
def test_a_pools_member_stands_for_these_identities(member: str, arn: str, counts: bool) -> None:
    assert is_member(member, arn, {f"arn:aws:iam::{A}:group/team": {BOB}}) is counts


ANY_TWO = Rule((Statement(2),))
BOB_AND_ANY_TWO = Rule((Statement(1, (BOB,)), Statement(2)))


@pytest.mark.parametrize(
    ("rule", "approvers", "enough"),
    [
        (ANY_TWO, [BOB], False),
        (ANY_TWO, [BOB, SESSION], True),
        (ANY_TWO, [BOB, OTHER], False),
        (BOB_AND_ANY_TWO, [FEDERATED, SESSION], False),
        (BOB_AND_ANY_TWO, [BOB, SESSION], True),
        (BOB_AND_ANY_TWO, [BOB], False),
        (Rule((Statement(2, (BOB, f"CodeCommitApprovers:{A}:bob")),)), [BOB], False),
    ],
)
def test_a_rule_is_satisfied_when_every_statement_has_enough(rule: Rule, approvers: list[str], enough: bool) -> None:
    assert satisfied(rule, approvers, A) is enough


@pytest.mark.parametrize(
    ("destinations", "reference", "applies"),
    [
        ((), "refs/heads/x", True),
        (("refs/heads/main",), "refs/heads/main", True),
        (("refs/heads/main",), "refs/heads/main2", False),
        (("refs/heads/a", "refs/heads/release/*"), "refs/heads/release/1/2", True),
        (("refs/heads/release/*",), "refs/heads/release", False),
    ],
)
def test_a_template_is_for_its_destinations(destinations: tuple[str, ...], reference: str, applies: bool) -> None:
    assert applies_to(Rule((Statement(1),), destinations), reference) is applies


def content(**changes: Any) -> str:
    said: dict[str, Any] = {
        "Version": "2018-11-08",
        "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": 1}],
    }
    return json.dumps({name: value for name, value in {**said, **changes}.items() if value is not None})


def statement(**changes: Any) -> str:
    said: dict[str, Any] = {"Type": "Approvers", "NumberOfApprovalsNeeded": 1}
    return content(Statements=[{name: value for name, value in {**said, **changes}.items() if value is not None}])


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "x",
        "[]",
        "1",
        content(Version="2012-10-17"),
        content(Version=None),
        content(Statements=None),
        content(Statements=[]),
        content(Statements={}),
        content(Statements=[1]),
        content(More=1),
        statement(Type="Reviewers"),
        statement(Type=None),
        statement(NumberOfApprovalsNeeded=0),
        statement(NumberOfApprovalsNeeded=201),
        statement(NumberOfApprovalsNeeded=True),
        statement(NumberOfApprovalsNeeded="1"),
        statement(NumberOfApprovalsNeeded=None),
        statement(ApprovalPoolMembers=[]),
        statement(ApprovalPoolMembers="x"),
        statement(ApprovalPoolMembers=["bob"]),
        statement(ApprovalPoolMembers=["CodeCommitApprovers:1:bob"]),
        statement(ApprovalPoolMembers=[BOB] * 51),
        statement(More=1),
    ],
)
def test_content_that_is_no_rule_is_refused(bad: str) -> None:
    for template, code in ((False, "InvalidApprovalRuleContent"), (True, "InvalidApprovalRuleTemplateContent")):
        with pytest.raises(AwsError) as error:
            parse_rule(bad, template=template)
        assert error.value.code == f"{code}Exception"


@pytest.mark.parametrize("bad", [[], ["main"], ["refs/heads/"], ["refs/heads/*"], ["refs/heads/a"] * 101, [1], "x"])
def test_destinations_are_branches_that_do_not_begin_with_a_wildcard(bad: Any) -> None:
    with pytest.raises(AwsError, match="InvalidApprovalRuleTemplateContent"):
        parse_rule(content(DestinationReferences=bad), template=True)


def test_destinations_are_for_templates_alone() -> None:
    text = content(DestinationReferences=["refs/heads/main"])
    assert parse_rule(text, template=True).destinations == ("refs/heads/main",)
    with pytest.raises(AwsError, match="InvalidApprovalRuleContent"):
        parse_rule(text)


@pytest.mark.parametrize("name", ["", " ", "a.git", "a" * 101, "a\nb"])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(AwsError, match="InvalidApprovalRuleName"):
        check_rule_name(name)


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_a_wildcard_is_any_characters(pattern: str, text: str) -> None:
    import re

    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None
    assert matches(pattern, text) is expected


@pytest.mark.parametrize("value", ["👍", ":thumbsup:", "U+1F44D", "u+1f44d", " :ThumbsUp: "])
def test_a_reaction_has_three_forms(value: str) -> None:
    assert parse_reaction(value) == "THUMBSUP"
    assert forms_of("THUMBSUP") == {"emoji": "👍", "shortCode": ":thumbsup:", "unicode": "U+1F44D"}


@pytest.mark.parametrize("value", ["", " ", "none", "null"])
def test_nothing_takes_a_reaction_back(value: str) -> None:
    assert parse_reaction(value) is None


@pytest.mark.parametrize("value", ["x", "U+1F4A9", ":x:", "👍👍"])
def test_what_is_no_reaction_is_refused(value: str) -> None:
    with pytest.raises(AwsError, match="InvalidReactionValue"):
        parse_reaction(value)


def test_a_heart_may_ask_for_its_colour() -> None:
    assert parse_reaction("❤️") == parse_reaction("❤") == "HEART"
