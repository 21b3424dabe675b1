"""A stranger of another account who guesses names and ARNs: what is there and what is not answer alike."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from codeyard.contract import AwsError, Principal
from codeyard.storage.system import audit
from tests.security.test_every_operation_is_guarded import operations
from tests.support.yard import TestYard

_NAMING = re.compile(r"(arn|arns|name|names|id|ids|bucket|resource|topic|secret|alias|source)$", re.IGNORECASE)

# Not S3: names of buckets are the whole installation's, and its error responses tell NoSuchBucket (404) from
# AccessDenied (403), as the S3 API reference documents of HeadBucket.


def _policy(action: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def owned(module_yard: TestYard) -> dict[str, list[str]]:
    """What the victim has, by service: ARNs and names; each holds `victim` or the key's own id."""
    call, account = module_yard.call, module_yard.account
    arn = f"arn:aws:{{}}:us-east-1:{account}:{{}}".format
    call("codecommit", "CreateRepository", {"repositoryName": "victim"})
    call("codedeploy", "CreateApplication", {"applicationName": "victim"})
    call("logs", "CreateLogGroup", {"logGroupName": "victim"})
    call("ssm", "PutParameter", {"Name": "victim", "Value": "v", "Type": "String"})
    call("events", "CreateEventBus", {"Name": "victim"})
    call("iam", "CreateUser", {"UserName": "victim"})
    trust = _policy("sts:AssumeRole").replace('"AWS": "*"', f'"AWS": "{account}"').replace(', "Resource": "*"', "")
    call("iam", "CreateRole", {"RoleName": "victim", "AssumeRolePolicyDocument": trust})
    topic = call("sns", "CreateTopic", {"Name": "victim"})["TopicArn"]
    secret = call("secretsmanager", "CreateSecret", {"Name": "victim", "SecretString": "s"})["ARN"]
    key = call("kms", "CreateKey", {})["KeyMetadata"]["Arn"]
    call("kms", "CreateAlias", {"AliasName": "alias/victim", "TargetKeyId": key})
    return {
        "codecommit": [arn("codecommit", "victim")],
        "codedeploy": [arn("codedeploy", "application:victim")],
        "logs": [arn("logs", "log-group:victim"), arn("logs", "log-group:victim:*")],
        "ssm": [arn("ssm", "parameter/victim")],
        "events": [arn("events", "event-bus/victim")],
        "iam": [f"arn:aws:iam::{account}:user/victim", f"arn:aws:iam::{account}:role/victim"],
        "sts": [f"arn:aws:iam::{account}:role/victim"],
        "sns": [topic],
        "secretsmanager": [secret],
        "kms": [key, arn("kms", "alias/victim")],
    }


@pytest.fixture(scope="module")
def stranger(module_yard: TestYard) -> Any:
    """Another account's root: all is allowed that its own account can allow."""
    return module_yard.caller(
        Principal("root", "999999999999", "arn:aws:iam::999999999999:root", "999999999999", "root")
    )


def _absent(value: str) -> str:
    if "victim" in value:
        return value.replace("victim", "nobody")
    return value[:-12] + ("0" * 12 if value[-12:] != "0" * 12 else "1" * 12)


def _places(yard: TestYard, service: str, name: str, params: dict[str, Any], value: str) -> Iterator[tuple[str, Any]]:
    """Every top-level member that could hold the value, and the value in its form."""
    shapes = yard.yard.gateway.registry.find(service, name).shapes
    if shapes is None or shapes[0] is None:
        return
    for member, shape in shapes[0].members.items():
        if _NAMING.search(member) and (member in params or "arn" in member.lower()):
            if shape.type_name == "string" and not shape.enum:
                yield member, value
            elif shape.type_name == "list" and shape.member.type_name == "string":
                yield member, [value]


def _answer(client: Any, service: str, name: str, params: dict[str, Any], value: str) -> str:
    """What a call tells, without the guess itself and what is random in any answer."""
    try:
        told = f"answered {client.call(service, name, params)}"
    except AwsError as error:
        told = f"{error.code} {error.status} {error.message}"
    told = (
        told.replace(value, "GUESS")
        .replace(value.rpartition(":")[2], "GUESS")
        .replace(value.rpartition("/")[2], "GUESS")
    )
    told = re.sub(r"victim|nobody", "GUESS", told)
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|datetime\([^)]*\)|\d{10,}|[0-9a-f]{32,}", "…", told)


def test_what_exists_and_what_does_not_answer_a_stranger_alike(
    module_yard: TestYard, owned: dict[str, list[str]], stranger: Any
) -> None:
    differing, tried = [], 0
    for service, name, params in operations(module_yard):
        for value in owned.get(service, []):
            for member, given in _places(module_yard, service, name, params, value):
                absent: Any = [_absent(value)] if isinstance(given, list) else _absent(value)
                there = _answer(stranger, service, name, {**params, member: given}, value)
                nowhere = _answer(stranger, service, name, {**params, member: absent}, _absent(value))
                tried += 1
                if there != nowhere:
                    differing.append(f"{service}:{name} {member}={value}: {there} / {nowhere}")

    assert differing == []
    assert tried > 300


def test_a_refusal_names_no_key_behind_another_accounts_alias(
    module_yard: TestYard, owned: dict[str, list[str]], stranger: Any
) -> None:
    key, alias = owned["kms"]
    with pytest.raises(AwsError) as refused:
        stranger.call("kms", "DescribeKey", {"KeyId": alias})
    assert alias in refused.value.message
    module_yard.yard.gateway.auditor.flush()
    stored = module_yard.yard.db.read(lambda tx: tx.all(sa.select(audit.c.record)))
    told = [json.loads(row.record) for row in stored]
    own = [record for record in told if record["userIdentity"].get("accountId") == "999999999999"]
    kept = [record for record in own if alias in json.dumps(record)]
    assert kept
    assert [record for record in kept if key in json.dumps(record)] == []
    assert [record for record in kept if "encodedAuthorizationMessage" in json.dumps(record)] == []
