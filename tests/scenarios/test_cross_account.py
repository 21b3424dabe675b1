"""Two accounts in one server: whoever crosses between them needs the word of both sides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.crash.support import Crashyard, yard_in

OTHER = "210987654321"


class Two:
    """The home account's administrator, the other's, and a user of the other."""

    def __init__(self, yard: Crashyard) -> None:
        self.yard, self.home = yard, yard.facts["account"]
        printed = yard.codeyard("account", "create", OTHER, "--data", str(yard.data))
        pairs = dict(line.split("=", 1) for line in printed.split())
        self.other = {"access_key_id": pairs["AWS_ACCESS_KEY_ID"], "secret_access_key": pairs["AWS_SECRET_ACCESS_KEY"]}
        iam = yard.client("iam", self.other)
        iam.create_user(UserName="guest")
        made = iam.create_access_key(UserName="guest")["AccessKey"]
        self.guest = {"access_key_id": made["AccessKeyId"], "secret_access_key": made["SecretAccessKey"]}

    def guest_may(self, *actions: str) -> None:
        """What the guest's own account allows the guest; nothing, without actions."""
        iam = self.yard.client("iam", self.other)
        effect = "Allow" if actions else "Deny"
        statement = {"Effect": effect, "Action": list(actions) or "*", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="guest", PolicyName="may", PolicyDocument=document)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """One server with two accounts."""
    with yard_in(tmp_path_factory.mktemp("two")) as yard:
        yard.start()
        yield Two(yard)


@pytest.fixture(scope="module")
def role(two: Two) -> str:
    """A role of the home account that the other account may assume with an ExternalId."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "between-us"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = two.yard.client("iam").create_role(RoleName="for-guests", AssumeRolePolicyDocument=document)
    return str(made["Role"]["Arn"])


def test_accounts_do_not_see_each_other(two: Two) -> None:
    two.yard.client("codecommit").create_repository(repositoryName="at-home")

    assert two.yard.client("sts", two.other).get_caller_identity()["Account"] == OTHER
    assert two.yard.client("codecommit", two.other).list_repositories()["repositories"] == []
    two.yard.client("codecommit", two.other).create_repository(repositoryName="at-home")


def test_a_role_across_accounts_is_assumed_with_its_external_id_and_both_words(two: Two, role: str) -> None:
    sts = two.yard.client("sts", two.guest)
    two.guest_may("sts:AssumeRole")

    assumed = sts.assume_role(RoleArn=role, RoleSessionName="visit", ExternalId="between-us")["Credentials"]

    keys = {"access_key_id": assumed["AccessKeyId"], "secret_access_key": assumed["SecretAccessKey"]}
    who = two.yard.client("sts", {**keys, "session_token": assumed["SessionToken"]}).get_caller_identity()
    assert (who["Account"], who["Arn"]) == (two.home, f"arn:aws:sts::{two.home}:assumed-role/for-guests/visit")


@pytest.mark.parametrize("external", [{}, {"ExternalId": "guessed"}])
def test_a_role_is_not_assumed_without_its_external_id(two: Two, role: str, external: dict[str, str]) -> None:
    two.guest_may("sts:AssumeRole")
    with pytest.raises(ClientError, match="AccessDenied"):
        two.yard.client("sts", two.guest).assume_role(RoleArn=role, RoleSessionName="visit", **external)


def test_a_role_is_not_assumed_by_whom_his_own_account_does_not_let(two: Two, role: str) -> None:
    two.guest_may()
    with pytest.raises(ClientError, match="AccessDenied"):
        two.yard.client("sts", two.guest).assume_role(RoleArn=role, RoleSessionName="visit", ExternalId="between-us")


@pytest.mark.parametrize(("bucket_says", "user_may"), [(True, True), (True, False), (False, True), (False, False)])
def test_an_object_across_accounts_needs_bucket_policy_and_identity_policy(
    two: Two, bucket_says: bool, user_may: bool
) -> None:
    home, bucket = two.yard.client("s3"), f"home-{bucket_says}-{user_may}".lower()
    home.create_bucket(Bucket=bucket)
    home.put_object(Bucket=bucket, Key="a", Body=b"across")
    if bucket_says:
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{OTHER}:user/guest"},
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
        }
        home.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    two.guest_may(*(["s3:GetObject"] if user_may else ["s3:ListAllMyBuckets"]))
    guest = two.yard.client("s3", two.guest)

    if bucket_says and user_may:
        assert guest.get_object(Bucket=bucket, Key="a")["Body"].read() == b"across"
    else:
        with pytest.raises(ClientError, match="AccessDenied"):
            guest.get_object(Bucket=bucket, Key="a")
