"""S3 through boto3 against the running server."""

from __future__ import annotations

import hashlib
import io
import json
import os
import urllib.error
import urllib.request
from typing import Any
from uuid import uuid4

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.yard import TestYard


@pytest.fixture
def bucket(module_yard: TestYard) -> str:
    """A fresh bucket's name."""
    name = f"b-{uuid4().hex[:12]}"
    module_yard.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def s3(module_yard: TestYard) -> Any:
    """The administrator's client."""
    return module_yard.client("s3")


def code(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    """An error's code and status."""
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_an_object_goes_round_with_headers_metadata_and_checksums(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a b/ü.txt", Body=b"hello", ContentType="text/plain", Metadata={"who": "ann"})
    got = s3.get_object(Bucket=bucket, Key="a b/ü.txt", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"hello"
    assert (got["ContentType"], got["Metadata"], got["ContentLength"]) == ("text/plain", {"who": "ann"}, 5)
    assert got["ServerSideEncryption"] == "AES256"
    assert got["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert [row["Key"] for row in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["a b/ü.txt"]


def test_an_empty_object_and_an_empty_bucket(s3: Any, bucket: str) -> None:
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert s3.get_object(Bucket=bucket, Key="empty")["Body"].read() == b""
    assert s3.head_object(Bucket=bucket, Key="empty")["ContentLength"] == 0


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_every_checksum_algorithm_is_taken_and_given_back(s3: Any, bucket: str, algorithm: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="c", Body=b"123456789", ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket=bucket, Key="c", ChecksumMode="ENABLED")
    assert put["Checksum" + algorithm] == head["Checksum" + algorithm]
    assert s3.get_object(Bucket=bucket, Key="c", ChecksumMode="ENABLED")["Body"].read() == b"123456789"


def test_a_stream_of_unknown_framing_is_sent_with_a_trailer_over_tls(module_yard: TestYard, bucket: str) -> None:
    client = module_yard.client("s3", tls=True)
    data = os.urandom(300_000)
    client.put_object(Bucket=bucket, Key="t", Body=io.BytesIO(data), ChecksumAlgorithm="SHA256")
    assert client.get_object(Bucket=bucket, Key="t")["Body"].read() == data


def test_ranges_are_partial_answers(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="r", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="r", Range="bytes=2-4")
    assert (got["Body"].read(), got["ContentRange"]) == (b"234", "bytes 2-4/10")
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="r", Range="bytes=50-")
    assert code(error) == ("InvalidRange", 416)


def test_errors_are_s3s_own(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="none")
    assert code(error) == ("NoSuchKey", 404)
    with pytest.raises(ClientError) as error:
        s3.head_object(Bucket=bucket, Key="none")
    assert code(error) == ("404", 404)
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket="never-made-" + uuid4().hex[:8])
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    assert code(error) == ("304", 304)
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=b"y", IfNoneMatch="*")
    assert code(error) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=b"y", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
    assert code(error) == ("BadDigest", 400)


def test_a_large_file_goes_up_and_down_in_parts(s3: Any, bucket: str) -> None:
    data = os.urandom(1024) * 12_000
    config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=4)
    s3.upload_fileobj(io.BytesIO(data), bucket, "big", Config=config)
    head = s3.head_object(Bucket=bucket, Key="big")
    assert head["ETag"].strip('"').endswith("-3")
    back = io.BytesIO()
    s3.download_fileobj(bucket, "big", back, Config=config)
    assert back.getvalue() == data
    copied = {"Bucket": bucket, "Key": "big"}
    s3.copy(copied, bucket, "copy", Config=config)
    assert s3.head_object(Bucket=bucket, Key="copy")["ContentLength"] == len(data)


