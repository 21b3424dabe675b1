"""Objects under KMS keys, with boto3: locked by the key that they name, or that their bucket names."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from codeyard.storage.frames import BlobDamagedError
from tests.support.yard import TestYard

PLAIN = b"a known plaintext that must be nowhere" * 50
OBJECTS = "bucket-of-locked-objects"


@pytest.fixture(scope="module")
def s3(module_yard: TestYard) -> Any:
    client = module_yard.client("s3")
    client.create_bucket(Bucket=OBJECTS)
    return client


@pytest.fixture
def key(module_yard: TestYard) -> str:
    return str(module_yard.client("kms").create_key()["KeyMetadata"]["Arn"])


def error(call: Any, **params: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def body(s3: Any, **params: Any) -> bytes:
    found: bytes = s3.get_object(**{"Bucket": OBJECTS, **params})["Body"].read()
    return found


def by(key: str, **more: Any) -> dict[str, Any]:
    return {"Bucket": OBJECTS, "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, **more}


def told(answer: dict[str, Any]) -> tuple[Any, Any]:
    return answer.get("ServerSideEncryption"), answer.get("SSEKMSKeyId")


def test_an_object_comes_back_whole_and_in_ranges_and_tells_its_key(s3: Any, key: str) -> None:
    assert told(s3.put_object(**by(key, Key="one", Body=PLAIN))) == ("aws:kms", key)
    assert body(s3, Key="one") == PLAIN
    assert body(s3, Key="one", Range="bytes=2-5") == PLAIN[2:6]
    head = s3.head_object(Bucket=OBJECTS, Key="one")
    assert told(head) == ("aws:kms", key)
    assert head["Metadata"] == {}


def test_a_disabled_key_locks_its_objects_until_it_is_enabled(module_yard: TestYard, s3: Any, key: str) -> None:
    kms = module_yard.client("kms")
    s3.put_object(**by(key, Key="locked", Body=PLAIN))
    kms.disable_key(KeyId=key)
    asked = {"Bucket": OBJECTS, "Key": "locked"}
    assert error(s3.get_object, **asked) == ("KMS.DisabledException", 400)
    assert error(s3.put_object, **by(key, Key="new", Body=b"x")) == ("KMS.DisabledException", 400)
    assert error(s3.copy_object, Bucket=OBJECTS, Key="copy", CopySource=asked) == ("KMS.DisabledException", 400)
    assert s3.head_object(**asked)["ContentLength"] == len(PLAIN)
    kms.enable_key(KeyId=key)
    assert body(s3, Key="locked") == PLAIN


def test_a_reader_needs_the_key_as_well_as_the_object(module_yard: TestYard, s3: Any, key: str) -> None:
    s3.put_object(**by(key, Key="guarded", Body=PLAIN))
    objects = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    context = {"StringEquals": {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{OBJECTS}/guarded"}}
    decrypt = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key, "Condition": context}
    without = module_yard.client("s3", keys=module_yard.user("reader-without-key", [objects]))
    with_key = module_yard.client("s3", keys=module_yard.user("reader-with-key", [objects, decrypt]))
    assert error(without.get_object, Bucket=OBJECTS, Key="guarded") == ("AccessDenied", 403)
    assert body(with_key, Key="guarded") == PLAIN
    assert error(with_key.put_object, **by(key, Key="guarded", Body=b"x")) == ("AccessDenied", 403)
    assert error(without.put_object, **by("alias/no-such-key", Key="x", Body=b"x"))[0] in ("AccessDenied",)
    assert (
        told(without.put_object(Bucket=OBJECTS, Key="own", Body=b"x", ServerSideEncryption="aws:kms"))[0] == "aws:kms"
    )
    assert body(without, Key="own") == b"x"


def test_a_buckets_default_locks_what_does_not_say_otherwise(module_yard: TestYard, key: str) -> None:
    s3 = module_yard.client("s3")
    s3.create_bucket(Bucket="locked-by-default")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    configuration = {"Rules": [{**rule, "BucketKeyEnabled": True}]}
    s3.put_bucket_encryption(Bucket="locked-by-default", ServerSideEncryptionConfiguration=configuration)
    found = s3.get_bucket_encryption(Bucket="locked-by-default")["ServerSideEncryptionConfiguration"]
    assert found == configuration
    made = s3.put_object(Bucket="locked-by-default", Key="k", Body=PLAIN)
    assert (*told(made), made["BucketKeyEnabled"]) == ("aws:kms", key, True)
    assert s3.get_object(Bucket="locked-by-default", Key="k")["Body"].read() == PLAIN
    plain = s3.put_object(Bucket="locked-by-default", Key="p", Body=b"x", ServerSideEncryption="AES256")
    assert told(plain) == ("AES256", None)
    s3.delete_bucket_encryption(Bucket="locked-by-default")
    assert told(s3.put_object(Bucket="locked-by-default", Key="q", Body=b"x")) == ("AES256", None)


def test_a_copy_is_locked_as_its_target_says(module_yard: TestYard, s3: Any, key: str) -> None:
    other = module_yard.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3.put_object(**by(key, Key="source", Body=PLAIN))
    source = {"Bucket": OBJECTS, "Key": "source"}
    assert told(s3.copy_object(Bucket=OBJECTS, Key="to-plain", CopySource=source)) == ("AES256", None)
    assert told(s3.copy_object(**by(other, Key="to-other", CopySource=source))) == ("aws:kms", other)
    assert told(s3.copy_object(**by(other, Key="source", CopySource=source))) == ("aws:kms", other)
    module_yard.client("kms").disable_key(KeyId=key)
    assert [body(s3, Key=name) for name in ("to-plain", "to-other", "source")] == [PLAIN] * 3


def test_an_upload_in_parts_is_locked_when_it_is_complete(module_yard: TestYard, s3: Any, key: str) -> None:
    begun = s3.create_multipart_upload(**by(key, Key="parts"))
    assert told(begun) == ("aws:kms", key)
    place = {"Bucket": OBJECTS, "Key": "parts", "UploadId": begun["UploadId"]}
    sizes, parts = (5 * 1024 * 1024, 1000), []
    for number, size in enumerate(sizes, 1):
        made = s3.upload_part(**place, PartNumber=number, Body=bytes([number]) * size)
        assert told(made) == ("aws:kms", key)
        parts.append({"PartNumber": number, "ETag": made["ETag"]})
    assert told(s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})) == ("aws:kms", key)
    assert body(s3, Key="parts") == b"\x01" * sizes[0] + b"\x02" * sizes[1]
    module_yard.client("kms").disable_key(KeyId=key)
    assert error(s3.get_object, Bucket=OBJECTS, Key="parts") == ("KMS.DisabledException", 400)
    assert error(s3.create_multipart_upload, **by(key, Key="parts"))[0] == "KMS.DisabledException"


def test_the_blob_of_a_locked_object_opens_by_no_root_key(module_yard: TestYard, s3: Any, key: str) -> None:
    s3.put_object(**by(key, Key="raw", Body=PLAIN))
    blobs = module_yard.yard.kit.blobs
    answer = module_yard.call("s3", "GetObject", {"Bucket": OBJECTS, "Key": "raw"})["Body"]
    assert b"".join(blobs.read(answer.blob_id, key=answer.key)) == PLAIN
    assert repr(answer.key) not in repr(answer)
    with pytest.raises(BlobDamagedError):
        blobs.read(answer.blob_id)


def test_the_requests_own_context_is_part_of_what_binds_the_object(module_yard: TestYard, s3: Any, key: str) -> None:
    given = base64.b64encode(json.dumps({"team": "a"}).encode()).decode()
    s3.put_object(**by(key, Key="bound", Body=PLAIN, SSEKMSEncryptionContext=given))
    assert body(s3, Key="bound") == PLAIN
    uses = [one for one in module_yard.trail() if any(r["ARN"] == key for r in one.get("resources", ()))]
    contexts = [one["requestParameters"]["encryptionContext"] for one in uses]
    assert contexts == [{"team": "a", "aws:s3:arn": f"arn:aws:s3:::{OBJECTS}/bound"}] * 2
    assert {one["userIdentity"]["invokedBy"] for one in uses} == {"s3.amazonaws.com"}
