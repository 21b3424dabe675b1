"""What each S3 operation needs: the service authorization reference's actions, the bucket's policy and its owner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from codeyard.contract import Access, AwsError, Check, Params, Scope, text
from codeyard.engine import Kit
from codeyard.platform.s3.model import policy, tags
from codeyard.platform.s3.model.names import BUCKET as BUCKET_NAME
from codeyard.platform.s3.model.names import parse_copy_source
from codeyard.platform.s3.store import buckets
from codeyard.storage import loads

Keys = Mapping[str, Any]
Rule = Callable[["Door", Scope, Params], Iterable[Check]]


class Door:
    """Makes Checks: knows each bucket's owner, and its policy as far as it is in force."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def bucket(self, scope: Scope, params: Params, action: str, keys: Keys | None = None) -> Check:
        """A check on the bucket."""
        name = text(params, "Bucket")
        return self._check(scope, name, "s3:" + action, f"arn:aws:s3:::{name or '*'}", keys)

    def key(self, scope: Scope, name: str, key: str, action: str, keys: Keys | None = None) -> Check:
        """A check on an object."""
        return self._check(scope, name, "s3:" + action, f"arn:aws:s3:::{name or '*'}/{key or '*'}", keys)

    def deletion(self, scope: Scope, name: str, one: Mapping[str, Any]) -> Check:
        """A check on deleting one of the objects or versions that DeleteObjects names."""
        version = text(one, "VersionId")
        keys = {"s3:VersionId": version} if version else {}
        return self.key(scope, name, text(one, "Key"), "DeleteObjectVersion" if version else "DeleteObject", keys)

    def _check(self, scope: Scope, name: str, action: str, arn: str, keys: Keys | None) -> Check:
        row = self._kit.db.read(lambda tx: buckets.find(tx, name)) if BUCKET_NAME.match(name) else None
        if row is None:
            return Check(action, arn, keys or {})
        document = row.policy or None
        if document and loads(row.public_access).get("RestrictPublicBuckets") and policy.is_public(document):
            outside = scope.principal.kind != "service" and scope.account != row.account
            document = None if outside else document
        return Check(action, arn, keys or {}, document, row.account)


def access(kit: Kit) -> dict[str, Access]:
    """The access table, bound to the store that knows the buckets."""
    door = Door(kit)
    table: dict[str, Access] = {name: _bind(door, _on_bucket(action)) for name, action in BUCKET.items()}
    table |= {name: _bind(door, _on_object(action)) for name, action in OBJECT.items()}
    return table | {name: _bind(door, rule) for name, rule in SPECIAL.items()}


def _bind(door: Door, rule: Rule) -> Access:
    return lambda scope, params: rule(door, scope, params)


BUCKET = {
    "CreateBucket": "CreateBucket",
    "DeleteBucket": "DeleteBucket",
    "HeadBucket": "ListBucket",
    "GetBucketLocation": "GetBucketLocation",
    "GetBucketAcl": "GetBucketAcl",
    "PutBucketAcl": "PutBucketAcl",
    "PutBucketVersioning": "PutBucketVersioning",
    "GetBucketVersioning": "GetBucketVersioning",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "GetBucketOwnershipControls": "GetBucketOwnershipControls",
    "PutBucketTagging": "PutBucketTagging",
    "DeleteBucketTagging": "PutBucketTagging",
    "GetBucketTagging": "GetBucketTagging",
    "PutBucketPolicy": "PutBucketPolicy",
    "GetBucketPolicy": "GetBucketPolicy",
    "GetBucketPolicyStatus": "GetBucketPolicyStatus",
    "DeleteBucketPolicy": "DeleteBucketPolicy",
}

OBJECT = {
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "AbortMultipartUpload": "AbortMultipartUpload",
    "ListParts": "ListMultipartUploadParts",
}

VERSIONED = {
    "GetObject": ("GetObject", "GetObjectVersion"),
    "HeadObject": ("GetObject", "GetObjectVersion"),
    "GetObjectAcl": ("GetObjectAcl", "GetObjectVersionAcl"),
    "PutObjectAcl": ("PutObjectAcl", "PutObjectVersionAcl"),
    "GetObjectTagging": ("GetObjectTagging", "GetObjectVersionTagging"),
    "PutObjectTagging": ("PutObjectTagging", "PutObjectVersionTagging"),
    "DeleteObjectTagging": ("DeleteObjectTagging", "DeleteObjectVersionTagging"),
    "DeleteObject": ("DeleteObject", "DeleteObjectVersion"),
}


def _on_bucket(action: str) -> Rule:
    return lambda door, scope, params: (door.bucket(scope, params, action),)


def _on_object(action: str) -> Rule:
    return lambda door, scope, params: (door.key(scope, text(params, "Bucket"), text(params, "Key"), action),)