def test_versions_and_delete_markers(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    one = s3.put_object(Bucket=bucket, Key="v", Body=b"1")["VersionId"]
    s3.put_object(Bucket=bucket, Key="v", Body=b"2")
    assert s3.delete_object(Bucket=bucket, Key="v")["DeleteMarker"] is True
    assert s3.get_object(Bucket=bucket, Key="v", VersionId=one)["Body"].read() == b"1"
    listed = s3.list_object_versions(Bucket=bucket)
    assert (len(listed["Versions"]), len(listed["DeleteMarkers"])) == (2, 1)


def test_a_listing_pages_and_rolls_up(s3: Any, bucket: str) -> None:
    for number in range(5):
        s3.put_object(Bucket=bucket, Key=f"d{number}/x y+z", Body=b"")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
    assert [row["Key"] for page in pages for row in page["Contents"]] == [f"d{n}/x y+z" for n in range(5)]
    rolled = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [row["Prefix"] for row in rolled["CommonPrefixes"]] == [f"d{n}/" for n in range(5)]
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"d{n}/x y+z"} for n in range(5)]})
    assert len(deleted["Deleted"]) == 5


def test_presigned_urls_read_and_write_without_keys(module_yard: TestYard, bucket: str) -> None:
    s3 = module_yard.client("s3", signature_version="s3v4")
    put = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "p"})
    urllib.request.urlopen(urllib.request.Request(put, b"via url", method="PUT")).close()
    get = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "p"})
    with urllib.request.urlopen(get) as answer:
        assert answer.read() == b"via url"
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(get.replace("Signature=", "Signature=0"))
    assert error.value.code == 403


def test_a_public_object_needs_a_policy_and_is_then_read_by_anyone(module_yard: TestYard, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="open/a", Body=b"free")
    url = f"{module_yard.endpoint}/{bucket}/open/a"
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(url)
    assert error.value.code == 403
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/open/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    with pytest.raises(ClientError) as refused:
        s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert code(refused) == ("AccessDenied", 403)
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"free"


