"""CopyObject: within an account by sharing the sealed bytes, between accounts by copying them."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Params
from codeyard.formats.moments import whole_second
from codeyard.platform.s3.api.base import Base, checksum_members, version_member
from codeyard.platform.s3.api.objects import Objects
from codeyard.platform.s3.errors import s3_error
from codeyard.platform.s3.model import checksums, conditions, headers, sse, tags
from codeyard.platform.s3.model.names import check_key, parse_copy_source
from codeyard.platform.s3.store import buckets, objects
from codeyard.storage import Row, Tx, dumps, loads


class Sources(Base):
    """Finding what a copy copies."""

    def _source(self, ctx: Context, req: Params) -> tuple[Row, Row]:
        """The source's bucket and version, if the request's conditions on it hold."""
        name, key, version_id = parse_copy_source(str(req["CopySource"]))

        def look(tx: Tx) -> tuple[Row, Row]:
            bucket = buckets.get(tx, name, req.get("ExpectedSourceBucketOwner"))
            return bucket, objects.readable(tx, name, key, version_id)

        with self._unlisted(ctx, name):
            bucket, row = self.kit.db.read(look)
        conditions.check_copy(
            row.etag,
            whole_second(row.modified),
            req.get("CopySourceIfMatch"),
            req.get("CopySourceIfNoneMatch"),
            req.get("CopySourceIfModifiedSince"),
            req.get("CopySourceIfUnmodifiedSince"),
        )
        if req.get("CopySourceSSECustomerKey"):
            raise s3_error("NotImplemented", "Encryption with customer-provided keys (SSE-C) is not implemented")
        return bucket, row


class Copies(Objects, Sources):
    """The copy operation."""

    def copy_object(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Copy an object, with its headers and tags or with new ones."""
        check_key(str(req["Key"]))
        headers.refuse_unbuilt(req)
        source_bucket, source = self._source(ctx, req)
        target = self._bucket(req)
        headers.refuse_acl(req, target.ownership)
        self._refuse_useless(req, source_bucket, source)
        values, fresh = self._values(ctx, req, source_bucket, source, target)

        def work(tx: Tx) -> dict[str, Any]:
            still = objects.exact(tx, source.bucket, source.key, source.version_id)
            if still is None or (not fresh and still.blob_id != source.blob_id):
                raise s3_error("NoSuchKey", Key=source.key)
            bucket, version_id = self._place(tx, ctx, req, values, "CopyObject")
            return self._answer(bucket, version_id, source_bucket, source, values)

        return self._write_or_drop(ctx, work, values["blob_id"]) if fresh else ctx.write(work)

    @staticmethod
    def _answer(
        bucket: Row, version_id: str, source_bucket: Row, source: Row, values: dict[str, Any]
    ) -> dict[str, Any]:
        result = {"ETag": f'"{values["etag"]}"', "LastModified": whole_second(values["modified"])}
        answer = {
            "CopyObjectResult": result | checksum_members(values["checksum"]),
            **sse.members(loads(values["headers"])),
            **version_member(bucket, version_id),
        }
        if source_bucket.versioning:
            answer["CopySourceVersionId"] = source.version_id
        return answer

    @staticmethod
    def _refuse_useless(req: Params, source_bucket: Row, source: Row) -> None:
        same = (source_bucket.name, source.key) == (req["Bucket"], req["Key"]) and source.latest
        changes = req.get("MetadataDirective") == "REPLACE" or any(
            req.get(name) for name in ("StorageClass", "WebsiteRedirectLocation", "ServerSideEncryption")
        )
        if same and not changes:
            raise s3_error(
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself without changing the "
                "object's metadata, storage class, website redirect location or encryption attributes.",
            )

    def _values(
        self, ctx: Context, req: Params, source_bucket: Row, source: Row, target: Row
    ) -> tuple[dict[str, Any], bool]:
        by, secret = sse.wanted(req, target.encryption), self._opened(ctx, source)
        kept = headers.from_request(req) if req.get("MetadataDirective") == "REPLACE" else loads(source.headers)
        if req.get("MetadataDirective") != "REPLACE":
            kept.pop("StorageClass", None)
            kept |= {"StorageClass": req["StorageClass"]} if req.get("StorageClass", "STANDARD") != "STANDARD" else {}
        kept.pop(sse.STORED, None)
        replaced = req.get("TaggingDirective") == "REPLACE"
        labels = tags.from_header(req.get("Tagging")) if replaced else loads(source.tags)
        algorithm = str(req.get("ChecksumAlgorithm") or "")
        if algorithm in checksums.UNBUILT:
            raise s3_error("NotImplemented", "This checksum algorithm is not implemented")
        shared = source_bucket.account == target.account and (not algorithm or algorithm in loads(source.checksum))
        composite = loads(source.checksum).get("type") == checksums.COMPOSITE
        if not shared or composite or secret or by is not None:
            bytes_of = self.kit.blobs.read(source.blob_id, key=secret)
            body = self._store_bytes(bytes_of, algorithm or checksums.DEFAULT)
            kept |= self._locked(ctx, target.name, str(req["Key"]), body.blob_id, by)
            return self._row_of(body, kept, labels) | {"parts": "[]"}, True
        columns = ("size", "etag", "blob_id", "checksum")
        values = {name: getattr(source, name) for name in columns} | {"marker": 0, "parts": "[]"}
        now = self.kit.clock.now()
        return values | {"modified": now, "headers": dumps(kept), "tags": dumps(labels)}, False
