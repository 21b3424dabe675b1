"""Grants: whom they allow what, with which encryption context, and what their holders may pass on."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from codeyard.contract import Principal, service_principal
from codeyard.platform.kms import grants
from codeyard.platform.kms.model import Grant
from tests.support.rooms import ACCOUNT
from tests.unit.platform.kms.conftest import Keys

ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deploy"
USER = Principal("user", ACCOUNT, ANN)
SESSION = Principal("role", ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/s", role_arn=ROLE)
HELD = Grant("g", "k", ANN, "", ("Decrypt", "CreateGrant", "DescribeKey", "Encrypt"), {}, "", ACCOUNT, 0)
EQUALS = {"EncryptionContextEquals": {"a": "1"}}
SUBSET = {"EncryptionContextSubset": {"a": "1"}}


def held(**changes: Any) -> Grant:
    return dataclasses.replace(HELD, **changes)


@pytest.mark.parametrize(
    ("grant", "who", "operation", "context", "expected"),
    [
        (HELD, USER, "Decrypt", {}, True),
        (HELD, USER, "Sign", {}, False),
        (HELD, SESSION, "Decrypt", {}, False),
        (held(grantee=ROLE), SESSION, "Decrypt", {}, True),
        (held(grantee=SESSION.arn), SESSION, "Decrypt", {}, True),
        (held(grantee="ssm.amazonaws.com"), service_principal("ssm.amazonaws.com"), "Decrypt", {}, True),
        (held(grantee="ssm.amazonaws.com"), service_principal("sns.amazonaws.com"), "Decrypt", {}, False),
        (held(constraints=EQUALS), USER, "Decrypt", {"a": "1"}, True),
        (held(constraints=EQUALS), USER, "Decrypt", {"a": "1", "b": "2"}, False),
        (held(constraints=EQUALS), USER, "Decrypt", {}, False),
        (held(constraints=SUBSET), USER, "Decrypt", {"a": "1", "b": "2"}, True),
        (held(constraints=SUBSET), USER, "Decrypt", {"a": "2"}, False),
        (held(constraints=EQUALS), USER, "DescribeKey", {}, True),
        (held(constraints={"SourceArn": "arn:aws:sns:us-east-1:1:t"}), USER, "Decrypt", {}, False),
    ],
)
def test_a_grant_allows_its_grantee_its_operations_under_its_constraints(
    grant: Grant, who: Principal, operation: str, context: dict[str, str], expected: bool
) -> None:
    assert grants.allows([grant], who, operation, context) is expected


@pytest.mark.parametrize(
    ("own", "operations", "constraints", "expected"),
    [
        ({}, ["Decrypt"], {}, True),
        ({}, ["Decrypt", "Sign"], {}, False),
        (EQUALS, ["Decrypt"], EQUALS, True),
        (EQUALS, ["Decrypt"], {}, False),
        (EQUALS, ["Decrypt"], SUBSET, False),
        (SUBSET, ["Decrypt"], {"EncryptionContextEquals": {"a": "1", "b": "2"}}, True),
        (SUBSET, ["Decrypt"], {"EncryptionContextSubset": {"b": "2"}}, False),
    ],
)
def test_a_grant_is_passed_on_no_wider_than_it_is(
    own: dict[str, Any], operations: list[str], constraints: dict[str, Any], expected: bool
) -> None:
    assert grants.may_pass_on([held(constraints=own)], USER, operations, constraints) is expected


def test_who_retires_a_grant_is_named_in_it(keys: Keys) -> None:
    assert grants.may_retire(held(retiring=ANN, grantee=ROLE), USER)
    assert not grants.may_retire(HELD, USER)
    assert grants.may_retire(held(operations=("RetireGrant",)), USER)


def test_a_grant_lives_until_it_is_revoked_or_retired(keys: Keys) -> None:
    arn = keys.make()
    asked = {"KeyId": arn, "GranteePrincipal": ANN, "RetiringPrincipal": ROLE, "Operations": ["Decrypt"], "Name": "n"}
    made = keys.call("CreateGrant", **asked, Constraints=EQUALS)
    assert keys.call("CreateGrant", **asked, Constraints=EQUALS)["GrantId"] == made["GrantId"]
    other = keys.call("CreateGrant", **{**asked, "Name": "m"})
    listed = keys.call("ListGrants", KeyId=arn)["Grants"]
    assert {one["GrantId"] for one in listed} == {made["GrantId"], other["GrantId"]}
    shown = keys.call("ListGrants", KeyId=arn, GrantId=made["GrantId"])["Grants"][0]
    assert (shown["KeyId"], shown["GranteePrincipal"], shown["Constraints"]) == (arn, ANN, EQUALS)
    retirable = keys.call("ListRetirableGrants", RetiringPrincipal=ROLE, Limit=1)
    assert (len(retirable["Grants"]), retirable["Truncated"]) == (1, True)
    keys.call("RetireGrant", GrantToken=made["GrantToken"])
    keys.call("RevokeGrant", KeyId=arn, GrantId=other["GrantId"])
    assert keys.call("ListGrants", KeyId=arn)["Grants"] == []
    assert keys.error("RevokeGrant", KeyId=arn, GrantId=other["GrantId"]).code == "NotFoundException"


def test_the_door_is_told_that_a_grant_allows(keys: Keys) -> None:
    arn = keys.make()
    keys.call("Encrypt", KeyId=arn, Plaintext=b"x")
    assert keys.rooms.door.asked[-1][1].granted is False
    made = keys.call("CreateGrant", KeyId=arn, GranteePrincipal=ANN, Operations=["Encrypt"], Constraints=SUBSET)
    keys.call("Encrypt", KeyId=arn, Plaintext=b"x", GrantTokens=[made["GrantToken"]])
    assert keys.rooms.door.asked[-1][1].granted is False
    keys.call("Encrypt", KeyId=arn, Plaintext=b"x", EncryptionContext={"a": "1", "b": "2"})
    check = keys.rooms.door.asked[-1][1]
    assert check.granted is True
    assert check.keys["kms:EncryptionContext:a"] == "1"
    assert check.keys["kms:EncryptionContextKeys"] == ["a", "b"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Operations": ["Sign"]}, "ValidationException"),
        ({"Operations": []}, "ValidationException"),
        ({"Constraints": {**EQUALS, **SUBSET}}, "ValidationException"),
        ({"GranteePrincipal": "nobody"}, "InvalidArnException"),
        ({"GranteeServicePrincipal": "ssm.amazonaws.com"}, "ValidationException"),
        ({"GrantTokens": ["nonsense"]}, "InvalidGrantTokenException"),
        ({"DryRun": True}, "DryRunOperationException"),
    ],
)
def test_a_grant_that_cannot_be_is_refused(keys: Keys, changes: dict[str, Any], code: str) -> None:
    asked = {"KeyId": keys.make(), "GranteePrincipal": ANN, "Operations": ["Decrypt"], **changes}
    assert keys.error("CreateGrant", **asked).code == code


@pytest.mark.parametrize("asked", [{}, {"GrantId": "x"}, {"GrantToken": "x", "KeyId": "y", "GrantId": "z"}])
def test_retiring_needs_one_way_of_naming_the_grant(keys: Keys, asked: dict[str, Any]) -> None:
    assert keys.error("RetireGrant", **asked).code == "ValidationException"
    assert keys.error("RetireGrant", GrantToken="nonsense").code == "InvalidGrantTokenException"
