"""A bucket that lets CloudTrail in, a trail that delivers to it, and what lies in the bucket then."""

from __future__ import annotations

import gzip
import json
from typing import Any

from tests.support.yard import TestYard

BUCKET, NAME = "trail-records", "audit"
CLOUDTRAIL = {"Service": "cloudtrail.amazonaws.com"}


def trail_arn(yard: TestYard, name: str = NAME) -> str:
    """The ARN of a trail at home in the yard's region."""
    return f"arn:aws:cloudtrail:{yard.facts['region']}:{yard.account}:trail/{name}"


def bucket_policy(yard: TestYard, bucket: str = BUCKET, *, name: str = NAME, prefix: str = "") -> str:
    """The policy that AWS's user guide gives, for one trail."""
    source = {"aws:SourceArn": trail_arn(yard, name)}
    acl = {
        "Effect": "Allow",
        "Principal": CLOUDTRAIL,
        "Action": "s3:GetBucketAcl",
        "Resource": f"arn:aws:s3:::{bucket}",
    }
    write = {
        "Effect": "Allow",
        "Principal": CLOUDTRAIL,
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/{prefix}AWSLogs/{yard.account}/*",
        "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", **source}},
    }
    statements = [{**acl, "Condition": {"StringEquals": source}}, write]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def open_bucket(yard: TestYard, bucket: str = BUCKET, **more: str) -> None:
    """Make a bucket that lets a trail in."""
    yard.call("s3", "CreateBucket", {"Bucket": bucket})
    yard.call("s3", "PutBucketPolicy", {"Bucket": bucket, "Policy": bucket_policy(yard, bucket, **more)})


def make_trail(yard: TestYard, **more: Any) -> str:
    """A trail that logs to the bucket, with digests; its ARN."""
    open_bucket(yard)
    made = {"Name": NAME, "S3BucketName": BUCKET, "EnableLogFileValidation": True, **more}
    arn = yard.call("cloudtrail", "CreateTrail", made)["TrailARN"]
    yard.yard.gateway.auditor.flush()  # what was read before is none of the trail's
    yard.call("cloudtrail", "StartLogging", {"Name": NAME})
    yard.settle()
    return str(arn)


def act(yard: TestYard, *names: str) -> None:
    """Something for the trail to tell of: parameters, one call each."""
    for name in names:
        yard.call("ssm", "PutParameter", {"Name": name, "Value": "v", "Type": "String", "Overwrite": True})


def pass_time(yard: TestYard, minutes: int) -> None:
    """Let minutes go by, the engine at work every five."""
    for _ in range(minutes // 5):
        yard.clock.advance(300)
        yard.settle()


def keys(yard: TestYard, part: str, bucket: str = BUCKET) -> list[str]:
    """The keys of the log files (`CloudTrail`) or the digests (`CloudTrail-Digest`), in order."""
    found = yard.call("s3", "ListObjectsV2", {"Bucket": bucket}).get("Contents") or []
    return [one["Key"] for one in found if f"/{part}/" in one["Key"] and one["Key"].endswith(".gz")]


def content(yard: TestYard, key: str, bucket: str = BUCKET) -> Any:
    """An object's JSON."""
    body = yard.call("s3", "GetObject", {"Bucket": bucket, "Key": key})["Body"]
    packed = b"".join(yard.yard.kit.blobs.read(body.blob_id, body.start, body.length, key=body.key))
    return json.loads(gzip.decompress(packed))


def delivered(yard: TestYard, bucket: str = BUCKET) -> list[dict[str, Any]]:
    """Every record in every log file, duplicates and all."""
    return [record for key in keys(yard, "CloudTrail", bucket) for record in content(yard, key, bucket)["Records"]]


def parameters(records: list[dict[str, Any]]) -> list[str]:
    """The names of the parameters that PutParameter's records tell of."""
    return [one["requestParameters"]["name"] for one in records if one["eventName"] == "PutParameter"]
