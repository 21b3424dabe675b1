"""Objects: put, get, ranges, conditions, checksums, versions, deletes, events."""

from __future__ import annotations

import base64
import hashlib
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from codeyard.contract import AwsError, Staged
from tests.unit.platform.s3.bench import Store


def fails(code: str, status: int) -> Any:
    """A context that wants this AwsError."""

    class Wanted:
        def __enter__(self) -> None:
            self.raises = pytest.raises(AwsError)
            self.caught = self.raises.__enter__()

        def __exit__(self, *details: Any) -> bool:
            swallowed = bool(self.raises.__exit__(*details))
            assert (self.caught.value.code, self.caught.value.status) == (code, status)
            return swallowed

    return Wanted()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def test_an_object_comes_back_with_its_bytes_headers_and_metadata(s3: Store) -> None:
    s3.bucket()
    put = s3.put("a/b", b"hello", ContentType="text/plain", CacheControl="no-cache", Metadata={"Who": "ann"})
    assert put["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert put["ServerSideEncryption"] == "AES256"
    got = s3.call("GetObject", Bucket="bucket", Key="a/b")
    assert s3.bytes(got["Body"]) == b"hello"
    assert (got["ContentType"], got["CacheControl"], got["Metadata"]) == ("text/plain", "no-cache", {"who": "ann"})
    assert (got["ContentLength"], got["AcceptRanges"]) == (5, "bytes")
    assert "VersionId" not in got
    assert "Body" not in s3.call("HeadObject", Bucket="bucket", Key="a/b")


def test_a_staged_body_is_adopted_without_being_copied(s3: Store) -> None:
    s3.bucket()
    staged = s3.blobs.put([b"x" * 100_000], digests=("crc64nvme",))
    s3.put("a", staged)
    assert s3.call("GetObject", Bucket="bucket", Key="a")["Body"].blob_id == staged.blob_id
    assert s3.blobs.sweep(-1_000_000_000) == 0


def test_replacing_and_deleting_an_object_lets_go_of_its_bytes(s3: Store) -> None:
    s3.bucket()
    s3.put("a", b"one")
    s3.put("a", b"two")
    assert s3.body("a") == b"two"
    s3.call("DeleteObject", Bucket="bucket", Key="a")
    s3.clock.advance(1)
    assert s3.blobs.sweep(-86_400_000_000 * 30_000) == 2
    with fails("NoSuchKey", 404):
        s3.body("a")


@pytest.mark.parametrize(
    ("header", "want"),
    [
        ("bytes=0-3", b"0123"),
        ("bytes=4-", b"456789"),
        ("bytes=-3", b"789"),
        ("bytes=8-100", b"89"),
        ("bytes=-100", b"0123456789"),
        ("bytes=3-1", b"0123456789"),
        ("bytes=0-1,4-5", b"0123456789"),
        ("lines=0-1", b"0123456789"),
    ],
)
def test_a_range_gives_its_bytes_and_a_malformed_one_gives_everything(s3: Store, header: str, want: bytes) -> None:
    s3.bucket()
    s3.put("a", b"0123456789")
    assert s3.body("a", Range=header) == want


def test_a_range_says_where_it_is_and_one_behind_the_end_is_refused(s3: Store) -> None:
    s3.bucket()
    s3.put("a", b"0123456789")
    assert s3.call("GetObject", Bucket="bucket", Key="a", Range="bytes=2-4")["ContentRange"] == "bytes 2-4/10"
    for header in ("bytes=10-", "bytes=-0"):
        with fails("InvalidRange", 416):
            s3.call("GetObject", Bucket="bucket", Key="a", Range=header)


def test_reads_keep_to_their_conditions(s3: Store) -> None:
    s3.bucket()
    etag = s3.put("a")["ETag"]
    when = s3.call("HeadObject", Bucket="bucket", Key="a")["LastModified"]
    early, late = when - timedelta(hours=1), when + timedelta(hours=1)
    for good in (
        {"IfMatch": etag},
        {"IfMatch": "*"},
        {"IfNoneMatch": '"other"'},
        {"IfModifiedSince": early},
        {"IfUnmodifiedSince": late},
        {"IfMatch": etag, "IfUnmodifiedSince": early},
        {"IfNoneMatch": '"other"', "IfModifiedSince": late},
    ):
        s3.call("HeadObject", Bucket="bucket", Key="a", **good)
    for bad in ({"IfMatch": '"other"'}, {"IfUnmodifiedSince": early}):
        with fails("PreconditionFailed", 412):
            s3.call("GetObject", Bucket="bucket", Key="a", **bad)
    for same in ({"IfNoneMatch": etag}, {"IfModifiedSince": when}, {"IfNoneMatch": f'"x", {etag}'}):
        with fails("NotModified", 304):
            s3.call("GetObject", Bucket="bucket", Key="a", **same)


def test_writes_keep_to_their_conditions_and_leave_no_bytes_behind(s3: Store) -> None:
    s3.bucket()
    with fails("NoSuchKey", 404):
        s3.put("a", IfMatch='"x"')
    etag = s3.put("a", IfNoneMatch="*")["ETag"]
    for bad in ({"IfNoneMatch": "*"}, {"IfMatch": '"other"'}):
        with fails("PreconditionFailed", 412):
            s3.put("a", b"new", **bad)
    with fails("NotImplemented", 501):
        s3.put("a", b"new", IfNoneMatch='"etag"')
    s3.put("a", b"new", IfMatch=etag)
    assert s3.body("a") == b"new"
    files = [path for path in (s3.kit.data_dir / "blobs").glob("*/*") if path.is_file()]
    assert len(files) == 2, "the first and the second, not the refused ones"


ALGORITHMS = {
    "ChecksumCRC32": b64(zlib.crc32(b"123456789").to_bytes(4, "big")),
    "ChecksumCRC32C": b64(bytes.fromhex("e3069283")),
    "ChecksumCRC64NVME": b64(bytes.fromhex("ae8b14860a799888")),
    "ChecksumSHA1": b64(hashlib.sha1(b"123456789").digest()),
    "ChecksumSHA256": b64(hashlib.sha256(b"123456789").digest()),
}


@pytest.mark.parametrize("member", ALGORITHMS)
def test_a_checksum_is_verified_kept_and_shown_when_asked_for(s3: Store, member: str) -> None:
    s3.bucket()
    answer = s3.put("a", b"123456789", **{member: ALGORITHMS[member]})
    assert (answer[member], answer["ChecksumType"]) == (ALGORITHMS[member], "FULL_OBJECT")
    assert member not in s3.call("GetObject", Bucket="bucket", Key="a")
    shown = s3.call("GetObject", Bucket="bucket", Key="a", ChecksumMode="ENABLED")
    assert shown[member] == ALGORITHMS[member]
    with fails("BadDigest", 400):
        s3.put("b", b"something else", **{member: ALGORITHMS[member]})
    with fails("InvalidRequest", 400):
        s3.put("b", b"123456789", **{member: "!"})


def test_a_checksum_in_the_trailer_counts_as_one_in_the_header(s3: Store) -> None:
    s3.bucket()
    staged = s3.blobs.put([b"123456789"])
    good = {"x-amz-checksum-crc32": ALGORITHMS["ChecksumCRC32"]}
    answer = s3.put("a", Staged(staged.blob_id, staged.size, staged.digests, good))
    assert answer["ChecksumCRC32"] == ALGORITHMS["ChecksumCRC32"]
    staged = s3.blobs.put([b"123456780"])
    with fails("BadDigest", 400):
        s3.put("b", Staged(staged.blob_id, staged.size, staged.digests, good))


def test_an_object_without_a_checksum_gets_crc64nvme(s3: Store) -> None:
    s3.bucket()
    assert s3.put("a", b"123456789")["ChecksumCRC64NVME"] == ALGORITHMS["ChecksumCRC64NVME"]


def test_content_md5_is_verified(s3: Store) -> None:
    s3.bucket()
    s3.put("a", b"abc", ContentMD5=b64(hashlib.md5(b"abc").digest()))
    with fails("BadDigest", 400):
        s3.put("a", b"abd", ContentMD5=b64(hashlib.md5(b"abc").digest()))
    with fails("InvalidDigest", 400):
        s3.put("a", b"abc", ContentMD5="nonsense")


@pytest.mark.parametrize(
    "params",
    [
        {"ServerSideEncryption": "aws:kms:dsse"},
        {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k"},
        {"StorageClass": "DEEP_ARCHIVE"},
        {"ObjectLockMode": "GOVERNANCE"},
        {"ChecksumAlgorithm": "XXHASH3"},
    ],
)
def test_what_is_not_built_answers_501_and_stores_nothing(s3: Store, params: dict[str, Any]) -> None:
    s3.bucket()
    with fails("NotImplemented", 501):
        s3.put("a", **params)
    assert s3.call("ListObjectsV2", Bucket="bucket")["KeyCount"] == 0


def test_keys_and_metadata_have_their_limits(s3: Store) -> None:
    s3.bucket()
    s3.put("k" * 1024)
    with fails("KeyTooLongError", 400):
        s3.put("ä" * 513)
    with fails("MetadataTooLarge", 400):
        s3.put("a", Metadata={"x": "y" * 2048})


def test_versions_are_kept_read_listed_and_restored(s3: Store) -> None:
    s3.bucket(versioned=True)
    one, two = s3.put("a", b"one")["VersionId"], s3.put("a", b"two")["VersionId"]
    assert s3.body("a") == b"two"
    assert s3.body("a", VersionId=one) == b"one"
    marker = s3.call("DeleteObject", Bucket="bucket", Key="a")
    assert marker["DeleteMarker"] is True
    with fails("NoSuchKey", 404):
        s3.body("a")
    with fails("MethodNotAllowed", 405):
        s3.body("a", VersionId=marker["VersionId"])
    with fails("NoSuchVersion", 404):
        s3.body("a", VersionId="nope")
    assert s3.call("ListObjectsV2", Bucket="bucket")["KeyCount"] == 0
    listed = s3.call("ListObjectVersions", Bucket="bucket")
    assert [row["VersionId"] for row in listed["Versions"]] == [two, one]
    assert [(row["VersionId"], row["IsLatest"]) for row in listed["DeleteMarkers"]] == [(marker["VersionId"], True)]
    undone = s3.call("DeleteObject", Bucket="bucket", Key="a", VersionId=marker["VersionId"])
    assert undone == {"DeleteMarker": True, "VersionId": marker["VersionId"]}
    assert s3.body("a") == b"two"
    s3.call("DeleteObject", Bucket="bucket", Key="a", VersionId=two)
    assert s3.body("a") == b"one"


def test_a_suspended_bucket_replaces_only_its_null_version(s3: Store) -> None:
    s3.bucket()
    s3.put("a", b"before")
    s3.call("PutBucketVersioning", Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    kept = s3.put("a", b"kept")["VersionId"]
    assert s3.body("a", VersionId="null") == b"before"
    s3.call("PutBucketVersioning", Bucket="bucket", VersioningConfiguration={"Status": "Suspended"})
    assert s3.put("a", b"after")["VersionId"] == "null"
    assert s3.body("a", VersionId="null") == b"after"
    assert s3.body("a", VersionId=kept) == b"kept"
    s3.call("DeleteObject", Bucket="bucket", Key="a")
    listed = s3.call("ListObjectVersions", Bucket="bucket")
    assert [row["VersionId"] for row in listed["Versions"]] == [kept]
    assert [row["VersionId"] for row in listed["DeleteMarkers"]] == ["null"]


def test_many_objects_are_deleted_in_one_call(s3: Store) -> None:
    s3.bucket()
    for key in "abc":
        s3.put(key)
    wanted = [{"Key": "a"}, {"Key": "never"}, {"Key": "b", "ETag": '"wrong"'}]
    answer = s3.call("DeleteObjects", Bucket="bucket", Delete={"Objects": wanted})
    assert answer["Deleted"] == [{"Key": "a"}, {"Key": "never"}]
    assert [(one["Key"], one["Code"]) for one in answer["Errors"]] == [("b", "PreconditionFailed")]
    quiet = s3.call("DeleteObjects", Bucket="bucket", Delete={"Objects": [{"Key": "c"}], "Quiet": True})
    assert quiet == {}
    with fails("MalformedXML", 400):
        s3.call("DeleteObjects", Bucket="bucket", Delete={"Objects": [{"Key": "k"}] * 1001})


def test_tags_are_put_counted_and_taken_away(s3: Store) -> None:
    s3.bucket()
    s3.put("a", Tagging="team=yard&env=")
    assert s3.call("HeadObject", Bucket="bucket", Key="a")["TagCount"] == 2
    tags = s3.call("GetObjectTagging", Bucket="bucket", Key="a")["TagSet"]
    assert tags == [{"Key": "env", "Value": ""}, {"Key": "team", "Value": "yard"}]
    s3.call("PutObjectTagging", Bucket="bucket", Key="a", Tagging={"TagSet": [{"Key": "x", "Value": "y"}]})
    s3.call("DeleteObjectTagging", Bucket="bucket", Key="a")
    assert s3.call("GetObjectTagging", Bucket="bucket", Key="a")["TagSet"] == []
    for bad in (
        [{"Key": "aws:x", "Value": ""}],
        [{"Key": "x", "Value": "1"}] * 2,
        [{"Key": f"k{n}"} for n in range(11)],
    ):
        with fails("InvalidTag", 400):
            s3.call("PutObjectTagging", Bucket="bucket", Key="a", Tagging={"TagSet": bad})


def test_response_headers_can_be_overridden(s3: Store) -> None:
    s3.bucket()
    s3.put("a", Expires=datetime(2030, 1, 1, tzinfo=UTC))
    got = s3.call("GetObject", Bucket="bucket", Key="a", ResponseContentType="x/y", ResponseCacheControl="c")
    assert (got["ContentType"], got["CacheControl"]) == ("x/y", "c")
    assert got["Expires"] == datetime(2030, 1, 1, tzinfo=UTC)


def test_aws_chunked_is_not_kept_as_an_encoding(s3: Store) -> None:
    s3.bucket()
    s3.put("a", ContentEncoding="aws-chunked")
    s3.put("b", ContentEncoding="gzip,aws-chunked")
    assert "ContentEncoding" not in s3.call("HeadObject", Bucket="bucket", Key="a")
    assert s3.call("HeadObject", Bucket="bucket", Key="b")["ContentEncoding"] == "gzip"


def test_creating_an_object_tells_eventbridge_exactly_what_aws_documents(s3: Store) -> None:
    s3.bucket(events=True, versioned=True)
    put = s3.put("src/app.zip", b"12345")
    (event,) = s3.events()
    assert (event.source, event.detail_type) == ("aws.s3", "Object Created")
    assert event.resources == ("arn:aws:s3:::bucket",)
    thing = dict(event.detail["object"])
    assert len(thing.pop("sequencer")) == 18
    assert thing == {
        "key": "src/app.zip",
        "size": 5,
        "etag": put["ETag"].strip('"'),
        "version-id": put["VersionId"],
    }
    assert {key: value for key, value in event.detail.items() if key != "object"} == {
        "version": "0",
        "bucket": {"name": "bucket"},
        "request-id": "REQUEST",
        "requester": "123456789012",
        "source-ip-address": "127.0.0.1",
        "reason": "PutObject",
    }


def test_deleting_tells_whether_a_marker_was_made_or_the_object_is_gone(s3: Store) -> None:
    s3.bucket(events=True, versioned=True)
    version = s3.put("a")["VersionId"]
    s3.call("DeleteObject", Bucket="bucket", Key="a")
    s3.call("DeleteObject", Bucket="bucket", Key="a", VersionId=version)
    kinds = [(event.detail_type, event.detail.get("deletion-type")) for event in s3.events()]
    assert kinds == [
        ("Object Created", None),
        ("Object Deleted", "Delete Marker Created"),
        ("Object Deleted", "Permanently Deleted"),
    ]


def test_a_bucket_without_the_setting_sends_no_events(s3: Store) -> None:
    s3.bucket()
    s3.put("a")
    assert s3.events() == []


def test_a_copy_shares_bytes_keeps_headers_and_can_replace_them(s3: Store) -> None:
    s3.bucket(events=True)
    s3.put("a", b"data", Metadata={"k": "v"}, Tagging="t=1")
    copied = s3.call("CopyObject", Bucket="bucket", Key="b", CopySource="bucket/a")
    assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(b"data").hexdigest()}"'
    got = s3.call("GetObject", Bucket="bucket", Key="b")
    assert (s3.bytes(got["Body"]), got["Metadata"], got["TagCount"]) == (b"data", {"k": "v"}, 1)
    s3.call("DeleteObject", Bucket="bucket", Key="a")
    s3.clock.advance(1)
    s3.blobs.sweep(-86_400_000_000 * 30_000)
    assert s3.body("b") == b"data"
    s3.call(
        "CopyObject", Bucket="bucket", Key="b", CopySource="/bucket/b", MetadataDirective="REPLACE", ContentType="x/y"
    )
    assert s3.call("HeadObject", Bucket="bucket", Key="b")["ContentType"] == "x/y"
    assert [event.detail["reason"] for event in s3.events()] == [
        "PutObject",
        "CopyObject",
        "DeleteObject",
        "CopyObject",
    ]


def test_a_copy_between_accounts_has_bytes_of_its_own(s3: Store) -> None:
    s3.bucket()
    s3.call("CreateBucket", Bucket="theirs", _account="210987654321")
    s3.put("a", b"data")
    s3.call("CopyObject", Bucket="theirs", Key="a", CopySource="bucket/a")
    ours = s3.call("GetObject", Bucket="bucket", Key="a")["Body"].blob_id
    theirs = s3.call("GetObject", Bucket="theirs", Key="a")["Body"].blob_id
    assert ours != theirs
    assert s3.body("a", "theirs") == b"data"


def test_a_copy_is_refused_when_it_changes_nothing_or_its_conditions_fail(s3: Store) -> None:
    s3.bucket()
    s3.put("a")
    with fails("InvalidRequest", 400):
        s3.call("CopyObject", Bucket="bucket", Key="a", CopySource="bucket/a")
    with fails("PreconditionFailed", 412):
        s3.call("CopyObject", Bucket="bucket", Key="b", CopySource="bucket/a", CopySourceIfMatch='"x"')
    with fails("InvalidArgument", 400):
        s3.call("CopyObject", Bucket="bucket", Key="b", CopySource="bucket")
    with fails("NoSuchKey", 404):
        s3.call("CopyObject", Bucket="bucket", Key="b", CopySource="bucket/none")


def test_object_attributes_are_those_asked_for(s3: Store) -> None:
    s3.bucket()
    s3.put("a", b"data")
    asked = ["ETag", "ObjectSize", "StorageClass", "Checksum", "ObjectParts"]
    got = s3.call("GetObjectAttributes", Bucket="bucket", Key="a", ObjectAttributes=asked)
    assert (got["ObjectSize"], got["StorageClass"]) == (4, "STANDARD")
    assert "ObjectParts" not in got
    assert "ETag" not in s3.call("GetObjectAttributes", Bucket="bucket", Key="a", ObjectAttributes=["ObjectSize"])


@pytest.mark.parametrize("text", ["nul\0", "half\ud800"])
def test_text_that_no_row_can_hold_is_a_bad_argument_everywhere(s3: Store, text: str) -> None:
    s3.bucket()
    with fails("InvalidArgument", 400):
        s3.put(text)
    for operation, params in (
        ("GetObject", {"Key": text}),
        ("GetObject", {"Key": "a", "VersionId": text}),
        ("ListObjectsV2", {"Prefix": text}),
        ("CopyObject", {"Key": "a", "CopySource": "bucket/" + text}),
        ("ListParts", {"Key": "a", "UploadId": text}),
    ):
        with fails("InvalidArgument", 400):
            s3.call(operation, Bucket="bucket", **params)
    assert s3.checks("GetObject", Bucket=text, Key=text)
