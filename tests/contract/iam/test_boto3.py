"""IAM and STS through boto3, over the wire: forms without a signature, blobs, lists in pages, tokens."""

from __future__ import annotations

import base64
import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from codeyard.platform.iam import totp
from tests.support.issuer import Issuer
from tests.support.yard import TestYard, _now_clock

AUDIENCE = "sts.amazonaws.com"


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestYard]:
    """A server that may call addresses of this machine."""
    served = TestYard(tmp_path_factory.mktemp("yard") / "data", clock=_now_clock(), allow_private_outbound=True)
    yield served
    served.close()


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    made = Issuer(tmp_path_factory.mktemp("issuer"))
    yield made
    made.close()


def unsigned(yard: TestYard) -> Any:
    """STS as a build calls it that has a token and no keys."""
    config = Config(signature_version=UNSIGNED, retries={"max_attempts": 0})
    return boto3.client("sts", endpoint_url=yard.endpoint, region_name="us-east-1", config=config)


def federated_role(yard: TestYard, issuer: Issuer, name: str) -> str:
    iam = yard.client("iam")
    account = yard.account
    arn = f"arn:aws:iam::{account}:oidc-provider/{issuer.url.removeprefix('https://')}"
    known = [one["Arn"] for one in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    if arn not in known:
        made = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=[AUDIENCE])
        assert made["OpenIDConnectProviderArn"] == arn
    subject = {"StringLike": {f"{issuer.url.removeprefix('https://')}:sub": "repo:ours*"}}
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": subject,
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    return str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"])


def test_a_build_with_a_token_gets_keys_without_a_secret(yard: TestYard, issuer: Issuer) -> None:
    role = federated_role(yard, issuer, "ci")
    asked = {"RoleArn": role, "RoleSessionName": "build", "WebIdentityToken": issuer.token()}
    answer = unsigned(yard).assume_role_with_web_identity(**asked)
    found = answer["Credentials"]
    keys = {
        "access_key_id": found["AccessKeyId"],
        "secret_access_key": found["SecretAccessKey"],
        "session_token": found["SessionToken"],
    }
    who = yard.client("sts", keys=keys).get_caller_identity()
    assert who["Arn"] == f"arn:aws:sts::{yard.account}:assumed-role/ci/build"


def test_the_sdk_fetches_keys_by_itself_from_a_token_file(
    yard: TestYard, issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(issuer.token())
    monkeypatch.setenv("AWS_ROLE_ARN", federated_role(yard, issuer, "sdk"))
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", yard.endpoint)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    session = boto3.Session(region_name="us-east-1")
    assert ":assumed-role/sdk/" in session.client("sts").get_caller_identity()["Arn"]


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"sub": "repo:theirs"}, "AccessDenied"),
        ({"aud": "else"}, "InvalidIdentityToken"),
        ({"exp": 1}, "ExpiredTokenException"),
    ],
)
def test_refusals_have_the_names_that_clients_know(
    yard: TestYard, issuer: Issuer, claims: dict[str, Any], code: str
) -> None:
    role = federated_role(yard, issuer, f"r-{code}")
    with pytest.raises(ClientError) as problem:
        unsigned(yard).assume_role_with_web_identity(
            RoleArn=role, RoleSessionName="build", WebIdentityToken=issuer.token(**claims)
        )
    assert problem.value.response["Error"]["Code"] == code


def test_the_trail_tells_of_the_bearer_and_not_of_the_token(yard: TestYard, issuer: Issuer) -> None:
    role, token = federated_role(yard, issuer, "told"), issuer.token()
    unsigned(yard).assume_role_with_web_identity(RoleArn=role, RoleSessionName="build", WebIdentityToken=token)
    found = [one for one in yard.trail() if one["eventName"] == "AssumeRoleWithWebIdentity"]
    record = next(one for one in found if one["requestParameters"]["roleArn"] == role)
    assert (record["userIdentity"]["type"], record["userIdentity"]["userName"]) == ("WebIdentityUser", "repo:ours")
    assert token not in json.dumps(found)


