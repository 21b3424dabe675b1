"""Multipart uploads: parts are blobs of their own until CompleteMultipartUpload makes one object of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

from codeyard.contract import Context, Params
from codeyard.formats.moments import whole_second
from codeyard.platform.s3.api.base import Received, checksum_members, owner_of, requester, version_member
from codeyard.platform.s3.api.copies import Sources
from codeyard.platform.s3.api.objects import Objects
from codeyard.platform.s3.errors import s3_error
from codeyard.platform.s3.model import checksums, headers, listing, ranges, sse, tags
from codeyard.platform.s3.model.names import check_key, encoded
from codeyard.platform.s3.store import uploads
from codeyard.storage import Row, Tx, dumps, loads

MIN_PART = 5 * 1024 * 1024
MAX_PARTS = 10_000
MOST = 1000


class Uploads(Objects, Sources):
    """The multipart operations."""

    def create_multipart_upload(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Begin an upload; what it says of the object is kept until it is complete."""
        key = str(req["Key"])
        check_key(key)
        headers.refuse_unbuilt(req)
        algorithm, kind = _upload_checksum(req)
        target = self._bucket(req)
        kept = headers.from_request(req)
        kept |= self._named(ctx, target.name, key, sse.wanted(req, target.encryption))
        upload_id = self.kit.ids.token(64, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._")
        row = {
            "id": upload_id,
            "key": key,
            "initiator": ctx.account,
            "created": ctx.now,
            "headers": dumps(kept),
            "tags": dumps(tags.from_header(req.get("Tagging"))),
            "algorithm": algorithm,
            "kind": kind,
        }

        def work(tx: Tx) -> dict[str, Any]:
            bucket = self._bucket_in(tx, req)
            headers.refuse_acl(req, bucket.ownership)
            uploads.add(tx, bucket=bucket.name, **row)
            answer = {"Bucket": bucket.name, "Key": key, "UploadId": upload_id, **sse.members(kept)}
            if req.get("ChecksumAlgorithm"):
                answer |= {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
            return answer

        return ctx.write(work)

    def upload_part(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Store one part; a part of the same number is replaced."""
        number = _number(req)
        upload = self._upload(req)
        headers.refuse_unbuilt(req)
        body = self._receive(req, default=upload.algorithm, algorithm=_part_algorithm(req, upload))
        self._put_part(ctx, req, number, body)
        member = {checksums.member(body.algorithm): body.checksum}
        return {"ETag": f'"{body.etag}"', **sse.members(loads(upload.headers)), **member}

    def upload_part_copy(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Store a part from an object or a range of one."""
        number = _number(req)
        upload = self._upload(req)
        source_bucket, source = self._source(ctx, req)
        start, length = 0, source.size
        if req.get("CopySourceRange"):
            start, length = ranges.copy_range(str(req["CopySourceRange"]), source.size)
        bytes_of = self.kit.blobs.read(source.blob_id, start, length, key=self._opened(ctx, source))
        body = self._store_bytes(bytes_of, upload.algorithm)
        self._put_part(ctx, req, number, body)
        result = {"ETag": f'"{body.etag}"', "LastModified": whole_second(ctx.now)}
        result[checksums.member(body.algorithm)] = body.checksum
        answer = {"CopyPartResult": result, **sse.members(loads(upload.headers))}
        return answer | ({"CopySourceVersionId": source.version_id} if source_bucket.versioning else {})

    def _put_part(self, ctx: Context, req: Params, number: int, body: Received) -> None:
        values = {
            "blob_id": body.blob_id,
            "size": body.size,
            "etag": body.etag,
            "checksum": dumps({body.algorithm: body.checksum}),
            "modified": ctx.now,
        }

        def work(tx: Tx) -> dict[str, Any]:
            upload = uploads.get(tx, str(req["Bucket"]), str(req["Key"]), str(req["UploadId"]))
            uploads.put_part(tx, upload.id, number, values)
            return {}

        self._write_or_drop(ctx, work, body.blob_id)

    def _upload(self, req: Params) -> Row:
        """The request's upload."""

        def look(tx: Tx) -> Row:
            bucket = self._bucket_in(tx, req)
            return uploads.get(tx, bucket.name, str(req["Key"]), str(req["UploadId"]))

        return self.kit.db.read(look)

    def complete_multipart_upload(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Make the parts named one object."""
        upload = self._upload(req)
        stored = self.kit.db.read(lambda tx: uploads.all_parts(tx, upload.id))
        chosen = _chosen((req.get("MultipartUpload") or {}).get("Parts") or [], stored, upload)
        size = sum(part.size for part in chosen)
        if req.get("MpuObjectSize") is not None and int(req["MpuObjectSize"]) != size:
            raise s3_error(
                "InvalidRequest", "The provided 'x-amz-mp-object-size' header does not match what was computed"
            )
        values, fresh = self._whole(ctx, upload, chosen)
        expected = checksums.stated({**req, "ChecksumAlgorithm": None}, {})

        def work(tx: Tx) -> dict[str, Any]:
            again = uploads.get(tx, upload.bucket, upload.key, upload.id)
            if {part.blob_id for part in chosen} - {part.blob_id for part in uploads.all_parts(tx, again.id)}:
                raise s3_error("InvalidPart")
            bucket, version_id = self._place(tx, ctx, req, values, "CompleteMultipartUpload")
            uploads.remove(tx, again.id)
            return self._completed(ctx, bucket, upload.key, version_id, values)

        with self._or_drop(values["blob_id"]) if fresh else nullcontext():
            checksums.verify(expected, {**dict.fromkeys(expected, ""), **loads(values["checksum"])})
        return self._write_or_drop(ctx, work, values["blob_id"]) if fresh else ctx.write(work)

    @staticmethod
    def _completed(ctx: Context, bucket: Row, key: str, version_id: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "Location": f"{ctx.origin.endpoint}/{bucket.name}/{encoded(key, 'url')}",
            "Bucket": bucket.name,
            "Key": key,
            "ETag": f'"{values["etag"]}"',
            **sse.members(loads(values["headers"])),
            **checksum_members(values["checksum"]),
            **version_member(bucket, version_id),
        }

    def _whole(self, ctx: Context, upload: Row, chosen: Sequence[Row]) -> tuple[dict[str, Any], bool]:
        algorithm, kept = upload.algorithm, loads(upload.headers)
        by = sse.of_stored(kept)
        fresh = len(chosen) > 1 or by is not None  # a part's own bytes are never locked: its upload may yet fail
        if fresh:
            body = self._store_bytes(self._bytes(chosen), algorithm)
        else:
            only = chosen[0]
            body = Received(only.blob_id, only.size, only.etag, algorithm, loads(only.checksum).get(algorithm, ""))
        kept |= self._locked(ctx, upload.bucket, upload.key, body.blob_id, by)
        values = self._row_of(body, kept, loads(upload.tags))
        values["etag"] = checksums.multipart_etag([part.etag for part in chosen])
        values["parts"] = dumps([part.size for part in chosen])
        text = body.checksum
        if upload.kind == checksums.COMPOSITE:
            text = checksums.composite(algorithm, [loads(part.checksum)[algorithm] for part in chosen])
        values["checksum"] = dumps({algorithm: text, "type": upload.kind})
        return values, fresh

    def _bytes(self, chosen: Sequence[Row]) -> Iterator[bytes]:
        for part in chosen:
            yield from self.kit.blobs.read(part.blob_id)

    def abort_multipart_upload(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Throw an upload away with its parts."""

        def work(tx: Tx) -> dict[str, Any]:
            bucket = self._bucket_in(tx, req)
            uploads.remove(tx, uploads.get(tx, bucket.name, str(req["Key"]), str(req["UploadId"])).id)
            return {}

        return ctx.write(work)

    def list_parts(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A page of an upload's parts."""
        upload = self._upload(req)
        limit, after = _bounded(req.get("MaxParts")), int(req.get("PartNumberMarker") or 0)
        found = self.kit.db.read(lambda tx: uploads.some_parts(tx, upload.id, after, limit + 1))
        shown = found[:limit]
        owner = owner_of(upload.initiator)
        answer: dict[str, Any] = {
            "Bucket": upload.bucket,
            "Key": upload.key,
            "UploadId": upload.id,
            "PartNumberMarker": after,
            "MaxParts": limit,
            "IsTruncated": len(found) > limit,
            "Parts": [_part(row) for row in shown],
            "Initiator": owner,
            "Owner": owner,
            "StorageClass": loads(upload.headers).get("StorageClass", "STANDARD"),
            "ChecksumAlgorithm": upload.algorithm,
            "ChecksumType": upload.kind,
        }
        return answer | ({"NextPartNumberMarker": shown[-1].number} if shown else {})

    def list_multipart_uploads(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A page of the bucket's unfinished uploads."""
        key_marker, id_marker = str(req.get("KeyMarker") or ""), str(req.get("UploadIdMarker") or "")
        prefix, delimiter = str(req.get("Prefix") or ""), str(req.get("Delimiter") or "")
        limit = _bounded(req.get("MaxUploads"))

        def look(tx: Tx) -> listing.Page:
            name = self._bucket_in(tx, req).name

            def fetch(start: str, inclusive: bool, count: int, row: Any) -> Any:
                after = row.id if row is not None else id_marker if start == key_marker else ""
                same = uploads.of_key_after(tx, name, start, after, count) if after else []
                rest = count - len(same)
                return [*same, *(uploads.of_bucket(tx, name, prefix, start, inclusive, rest) if rest else [])]

            return listing.roll(fetch, prefix, delimiter, key_marker, limit)

        page = self.kit.db.read(look)
        return self._uploads(ctx, req, page, limit)

    @staticmethod
    def _uploads(ctx: Context, req: Params, page: listing.Page, limit: int) -> dict[str, Any]:
        encoding = req.get("EncodingType")
        found = [
            {
                "UploadId": row.id,
                "Key": encoded(row.key, encoding),
                "Initiated": whole_second(row.created),
                "StorageClass": loads(row.headers).get("StorageClass", "STANDARD"),
                "Owner": owner_of(row.initiator),
                "Initiator": requester(ctx),
                "ChecksumAlgorithm": row.algorithm,
                "ChecksumType": row.kind,
            }
            for row in page.rows
        ]
        answer: dict[str, Any] = {
            "Bucket": req["Bucket"],
            "KeyMarker": encoded(str(req.get("KeyMarker") or ""), encoding),
            "UploadIdMarker": str(req.get("UploadIdMarker") or ""),
            "Prefix": encoded(str(req.get("Prefix") or ""), encoding),
            "MaxUploads": limit,
            "IsTruncated": page.truncated,
            "Uploads": found,
            "CommonPrefixes": [{"Prefix": encoded(prefix, encoding)} for prefix in page.prefixes],
        }
        if req.get("Delimiter"):
            answer["Delimiter"] = encoded(str(req["Delimiter"]), encoding)
        if encoding:
            answer["EncodingType"] = encoding
        if page.truncated:
            answer["NextKeyMarker"] = encoded(page.last, encoding)
            if page.rows and page.last == page.rows[-1].key:
                answer["NextUploadIdMarker"] = page.rows[-1].id
        return answer


def _upload_checksum(req: Params) -> tuple[str, str]:
    asked = str(req.get("ChecksumAlgorithm") or "")
    if asked in checksums.UNBUILT:
        raise s3_error("NotImplemented", "This checksum algorithm is not implemented")
    if req.get("ChecksumType") and not asked:
        raise s3_error(
            "InvalidRequest",
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
        )
    algorithm = asked or checksums.DEFAULT
    return algorithm, checksums.upload_type(algorithm, req.get("ChecksumType"))


def _part_algorithm(req: Params, upload: Row) -> str:
    given = checksums.stated(req, getattr(req.get("Body"), "trailers", {}))
    stated = next(iter(given), upload.algorithm)
    if stated != upload.algorithm and upload.kind == checksums.COMPOSITE:
        raise s3_error(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm.lower()}, "
            f"actual checksum Type: {stated.lower()}",
        )
    return str(upload.algorithm)


def _number(req: Params) -> int:
    number = int(req["PartNumber"])
    if not 1 <= number <= MAX_PARTS:
        raise s3_error("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    return number


def _chosen(named: Sequence[Mapping[str, Any]], stored: Sequence[Row], upload: Row) -> list[Row]:
    if not named:
        raise s3_error("MalformedXML")
    numbers = [int(part.get("PartNumber") or 0) for part in named]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise s3_error("InvalidPartOrder")
    known = {row.number: row for row in stored}
    chosen = []
    for number, part in zip(numbers, named, strict=True):
        row = known.get(number)
        if row is None or str(part.get("ETag") or "").strip('"') != row.etag:
            raise s3_error("InvalidPart", PartNumber=str(number), UploadId=upload.id)
        _check_part_checksum(part, row, upload)
        chosen.append(row)
    for row in chosen[:-1]:
        if row.size < MIN_PART:
            details = {"ProposedSize": str(row.size), "MinSizeAllowed": str(MIN_PART)}
            raise s3_error("EntityTooSmall", PartNumber=str(row.number), ETag=row.etag, **details)
    return chosen


def _check_part_checksum(part: Mapping[str, Any], row: Row, upload: Row) -> None:
    stored = loads(row.checksum)
    for algorithm in checksums.ALGORITHMS:
        given = part.get(checksums.member(algorithm))
        if given and algorithm in stored and stored[algorithm] != given:
            raise s3_error("InvalidPart", PartNumber=str(row.number), UploadId=upload.id)


def _part(row: Row) -> dict[str, Any]:
    return {
        "PartNumber": row.number,
        "LastModified": whole_second(row.modified),
        "ETag": f'"{row.etag}"',
        "Size": row.size,
        **checksum_members(row.checksum, kind=False),
    }


def _bounded(asked: Any) -> int:
    if asked is None:
        return MOST
    if int(asked) < 0:
        raise s3_error("InvalidArgument", "The limit must be an integer between 0 and 2147483647")
    return min(MOST, int(asked))