def _versioned(plain: str, versioned: str) -> Rule:
    def rule(door: Door, scope: Scope, params: Params) -> Iterable[Check]:
        version = text(params, "VersionId")
        keys = {"s3:VersionId": version} if version else {}
        action = versioned if version else plain
        return (door.key(scope, text(params, "Bucket"), text(params, "Key"), action, keys),)

    return rule


def _listing(action: str) -> Rule:
    def rule(door: Door, scope: Scope, params: Params) -> Iterable[Check]:
        keys: dict[str, Any] = {"s3:prefix": text(params, "Prefix"), "s3:delimiter": text(params, "Delimiter")}
        if isinstance(params.get("MaxKeys"), int):
            keys["s3:max-keys"] = str(params["MaxKeys"])
        return (door.bucket(scope, params, action, keys),)

    return rule


def _put_keys(params: Params) -> dict[str, Any]:
    named = {
        "s3:x-amz-acl": "ACL",
        "s3:x-amz-storage-class": "StorageClass",
        "s3:x-amz-server-side-encryption": "ServerSideEncryption",
        "s3:x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
        "s3:if-none-match": "IfNoneMatch",
        "s3:if-match": "IfMatch",
    }
    return {key: text(params, member) for key, member in named.items() if text(params, member)}


def _put_object(door: Door, scope: Scope, params: Params) -> Iterable[Check]:
    bucket, key = text(params, "Bucket"), text(params, "Key")
    keys, labels = _put_keys(params), _tags(params)
    if labels:
        keys |= {f"s3:RequestObjectTag/{name}": value for name, value in labels.items()}
        keys["s3:RequestObjectTagKeys"] = list(labels)
    yield door.key(scope, bucket, key, "PutObject", keys)
    if labels:
        yield door.key(scope, bucket, key, "PutObjectTagging", keys)
    if text(params, "ACL") and scope.principal.kind != "service":  # AWS's policies for log delivery know only PutObject
        yield door.key(scope, bucket, key, "PutObjectAcl", keys)


def _tags(params: Params) -> dict[str, str]:
    try:
        return tags.from_header(text(params, "Tagging"))
    except AwsError:
        return {"": ""}


def _source(door: Door, scope: Scope, params: Params) -> Iterable[Check]:
    try:
        bucket, key, version = parse_copy_source(text(params, "CopySource"))
    except AwsError:
        return
    keys = {"s3:VersionId": version} if version else {}
    yield door.key(scope, bucket, key, "GetObjectVersion" if version else "GetObject", keys)


def _copy_object(door: Door, scope: Scope, params: Params) -> Iterable[Check]:
    yield from _source(door, scope, params)
    copied = {"s3:x-amz-copy-source": text(params, "CopySource").lstrip("/")}
    directive = {"s3:x-amz-metadata-directive": text(params, "MetadataDirective") or "COPY"}
    for check in _put_object(door, scope, params):
        yield Check(check.action, check.resource, {**check.keys, **copied, **directive}, check.policy, check.owner)


def _upload_part_copy(door: Door, scope: Scope, params: Params) -> Iterable[Check]:
    yield from _source(door, scope, params)
    yield door.key(scope, text(params, "Bucket"), text(params, "Key"), "PutObject")


def _delete_objects(door: Door, scope: Scope, params: Params) -> Iterable[Check]:
    """All of the bucket's objects; where they are not the caller's, the operation asks for each."""
    return (door.key(scope, text(params, "Bucket"), "*", "DeleteObject"),)


def _attributes(door: Door, scope: Scope, params: Params) -> Iterable[Check]:
    bucket, key, version = text(params, "Bucket"), text(params, "Key"), text(params, "VersionId")
    suffix, keys = ("Version", {"s3:VersionId": version}) if version else ("", {})
    yield door.key(scope, bucket, key, "GetObject" + suffix, keys)
    yield door.key(scope, bucket, key, f"GetObject{suffix}Attributes", keys)


def _list_buckets(door: Door, scope: Scope, params: Params) -> Iterable[Check]:
    return (Check("s3:ListAllMyBuckets", "*"),)


SPECIAL: dict[str, Rule] = {
    **{name: _versioned(*actions) for name, actions in VERSIONED.items()},
    "ListBuckets": _list_buckets,
    "ListObjects": _listing("ListBucket"),
    "ListObjectsV2": _listing("ListBucket"),
    "ListObjectVersions": _listing("ListBucketVersions"),
    "ListMultipartUploads": _listing("ListBucketMultipartUploads"),
    "PutObject": _put_object,
    "CreateMultipartUpload": _put_object,
    "CopyObject": _copy_object,
    "UploadPartCopy": _upload_part_copy,
    "DeleteObjects": _delete_objects,
    "GetObjectAttributes": _attributes,
}
