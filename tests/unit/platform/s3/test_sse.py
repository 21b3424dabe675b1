"""What an object is encrypted by: by its request, else by its bucket."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.platform.s3.model import sse
from codeyard.platform.s3.model.sse import Wanted

KEY = "arn:aws:kms:us-east-1:123456789012:key/k"


def rule(algorithm: str, key: str = "", *, by_bucket: bool = False) -> dict[str, Any]:
    default = {"SSEAlgorithm": algorithm, **({"KMSMasterKeyID": key} if key else {})}
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": by_bucket}]}


BY_DEFAULT = sse.default_from(rule("aws:kms", KEY, by_bucket=True))
EXTRA = base64.b64encode(b'{"team": "a"}').decode()


@pytest.mark.parametrize(
    ("req", "default", "expected"),
    [
        ({}, None, None),
        ({"ServerSideEncryption": "AES256"}, BY_DEFAULT, None),
        ({}, BY_DEFAULT, Wanted(KEY, True)),
        ({"BucketKeyEnabled": False}, BY_DEFAULT, Wanted(KEY, False)),
        ({}, sse.default_from(rule("aws:kms")), Wanted("alias/aws/s3")),
        ({"ServerSideEncryption": "aws:kms"}, BY_DEFAULT, Wanted("alias/aws/s3")),
        ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KEY}, None, Wanted(KEY)),
        (
            {"ServerSideEncryption": "aws:kms", "SSEKMSEncryptionContext": EXTRA},
            None,
            Wanted(sse.OWN_KEY, False, {"team": "a"}),
        ),
    ],
)
def test_the_request_says_it_or_else_the_bucket(req: Any, default: str | None, expected: Wanted | None) -> None:
    assert sse.wanted(req, default) == expected


@pytest.mark.parametrize(
    ("req", "code"),
    [
        ({"SSEKMSKeyId": KEY}, "InvalidArgument"),
        ({"ServerSideEncryption": "AES256", "SSEKMSKeyId": KEY}, "InvalidArgument"),
        ({"ServerSideEncryption": "aws:kms:dsse"}, "NotImplemented"),
        ({"ServerSideEncryption": "aws:kms", "SSEKMSEncryptionContext": "!"}, "InvalidArgument"),
        ({"ServerSideEncryption": "aws:kms", "SSEKMSEncryptionContext": "W10="}, "InvalidArgument"),
    ],
)
def test_what_does_not_fit_together_is_refused(req: Any, code: str) -> None:
    with pytest.raises(AwsError) as caught:
        sse.wanted(req, None)
    assert caught.value.code == code


def test_an_object_is_bound_to_its_arn_or_its_buckets() -> None:
    assert Wanted(KEY).context("b", "k/x") == {"aws:s3:arn": "arn:aws:s3:::b/k/x"}
    assert Wanted(KEY, True, {"a": "1"}).context("b", "k") == {"a": "1", "aws:s3:arn": "arn:aws:s3:::b"}


@pytest.mark.parametrize("configuration", [{}, {"Rules": []}, {"Rules": [{}, {}]}, rule("AES256", KEY), rule("x")])
def test_a_default_that_cannot_be_is_refused(configuration: Any) -> None:
    with pytest.raises(AwsError):
        sse.default_from(configuration)


def test_a_default_is_told_as_it_was_set() -> None:
    assert sse.rule_of(BY_DEFAULT) == rule("aws:kms", KEY, by_bucket=True)["Rules"][0]
    assert sse.rule_of(sse.default_from(rule("AES256"))) == rule("AES256")["Rules"][0]
