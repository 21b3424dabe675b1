"""Multipart uploads."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any

import pytest

from codeyard.storage.digests import new
from tests.unit.platform.s3.bench import Store
from tests.unit.platform.s3.test_objects import fails

MIN = 5 * 1024 * 1024


def begin(s3: Store, key: str = "big", **more: Any) -> str:
    return str(s3.call("CreateMultipartUpload", Bucket="bucket", Key=key, **more)["UploadId"])


def part(s3: Store, upload: str, number: int, body: bytes, key: str = "big", **more: Any) -> dict[str, Any]:
    params = {"Bucket": "bucket", "Key": key, "UploadId": upload, "PartNumber": number, "Body": body}
    answer = s3.call("UploadPart", params, **more)
    return {"PartNumber": number, "ETag": answer["ETag"]}


def complete(s3: Store, upload: str, parts: list[dict[str, Any]], key: str = "big", **more: Any) -> dict[str, Any]:
    params = {"Bucket": "bucket", "Key": key, "UploadId": upload, "MultipartUpload": {"Parts": parts}}
    return s3.call("CompleteMultipartUpload", params, **more)


def test_the_parts_become_one_object_with_a_multipart_etag(s3: Store) -> None:
    s3.bucket(events=True)
    upload = begin(s3, ContentType="x/y", Metadata={"k": "v"})
    one, two = b"a" * MIN, b"tail"
    parts = [part(s3, upload, 1, one), part(s3, upload, 7, two)]
    done = complete(s3, upload, parts)
    digest = hashlib.md5(hashlib.md5(one).digest() + hashlib.md5(two).digest()).hexdigest()
    assert done["ETag"] == f'"{digest}-2"'
    crc = new("crc64nvme")
    crc.update(one + two)
    assert done["ChecksumCRC64NVME"] == base64.b64encode(crc.digest()).decode()
    assert s3.body("big") == one + two
    head = s3.call("HeadObject", Bucket="bucket", Key="big", PartNumber=2)
    assert (head["ContentLength"], head["PartsCount"], head["ContentType"]) == (4, 2, "x/y")
    assert s3.body("big", PartNumber=2) == two
    assert [event.detail["reason"] for event in s3.events()] == ["CompleteMultipartUpload"]
    with fails("NoSuchUpload", 404):
        complete(s3, upload, parts)


def test_completing_checks_the_list_of_parts(s3: Store) -> None:
    s3.bucket()
    upload = begin(s3)
    one, two = part(s3, upload, 1, b"small"), part(s3, upload, 2, b"tail")
    with fails("EntityTooSmall", 400):
        complete(s3, upload, [one, two])
    with fails("InvalidPartOrder", 400):
        complete(s3, upload, [two, one])
    with fails("InvalidPart", 400):
        complete(s3, upload, [{**one, "ETag": '"wrong"'}])
    with fails("InvalidPart", 400):
        complete(s3, upload, [{"PartNumber": 3, "ETag": one["ETag"]}])
    with fails("MalformedXML", 400):
        complete(s3, upload, [])
    with fails("InvalidRequest", 400):
        complete(s3, upload, [one], MpuObjectSize=1)
    complete(s3, upload, [two])
    assert s3.body("big") == b"tail"


def test_a_part_sent_again_replaces_the_first_and_unused_parts_are_let_go(s3: Store) -> None:
    s3.bucket()
    upload = begin(s3)
    part(s3, upload, 1, b"old")
    kept = part(s3, upload, 1, b"new")
    part(s3, upload, 2, b"unused")
    complete(s3, upload, [kept])
    assert s3.body("big") == b"new"
    s3.clock.advance(1)
    assert s3.blobs.sweep(-86_400_000_000 * 30_000) == 2


def test_an_aborted_upload_is_gone_with_its_parts(s3: Store) -> None:
    s3.bucket()
    upload = begin(s3)
    part(s3, upload, 1, b"x")
    s3.call("AbortMultipartUpload", Bucket="bucket", Key="big", UploadId=upload)
    with fails("NoSuchUpload", 404):
        part(s3, upload, 2, b"y")
    with fails("NoSuchUpload", 404):
        s3.call("AbortMultipartUpload", Bucket="bucket", Key="big", UploadId=upload)


def test_a_composite_checksum_is_over_the_parts_checksums(s3: Store) -> None:
    s3.bucket()
    upload = begin(s3, ChecksumAlgorithm="CRC32")
    bodies = [b"a" * MIN, b"b"]
    raws = [zlib.crc32(body).to_bytes(4, "big") for body in bodies]
    parts = [part(s3, upload, n + 1, body, ChecksumAlgorithm="CRC32") for n, body in enumerate(bodies)]
    want = base64.b64encode(zlib.crc32(b"".join(raws)).to_bytes(4, "big")).decode() + "-2"
    done = complete(s3, upload, parts, ChecksumCRC32=want)
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (want, "COMPOSITE")


def test_a_wrong_checksum_of_the_whole_is_refused(s3: Store) -> None:
    s3.bucket()
    upload = begin(s3, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    parts = [part(s3, upload, 1, b"data", ChecksumAlgorithm="CRC32")]
    with fails("BadDigest", 400):
        complete(s3, upload, parts, ChecksumCRC32="AAAAAA==")
    good = base64.b64encode(zlib.crc32(b"data").to_bytes(4, "big")).decode()
    assert complete(s3, upload, parts, ChecksumCRC32=good)["ChecksumType"] == "FULL_OBJECT"


@pytest.mark.parametrize(("algorithm", "kind"), [("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")])
def test_a_pair_of_algorithm_and_type_that_s3_does_not_have_is_refused(s3: Store, algorithm: str, kind: str) -> None:
    s3.bucket()
    with fails("InvalidRequest", 400):
        begin(s3, ChecksumAlgorithm=algorithm, ChecksumType=kind)


def test_a_part_can_be_copied_from_a_range_of_an_object(s3: Store) -> None:
    s3.bucket()
    s3.put("source", b"0123456789")
    upload = begin(s3)
    params = {"Bucket": "bucket", "Key": "big", "UploadId": upload, "PartNumber": 1, "CopySource": "bucket/source"}
    copied = s3.call("UploadPartCopy", params, CopySourceRange="bytes=2-5")
    complete(s3, upload, [{"PartNumber": 1, "ETag": copied["CopyPartResult"]["ETag"]}])
    assert s3.body("big") == b"2345"
    upload = begin(s3)
    for bad in ("bytes=5-20", "bytes=-3", "x"):
        with fails("InvalidArgument", 400):
            s3.call("UploadPartCopy", {**params, "UploadId": upload}, CopySourceRange=bad)


def test_parts_and_uploads_are_listed_page_by_page(s3: Store) -> None:
    s3.bucket()
    uploads = [begin(s3, key) for key in ("a", "a", "b/1", "b/2", "c")]
    for number in (1, 2, 3):
        part(s3, uploads[-1], number, b"x", "c")
    params = {"Bucket": "bucket", "Key": "c", "UploadId": uploads[-1]}
    page = s3.call("ListParts", params, MaxParts=2)
    assert ([one["PartNumber"] for one in page["Parts"]], page["IsTruncated"]) == ([1, 2], True)
    rest = s3.call("ListParts", params, PartNumberMarker=page["NextPartNumberMarker"])
    assert ([one["PartNumber"] for one in rest["Parts"]], rest["IsTruncated"]) == ([3], False)
    found, marker = [], {}
    for _ in range(10):
        page = s3.call("ListMultipartUploads", Bucket="bucket", MaxUploads=1, **marker)
        found += [one["UploadId"] for one in page["Uploads"]]
        if not page["IsTruncated"]:
            break
        marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert sorted(found) == sorted(uploads)
    rolled = s3.call("ListMultipartUploads", Bucket="bucket", Delimiter="/")
    assert [one["Key"] for one in rolled["Uploads"]] == ["a", "a", "c"]
    assert rolled["CommonPrefixes"] == [{"Prefix": "b/"}]