def test_nothing_else_of_sts_is_answered_unsigned(yard: TestYard) -> None:
    with pytest.raises(ClientError) as problem:
        unsigned(yard).get_caller_identity()
    assert problem.value.response["Error"]["Code"] == "MissingAuthenticationToken"


def test_a_virtual_device_opens_a_session_with_mfa(yard: TestYard) -> None:
    iam = yard.client("iam")
    guarded = {"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"}
    guarded["Condition"] = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}  # type: ignore[assignment]
    keys = yard.user("ann", [guarded])
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="ann")["VirtualMFADevice"]
    seed, serial = base64.b32decode(device["Base32StringSeed"]), device["SerialNumber"]
    step = totp.step_at(yard.clock.now())
    codes = [totp.code_at(seed, step + off) for off in (-1, 0, 1)]
    first, second, third = codes
    iam.enable_mfa_device(UserName="ann", SerialNumber=serial, AuthenticationCode1=first, AuthenticationCode2=second)
    found = yard.client("sts", keys=keys).get_session_token(SerialNumber=serial, TokenCode=third)["Credentials"]
    with pytest.raises(ClientError):
        yard.client("iam", keys=keys).list_users()
    session = {
        "access_key_id": found["AccessKeyId"],
        "secret_access_key": found["SecretAccessKey"],
        "session_token": found["SessionToken"],
    }
    assert yard.client("iam", keys=session).list_users()["Users"]


def test_the_credential_report_arrives_as_csv(yard: TestYard) -> None:
    iam, deadline = yard.client("iam"), time.monotonic() + 60
    while iam.generate_credential_report()["State"] != "COMPLETE":
        assert time.monotonic() < deadline
    lines = list(csv.DictReader(iam.get_credential_report()["Content"].decode().splitlines()))
    assert {"<root_account>", "admin"} <= {line["user"] for line in lines}


def test_the_authorization_details_are_read_by_the_paginator(yard: TestYard) -> None:
    pages = (
        yard.client("iam").get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 1})
    )
    users = [one["UserName"] for page in pages for one in page["UserDetailList"]]
    assert "admin" in users
    documents = [
        one["AssumeRolePolicyDocument"]
        for page in yard.client("iam").get_paginator("get_account_authorization_details").paginate(Filter=["Role"])
        for one in page["RoleDetailList"]
    ]
    assert all(isinstance(one, dict) for one in documents)


def test_the_accounts_own_issuer_is_believed_by_whoever_asks_it(yard: TestYard) -> None:
    """The account signs a token, and a role of the same server is assumed with it."""
    iam = yard.client("iam")
    issuer = iam.enable_outbound_web_identity_federation()["IssuerIdentifier"]
    assert issuer.startswith(yard.endpoint)
    asked = {"Audience": ["x"], "SigningAlgorithm": "RS256", "DurationSeconds": 60}
    token = yard.client("sts").get_web_identity_token(**asked)["WebIdentityToken"]
    assert token.count(".") == 2
    import urllib.request

    with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration", timeout=60) as answer:
        told = json.load(answer)
    with urllib.request.urlopen(told["jwks_uri"], timeout=60) as answer:
        assert {one["alg"] for one in json.load(answer)["keys"]} == {"RS256", "ES384"}


def test_a_refusal_on_the_trail_is_decoded(yard: TestYard) -> None:
    keys = yard.user("bob")
    with pytest.raises(ClientError):
        yard.client("iam", keys=keys).list_users()
    refusals = [one for one in yard.trail() if one.get("errorCode") == "AccessDenied" and "additionalEventData" in one]
    encoded = next(
        one["additionalEventData"]["encodedAuthorizationMessage"]
        for one in refusals
        if one["userIdentity"].get("userName") == "bob"
    )
    message = yard.client("sts").decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"]
    assert json.loads(message)["context"]["action"] == "iam:ListUsers"
