"""Objects: put, get, head, delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from codeyard.contract import AwsError, BlobRange, Context, Params, Scope
from codeyard.formats.moments import whole_second
from codeyard.platform.s3 import events
from codeyard.platform.s3.api.base import Received, checksum_members, owner_of, version_member
from codeyard.platform.s3.api.buckets import full_control
from codeyard.platform.s3.api.locking import Locking
from codeyard.platform.s3.errors import s3_error
from codeyard.platform.s3.model import checksums, conditions, headers, ranges, sse, tags
from codeyard.platform.s3.model.names import NULL, check_key
from codeyard.platform.s3.store import objects
from codeyard.storage import Row, Tx, dumps, loads

MAX_DELETES = 1000


class Objects(Locking):
    """Single objects and their versions."""

    def put_object(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Store an object; its bytes are durable before its row is."""
        values = self._admit(ctx, req) | {"parts": "[]"}
        encrypted = sse.members(loads(values["headers"]))

        def work(tx: Tx) -> dict[str, Any]:
            bucket, version_id = self._place(tx, ctx, req, values, "PutObject")
            members = checksum_members(values["checksum"])
            return {"ETag": f'"{values["etag"]}"', **encrypted, **members, **version_member(bucket, version_id)}

        return self._write_or_drop(ctx, work, values["blob_id"])

    def _admit(self, ctx: Context, req: Params) -> dict[str, Any]:
        check_key(str(req["Key"]))
        headers.refuse_unbuilt(req)
        kept = headers.from_request(req)
        labels = tags.from_header(req.get("Tagging"))
        bucket = self._bucket(req)
        headers.refuse_acl(req, bucket.ownership)
        by = sse.wanted(req, bucket.encryption)
        body = self._receive(req)
        kept |= self._locked(ctx, bucket.name, str(req["Key"]), body.blob_id, by)
        return self._row_of(body, kept, labels)

    def _row_of(self, body: Received, kept: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
        """The columns of a version of this body."""
        return {
            "marker": 0,
            "size": body.size,
            "etag": body.etag,
            "blob_id": body.blob_id,
            "modified": self.kit.clock.now(),
            "headers": dumps(kept),
            "checksum": dumps({body.algorithm: body.checksum, "type": checksums.FULL}),
            "tags": dumps(labels),
        }

    def _place(self, tx: Tx, ctx: Context, req: Params, values: dict[str, Any], reason: str) -> tuple[Row, str]:
        """Make the version the key's newest, if the request's conditions hold, and tell EventBridge."""
        bucket, key = self._bucket_in(tx, req), str(req["Key"])
        if req.get("IfMatch") or req.get("IfNoneMatch"):
            conditions.check_write(
                objects.current_etag(tx, bucket.name, key), req.get("IfMatch"), req.get("IfNoneMatch")
            )
        version_id = objects.put(tx, bucket, key, self._new_version_id(), values)
        if bucket.eventbridge:
            thing = events.described(key, version_id, etag=values["etag"], size=values["size"], at=values["modified"])
            tx.emit(events.object_event(ctx, bucket, events.CREATED, thing, reason=reason))
        return bucket, version_id

    def _write_or_drop(self, ctx: Context, work: Callable[[Tx], dict[str, Any]], blob_id: str) -> dict[str, Any]:
        """Write; when it is refused, the new blob goes at once."""
        try:
            return ctx.write(work)
        except AwsError:
            self.kit.blobs.delete(blob_id)
            raise

    def get_object(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The object, a range of it, or one of its parts."""
        bucket, row = self._found(ctx, req)
        answer, span = self._described(bucket, row, req)
        return {**answer, "Body": BlobRange(row.blob_id, *span, key=self._opened(ctx, row))}

    def head_object(self, ctx: Context, req: Params) -> dict[str, Any]:
        """What GetObject would say, without the bytes."""
        bucket, row = self._found(ctx, req)
        answer, _ = self._described(bucket, row, req)
        return answer

    def _found(self, ctx: Context, req: Params) -> tuple[Row, Row]:
        """The bucket and the version that the request reads."""

        def look(tx: Tx) -> tuple[Row, Row]:
            bucket = self._bucket_in(tx, req)
            return bucket, objects.readable(tx, bucket.name, str(req["Key"]), req.get("VersionId"))

        with self._unlisted(ctx, str(req["Bucket"])):
            return self.kit.db.read(look)

    def _described(self, bucket: Row, row: Row, req: Params) -> tuple[dict[str, Any], tuple[int, int]]:
        etag, modified = f'"{row.etag}"', whole_second(row.modified)
        conditions.check_read(
            etag,
            modified,
            req.get("IfMatch"),
            req.get("IfNoneMatch"),
            req.get("IfModifiedSince"),
            req.get("IfUnmodifiedSince"),
        )
        span, partial = self._span(row, req)
        kept = loads(row.headers)
        answer: dict[str, Any] = {
            **headers.for_answer(kept, req),
            **sse.members(kept),
            **version_member(bucket, row.version_id),
            "AcceptRanges": "bytes",
            "ETag": etag,
            "LastModified": modified,
            "ContentLength": span[1],
        }
        if partial:
            answer["ContentRange"] = ranges.content_range(*span, row.size)
        elif req.get("ChecksumMode") == "ENABLED":
            answer |= checksum_members(row.checksum)
        if req.get("PartNumber"):
            answer["PartsCount"] = max(1, len(loads(row.parts)))
        if row.tags != "{}":
            answer["TagCount"] = len(loads(row.tags))
        return answer, span

    @staticmethod
    def _span(row: Row, req: Params) -> tuple[tuple[int, int], bool]:
        number = req.get("PartNumber")
        if number:
            if req.get("Range"):
                raise s3_error("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
            sizes = loads(row.parts) or [row.size]
            if not 1 <= int(number) <= len(sizes):
                raise s3_error("InvalidPartNumber")
            return (sum(sizes[: number - 1]), sizes[number - 1]), row.size > 0
        span = ranges.parse_range(req.get("Range"), row.size)
        return ((0, row.size), False) if span is None else (span, True)

    def delete_object(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a version for good, or the current object: on a versioned bucket by a delete marker."""
        check_key(str(req["Key"]))

        def work(tx: Tx) -> dict[str, Any]:
            bucket = self._bucket_in(tx, req)
            self._deletable(tx, bucket, req)
            return self._delete(tx, ctx, bucket, str(req["Key"]), req.get("VersionId"), "DeleteObject")

        return ctx.write(work)

    @staticmethod
    def _deletable(tx: Tx, bucket: Row, req: Params) -> None:
        if req.get("IfMatch"):
            etag = objects.current_etag(tx, bucket.name, str(req["Key"]))
            if etag is None or not conditions.etag_matches(str(req["IfMatch"]), etag):
                raise s3_error("PreconditionFailed", Condition="If-Match")

    def delete_objects(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete up to 1,000 objects or versions in one write; each that the caller may not delete is refused."""
        wanted = req["Delete"].get("Objects") or []
        if not 0 < len(wanted) <= MAX_DELETES:
            raise s3_error("MalformedXML")
        scope, name = Scope(ctx.principal, ctx.account, ctx.region), str(req["Bucket"])
        judged = [(one, ctx.refusal(self._door.deletion(scope, name, one))) for one in wanted]
        refused = [_failed(one, refusal) for one, refusal in judged if refusal is not None]
        if len(refused) == len(wanted):  # who may delete nothing does not learn whether there is such a bucket
            return {"Errors": refused}
        allowed = [one for one, refusal in judged if refusal is None]

        def work(tx: Tx) -> dict[str, Any]:
            deleted, failed = self._delete_each(tx, ctx, self._bucket_in(tx, req), allowed)
            answer = {"Errors": refused + failed} if refused or failed else {}
            return answer if req["Delete"].get("Quiet") else {"Deleted": deleted, **answer}

        return ctx.write(work)

    def _delete_each(
        self, tx: Tx, ctx: Context, bucket: Row, wanted: list[Mapping[str, Any]]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Delete what can be deleted: what was, and what could not be."""
        deleted, failed = [], []
        for one in wanted:
            try:
                deleted.append(self._delete_one(tx, ctx, bucket, one))
            except AwsError as error:
                failed.append(_failed(one, error))
        return deleted, failed

    def _delete_one(self, tx: Tx, ctx: Context, bucket: Row, one: Mapping[str, Any]) -> dict[str, Any]:
        key, version_id = str(one["Key"]), one.get("VersionId")
        check_key(key)
        self._deletable(tx, bucket, {"Key": key, "IfMatch": one.get("ETag")})
        done = self._delete(tx, ctx, bucket, key, version_id, "DeleteObject")
        entry = _named(one)
        if done.get("DeleteMarker"):
            entry["DeleteMarker"] = True
            entry["DeleteMarkerVersionId"] = done["VersionId"]
        return entry

    def _delete(self, tx: Tx, ctx: Context, bucket: Row, key: str, version_id: Any, reason: str) -> dict[str, Any]:
        if version_id:
            return self._delete_version(tx, ctx, bucket, key, str(version_id), reason)
        if bucket.versioning:
            return self._mark(tx, ctx, bucket, key, reason)
        row = objects.exact(tx, bucket.name, key, NULL)
        if row is not None:
            objects.drop(tx, row)
            self._tell_deleted(tx, ctx, bucket, row, reason, events.PERMANENT)
        return {}

    def _delete_version(
        self, tx: Tx, ctx: Context, bucket: Row, key: str, version_id: str, reason: str
    ) -> dict[str, Any]:
        row = objects.exact(tx, bucket.name, key, version_id)
        if row is None:
            return {"VersionId": version_id}
        objects.drop(tx, row)
        objects.promote(tx, bucket.name, key)
        self._tell_deleted(tx, ctx, bucket, row, reason, events.PERMANENT)
        return {"VersionId": version_id, **({"DeleteMarker": True} if row.marker else {})}

    def _mark(self, tx: Tx, ctx: Context, bucket: Row, key: str, reason: str) -> dict[str, Any]:
        empty = {"size": 0, "etag": "", "blob_id": "", "headers": "{}", "checksum": "", "tags": "{}", "parts": "[]"}
        values = {**empty, "marker": 1, "modified": ctx.now}
        version_id = objects.put(tx, bucket, key, self._new_version_id(), values)
        row = objects.exact(tx, bucket.name, key, version_id)
        assert row is not None
        self._tell_deleted(tx, ctx, bucket, row, reason, events.MARKER)
        return {"DeleteMarker": True, "VersionId": version_id}

    @staticmethod
    def _tell_deleted(tx: Tx, ctx: Context, bucket: Row, row: Row, reason: str, kind: str) -> None:
        if bucket.eventbridge:
            thing = events.described(row.key, row.version_id, etag=row.etag, at=ctx.now)
            more = {"reason": reason, "deletion-type": kind}
            tx.emit(events.object_event(ctx, bucket, events.DELETED, thing, **more))

    def get_object_attributes(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The attributes asked for."""
        bucket, row = self._found(ctx, req)
        members = checksum_members(row.checksum)
        sizes = loads(row.parts)
        known: dict[str, Any] = {
            "ETag": row.etag,
            "Checksum": members or None,
            "ObjectParts": {"TotalPartsCount": len(sizes)} if sizes else None,
            "StorageClass": loads(row.headers).get("StorageClass", "STANDARD"),
            "ObjectSize": row.size,
        }
        asked = {name: known[name] for name in req["ObjectAttributes"] if known.get(name) is not None}
        return {"LastModified": whole_second(row.modified), **version_member(bucket, row.version_id), **asked}

    def get_object_acl(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The bucket's owner with full control."""
        bucket, _ = self._found(ctx, req)
        owner = owner_of(bucket.account)
        return {"Owner": owner, "Grants": [full_control(owner)]}

    def put_object_acl(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Only lists that say what holds anyway may be set."""
        bucket, _ = self._found(ctx, req)
        if bucket.ownership == "BucketOwnerEnforced" or req.get("AccessControlPolicy"):
            raise s3_error("AccessControlListNotSupported")
        headers.refuse_acl(req, bucket.ownership)
        return {}


def _failed(one: Mapping[str, Any], error: AwsError) -> dict[str, Any]:
    return {**_named(one), "Code": error.code, "Message": error.message}


def _named(one: Mapping[str, Any]) -> dict[str, Any]:
    entry = {"Key": one["Key"]}
    return entry | ({"VersionId": one["VersionId"]} if one.get("VersionId") else {})
