"""`aws cloudtrail validate-logs`, as it comes from AWS, judges what a trail has delivered."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from codeyard.contract import AwsError
from codeyard.engine import ManualClock
from tests.support.trails import (
    BUCKET,
    CLOUDTRAIL,
    NAME,
    act,
    content,
    delivered,
    keys,
    make_trail,
    open_bucket,
    parameters,
    pass_time,
    trail_arn,
)
from tests.support.yard import TestYard

AWS = str(Path(sys.executable).with_name("aws"))
HOURS = 4.5


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[TestYard]:
    """A server whose clock begins some hours ago, so that hours pass in it before `aws` signs with the machine's."""
    served = TestYard(tmp_path / "data", clock=ManualClock(time.time_ns() // 1000 - int(HOURS * 3600) * 1_000_000))
    yield served
    served.close()


def _until_now(yard: TestYard) -> None:
    yard.clock.set(time.time_ns() // 1000)
    yard.settle()


def _validate(yard: TestYard, arn: str) -> tuple[int, str]:
    start = datetime.fromtimestamp(time.time() - HOURS * 3600 - 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    command = [AWS, "cloudtrail", "validate-logs", "--trail-arn", arn, "--start-time", start, "--verbose"]
    done = subprocess.run(command, env=yard.environment(), capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


def _delivered_hours(yard: TestYard) -> str:
    """A trail with three digests of an hour each, a log file in every one."""
    arn = make_trail(yard)
    for hour in range(3):
        act(yard, f"/hour/{hour}")
        pass_time(yard, 60)
    return arn


def test_what_was_delivered_is_valid_across_hours_and_a_restart(yard: TestYard, tmp_path: Path) -> None:
    arn = _delivered_hours(yard)
    yard.close()
    again = TestYard(tmp_path / "data", clock=ManualClock(yard.clock.now()))
    try:
        act(again, "/after")
        pass_time(again, 60)
        _until_now(again)
        code, said = _validate(again, arn)
        assert code == 0, said
        assert "INVALID" not in said
        assert "4/4 digest files valid" in said
        assert set(parameters(delivered(again))) == {"/hour/0", "/hour/1", "/hour/2", "/after"}
        assert said.count("Log file\t") == len(keys(again, "CloudTrail"))
        chain = [content(again, key) for key in keys(again, "CloudTrail-Digest")]
        links = [(one["previousDigestS3Object"], one["digestStartTime"]) for one in chain[1:]]
        assert links == [(one["digestS3Object"], one["digestEndTime"]) for one in chain[:-1]]
    finally:
        again.close()


def _key(yard: TestYard, arn: str, **more: str) -> str:
    """A key with the policy that AWS's user guide gives for a trail."""
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{yard.account}:root"}, "Action": "kms:*"}
    bound = {"StringEquals": {"aws:SourceArn": arn}, "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": arn}}
    write = {"Effect": "Allow", "Principal": CLOUDTRAIL, "Action": "kms:GenerateDataKey*", "Condition": bound}
    statements = [{**one, "Resource": "*"} for one in (root, write)]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return str(yard.call("kms", "CreateKey", {"Policy": policy, **more})["KeyMetadata"]["Arn"])


def test_a_trail_under_a_key_is_valid_too_and_every_object_is_under_it(yard: TestYard) -> None:
    key = _key(yard, trail_arn(yard))
    yard.call("kms", "CreateAlias", {"AliasName": "alias/trail", "TargetKeyId": key})
    arn = make_trail(yard, KmsKeyId="alias/trail")
    assert yard.call("cloudtrail", "GetTrail", {"Name": arn})["Trail"]["KmsKeyId"] == key
    act(yard, "/sealed")
    pass_time(yard, 120)
    _until_now(yard)
    code, said = _validate(yard, arn)
    assert code == 0, said
    s3 = yard.client("s3")
    found = [*keys(yard, "CloudTrail"), *keys(yard, "CloudTrail-Digest")]
    heads = [s3.head_object(Bucket=BUCKET, Key=one) for one in found]
    assert {(head["ServerSideEncryption"], head["SSEKMSKeyId"]) for head in heads} == {("aws:kms", key)}
    assert any("/CloudTrail/" in one for one in found)
    yard.call("kms", "DisableKey", {"KeyId": key})
    with pytest.raises(ClientError, match=r"KMS\.DisabledException"):
        s3.get_object(Bucket=BUCKET, Key=found[0])


def test_a_disabled_key_holds_files_back_and_loses_none(yard: TestYard) -> None:
    key = _key(yard, trail_arn(yard))
    make_trail(yard, KmsKeyId=key)
    yard.call("kms", "DisableKey", {"KeyId": key})
    act(yard, "/meanwhile")
    pass_time(yard, 30)
    assert keys(yard, "CloudTrail") == []
    status = yard.call("cloudtrail", "GetTrailStatus", {"Name": NAME})
    assert status["LatestDeliveryError"] == "KMS.DisabledException"
    yard.call("kms", "EnableKey", {"KeyId": key})
    pass_time(yard, 30)
    assert "/meanwhile" in parameters(delivered(yard))


def test_a_key_that_is_not_for_the_trail_is_refused_by_the_models_own_names(yard: TestYard) -> None:
    open_bucket(yard)
    arn = _key(yard, trail_arn(yard))
    asked = {"Name": NAME, "S3BucketName": BUCKET}

    def refused(key: str, operation: str = "CreateTrail") -> str:
        with pytest.raises(AwsError) as error:
            yard.call("cloudtrail", operation, {**asked, "KmsKeyId": key})
        return error.value.code

    plain = str(yard.call("kms", "CreateKey")["KeyMetadata"]["Arn"])
    sign = _key(yard, trail_arn(yard), KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    for key, code in (
        (plain, "InsufficientEncryptionPolicyException"),
        (_key(yard, trail_arn(yard, "another")), "InsufficientEncryptionPolicyException"),
        (sign, "InvalidKmsKeyIdException"),
    ):
        assert refused(key) == code
    assert yard.call("cloudtrail", "DescribeTrails")["trailList"] == []
    yard.call("cloudtrail", "CreateTrail", asked)
    assert refused(plain, "UpdateTrail") == "InsufficientEncryptionPolicyException"
    assert yard.call("cloudtrail", "UpdateTrail", {**asked, "KmsKeyId": arn})["KmsKeyId"] == arn
    assert "KmsKeyId" not in yard.call("cloudtrail", "UpdateTrail", {**asked, "KmsKeyId": ""})
    yard.call("kms", "DisableKey", {"KeyId": arn})
    assert refused(arn, "UpdateTrail") == "KmsKeyDisabledException"


def _packed(value: object) -> bytes:
    return gzip.compress(json.dumps(value).encode())


def test_a_changed_log_file_is_noticed(yard: TestYard) -> None:
    arn = _delivered_hours(yard)
    key = keys(yard, "CloudTrail")[1]
    forged = content(yard, key)
    forged["Records"].pop()
    yard.call("s3", "PutObject", {"Bucket": BUCKET, "Key": key, "Body": _packed(forged)})
    _until_now(yard)
    code, said = _validate(yard, arn)
    assert code == 1
    assert f"{key}\tINVALID: hash value doesn't match" in said


def test_a_removed_log_file_is_noticed(yard: TestYard) -> None:
    arn = _delivered_hours(yard)
    key = keys(yard, "CloudTrail")[0]
    yard.call("s3", "DeleteObject", {"Bucket": BUCKET, "Key": key})
    _until_now(yard)
    code, said = _validate(yard, arn)
    assert code == 1
    assert f"{key}\tINVALID: not found" in said


def test_a_removed_digest_and_two_exchanged_ones_are_noticed(yard: TestYard) -> None:
    arn = _delivered_hours(yard)
    digests = keys(yard, "CloudTrail-Digest")
    yard.call("s3", "DeleteObject", {"Bucket": BUCKET, "Key": digests[0]})
    source = f"{BUCKET}/{digests[1]}"
    yard.call("s3", "CopyObject", {"Bucket": BUCKET, "Key": digests[2], "CopySource": source})
    _until_now(yard)
    code, said = _validate(yard, arn)
    assert code == 1
    assert f"{digests[2]}\tINVALID: has been moved from its original location" in said
    assert f"{digests[0]}\tINVALID: not found" in said


def test_a_digest_that_no_longer_names_a_file_is_not_believed(yard: TestYard) -> None:
    arn = _delivered_hours(yard)
    key = keys(yard, "CloudTrail-Digest")[1]
    metadata = yard.call("s3", "HeadObject", {"Bucket": BUCKET, "Key": key})["Metadata"]
    forged = {**content(yard, key), "logFiles": []}
    yard.call("s3", "PutObject", {"Bucket": BUCKET, "Key": key, "Body": _packed(forged), "Metadata": metadata})
    _until_now(yard)
    code, said = _validate(yard, arn)
    assert code == 1
    assert f"{key}\tINVALID: signature verification failed" in said