def test_a_user_gets_only_the_prefix_that_the_policy_names(module_yard: TestYard, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="mine/a", Body=b"1")
    s3.put_object(Bucket=bucket, Key="theirs/a", Body=b"2")
    statements = [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/mine/*"},
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": f"arn:aws:s3:::{bucket}",
            "Condition": {"StringLike": {"s3:prefix": "mine/*"}},
        },
    ]
    user = module_yard.client("s3", keys=module_yard.user(f"u{uuid4().hex[:8]}", statements))
    assert user.get_object(Bucket=bucket, Key="mine/a")["Body"].read() == b"1"
    assert user.list_objects_v2(Bucket=bucket, Prefix="mine/")["KeyCount"] == 1
    for refused in (
        lambda: user.get_object(Bucket=bucket, Key="theirs/a"),
        lambda: user.put_object(Bucket=bucket, Key="mine/a", Body=b"3"),
        lambda: user.list_objects_v2(Bucket=bucket),
        lambda: user.copy_object(Bucket=bucket, Key="mine/b", CopySource=f"{bucket}/theirs/a"),
    ):
        with pytest.raises(ClientError) as error:
            refused()
        assert code(error) == ("AccessDenied", 403)


def test_each_key_of_a_deletion_is_judged_for_itself(module_yard: TestYard, s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    versions = {key: s3.put_object(Bucket=bucket, Key=key, Body=b"1")["VersionId"] for key in ("mine/a", "theirs/a")}
    statements = [
        {"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::{bucket}/mine/*"},
        {"Effect": "Allow", "Action": "s3:DeleteObjectVersion", "Resource": f"arn:aws:s3:::{bucket}/theirs/*"},
    ]
    user = module_yard.client("s3", keys=module_yard.user(f"u{uuid4().hex[:8]}", statements))
    named = [{"Key": key} for key in versions] + [{"Key": k, "VersionId": v} for k, v in versions.items()]

    answer = user.delete_objects(Bucket=bucket, Delete={"Objects": named})
    assert [(one["Key"], one.get("VersionId")) for one in answer["Deleted"]] == [
        ("mine/a", None),
        ("theirs/a", versions["theirs/a"]),
    ]
    assert [(one["Key"], one.get("VersionId"), one["Code"]) for one in answer["Errors"]] == [
        ("theirs/a", None, "AccessDenied"),
        ("mine/a", versions["mine/a"], "AccessDenied"),
    ]
    left = s3.list_object_versions(Bucket=bucket)
    assert [(one["Key"], one["VersionId"]) for one in left["Versions"]] == [("mine/a", versions["mine/a"])]
    assert [one["Key"] for one in left["DeleteMarkers"]] == ["mine/a"]


def test_who_may_delete_nothing_is_refused_key_by_key_and_learns_of_no_bucket(
    module_yard: TestYard, s3: Any, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    stranger = module_yard.client("s3", keys=module_yard.user(f"u{uuid4().hex[:8]}"))
    for name in (bucket, f"{bucket}-none"):
        answer = stranger.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "k"}], "Quiet": True})
        assert [(one["Key"], one["Code"]) for one in answer["Errors"]] == [("k", "AccessDenied")]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    form = b"<Delete><Object><Key>k</Key></Object></Delete>"
    unsigned = urllib.request.Request(f"{module_yard.endpoint}/{bucket}?delete", data=form, method="POST")
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(unsigned)
    assert error.value.code == 403


def test_only_who_may_list_a_bucket_learns_that_a_key_is_missing(module_yard: TestYard, s3: Any, bucket: str) -> None:
    everything = {"Effect": "Allow", "Action": ["s3:*Object*"], "Resource": f"arn:aws:s3:::{bucket}/*"}
    listing = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"}
    blind = module_yard.client("s3", keys=module_yard.user(f"u{uuid4().hex[:8]}", [everything]))
    seeing = module_yard.client("s3", keys=module_yard.user(f"u{uuid4().hex[:8]}", [everything, listing]))
    asked = {"Bucket": bucket, "Key": "none"}
    for call, told, missing in (
        ("get_object", {}, "NoSuchKey"),
        ("head_object", {}, "404"),
        ("get_object_tagging", {}, "NoSuchKey"),
        ("get_object_attributes", {"ObjectAttributes": ["ETag"]}, "NoSuchKey"),
        ("copy_object", {"Key": "copy", "CopySource": f"{bucket}/none"}, "NoSuchKey"),
    ):
        with pytest.raises(ClientError) as error:
            getattr(blind, call)(**asked | told)
        assert code(error) == ("403" if call == "head_object" else "AccessDenied", 403)
        with pytest.raises(ClientError) as error:
            getattr(seeing, call)(**asked | told)
        assert code(error) == (missing, 404)


def test_virtual_host_style_reaches_the_same_bucket(module_yard: TestYard, s3: Any, bucket: str) -> None:
    port = module_yard.endpoint.rpartition(":")[2]
    s3.put_object(Bucket=bucket, Key="v", Body=b"virtual")
    client = boto3.client(
        "s3",
        endpoint_url=f"http://localhost:{port}",
        region_name="us-east-1",
        aws_access_key_id=module_yard.facts["access_key_id"],
        aws_secret_access_key=module_yard.facts["secret_access_key"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}, retries={"max_attempts": 0}),
    )
    url = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "v"})
    host = f"{bucket}.localhost:{port}"
    assert url.startswith(f"http://{host}/v?")
    request = urllib.request.Request(url.replace(host, f"127.0.0.1:{port}"), headers={"Host": host})
    with urllib.request.urlopen(request) as answer:
        assert answer.read() == b"virtual"


def test_what_is_not_built_says_so(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=b"", ServerSideEncryption="aws:kms:dsse")
    assert code(error) == ("NotImplemented", 501)
    with pytest.raises(ClientError) as error:
        s3.get_bucket_website(Bucket=bucket)
    assert code(error) == ("NotImplemented", 501)
