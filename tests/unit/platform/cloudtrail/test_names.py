"""What a trail, its bucket, its prefix and its topic may be called."""

from __future__ import annotations

import pytest

from codeyard.contract import AwsError
from codeyard.platform.cloudtrail import model


@pytest.mark.parametrize("name", ["abc", "my-trail", "a.b_c-d", "x" * 128])
def test_names_that_aws_takes_are_taken(name: str) -> None:
    assert model.check_name(name) == name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ab", "Specified name length: 2 characters."),
        ("x" * 129, "Specified name length: 129 characters."),
        ("my trail", "can only contain"),
        ("-abc", "starts with a letter"),
        ("abc_", "ends with a letter"),
        ("my-_trail", "adjacent"),
        ("192.168.5.4", "IP address"),
    ],
)
def test_names_that_aws_refuses_are_refused(name: str, says: str) -> None:
    with pytest.raises(AwsError, match=says) as refusal:
        model.check_name(name)
    assert refusal.value.code == "InvalidTrailNameException"


def test_a_trail_is_named_by_its_name_or_its_arn() -> None:
    assert model.reference("mine", "1", "r") == ("1", "r", "mine")
    arn = "arn:aws:cloudtrail:eu-west-1:210987654321:trail/other"
    assert model.reference(arn, "1", "r") == ("210987654321", "eu-west-1", "other")
    with pytest.raises(AwsError, match="CloudTrailARNInvalidException"):
        model.reference("arn:aws:s3:::bucket", "1", "r")


@pytest.mark.parametrize("name", ["A", "ab", "a..b", "-ab", "under_score"])
def test_what_no_bucket_is_called_is_refused(name: str) -> None:
    with pytest.raises(AwsError, match="InvalidS3BucketNameException"):
        model.check_bucket(name)


@pytest.mark.parametrize("prefix", ["/a", "a/", "a\nb", "x" * 201])
def test_a_prefix_that_would_spoil_the_keys_is_refused(prefix: str) -> None:
    with pytest.raises(AwsError, match="InvalidS3PrefixException"):
        model.check_prefix(prefix)


def test_a_topic_is_given_by_name_or_arn() -> None:
    arn = "arn:aws:sns:us-east-1:123456789012:news"
    assert model.topic_arn("news", "123456789012", "us-east-1") == arn
    assert model.topic_arn(arn, "1", "r") == arn
    for bad in ("no spaces", "arn:aws:s3:::bucket", "x" * 257):
        with pytest.raises(AwsError, match="InvalidSnsTopicNameException"):
            model.topic_arn(bad, "1", "r")
