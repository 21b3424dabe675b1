"""Listing objects and versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from codeyard.contract import Context, Params
from codeyard.formats.moments import whole_second
from codeyard.platform.s3.api.base import Base, owner_of
from codeyard.platform.s3.errors import s3_error
from codeyard.platform.s3.model import listing
from codeyard.platform.s3.model.names import encoded
from codeyard.platform.s3.store import objects
from codeyard.storage import Row, Tx, loads

MOST = 1000


class Listings(Base):
    """Pages of keys in UTF-8 order."""

    def list_objects_v2(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A page by continuation token."""
        token = req.get("ContinuationToken")
        after = listing.from_token(str(token)) if token else str(req.get("StartAfter") or "")
        bucket, page = self._page(req, after)
        show = _shown(req)
        owner = owner_of(bucket.account) if req.get("FetchOwner") else None
        answer = self._common(req, page, show, owner)
        answer["KeyCount"] = len(page.rows) + len(page.prefixes)
        if token:
            answer["ContinuationToken"] = token
        if req.get("StartAfter"):
            answer["StartAfter"] = show(str(req["StartAfter"]))
        if page.truncated:
            answer["NextContinuationToken"] = listing.to_token(page.last)
        return answer

    def list_objects(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A page by marker."""
        bucket, page = self._page(req, str(req.get("Marker") or ""))
        show = _shown(req)
        answer = self._common(req, page, show, owner_of(bucket.account))
        answer["Marker"] = show(str(req.get("Marker") or ""))
        if page.truncated and req.get("Delimiter"):
            answer["NextMarker"] = show(page.last)
        return answer

    def _page(self, req: Params, after: str) -> tuple[Row, listing.Page]:
        prefix, delimiter = str(req.get("Prefix") or ""), str(req.get("Delimiter") or "")
        limit = _limit(req, "MaxKeys")

        def look(tx: Tx) -> tuple[Row, listing.Page]:
            bucket = self._bucket_in(tx, req)

            def fetch(start: str, inclusive: bool, count: int, row: Any) -> Any:
                return objects.list_keys(tx, bucket.name, prefix, start, inclusive, count)

            return bucket, listing.roll(fetch, prefix, delimiter, after, limit)

        return self.kit.db.read(look)

    @staticmethod
    def _common(req: Params, page: listing.Page, show: Callable[[str], str], owner: Any) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "Name": req["Bucket"],
            "Prefix": show(str(req.get("Prefix") or "")),
            "MaxKeys": _limit(req, "MaxKeys"),
            "IsTruncated": page.truncated,
            "Contents": [_entry(row, show, owner) for row in page.rows],
            "CommonPrefixes": [{"Prefix": show(prefix)} for prefix in page.prefixes],
        }
        return answer | _asked(req, show)

    def list_object_versions(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A page of versions and delete markers, each key's newest first."""
        key_marker, id_marker = str(req.get("KeyMarker") or ""), str(req.get("VersionIdMarker") or "")
        if id_marker and not key_marker:
            raise s3_error("InvalidArgument", "A version-id marker cannot be specified without a key marker.")
        prefix, delimiter = str(req.get("Prefix") or ""), str(req.get("Delimiter") or "")

        def look(tx: Tx) -> tuple[Row, listing.Page]:
            bucket = self._bucket_in(tx, req)
            marker = objects.exact(tx, bucket.name, key_marker, id_marker) if id_marker else None
            first = [None if marker is None else marker.seq]

            def fetch(start: str, inclusive: bool, count: int, row: Any) -> Any:
                below = row.seq if row is not None else first[0] if start == key_marker else None
                return objects.list_versions(tx, bucket.name, prefix, start, inclusive, count, below)

            return bucket, listing.roll(fetch, prefix, delimiter, key_marker, _limit(req, "MaxKeys"))

        bucket, page = self.kit.db.read(look)
        return self._versions(req, bucket, page, key_marker, id_marker)

    @staticmethod
    def _versions(req: Params, bucket: Row, page: listing.Page, key_marker: str, id_marker: str) -> dict[str, Any]:
        show, owner = _shown(req), owner_of(bucket.account)
        answer: dict[str, Any] = {
            "Name": bucket.name,
            "Prefix": show(str(req.get("Prefix") or "")),
            "KeyMarker": show(key_marker),
            "VersionIdMarker": id_marker,
            "MaxKeys": _limit(req, "MaxKeys"),
            "IsTruncated": page.truncated,
            "Versions": [_version(row, show, owner) for row in page.rows if not row.marker],
            "DeleteMarkers": [_named(row, show, owner) for row in page.rows if row.marker],
            "CommonPrefixes": [{"Prefix": show(prefix)} for prefix in page.prefixes],
        }
        if page.truncated:
            answer["NextKeyMarker"] = show(page.last)
            if page.rows and page.last == page.rows[-1].key:
                answer["NextVersionIdMarker"] = page.rows[-1].version_id
        return answer | _asked(req, show)


def _limit(req: Params, name: str) -> int:
    asked = req.get(name)
    if asked is None:
        return MOST
    if int(asked) < 0:
        raise s3_error("InvalidArgument", "Argument maxKeys must be an integer between 0 and 2147483647")
    return min(MOST, int(asked))


def _shown(req: Params) -> Callable[[str], str]:
    encoding = req.get("EncodingType")
    if encoding not in (None, "", "url"):
        raise s3_error("InvalidArgument", "Invalid Encoding Method specified in Request")
    return lambda text: encoded(text, encoding)


def _asked(req: Params, show: Callable[[str], str]) -> dict[str, Any]:
    found = {}
    if req.get("Delimiter"):
        found["Delimiter"] = show(str(req["Delimiter"]))
    if req.get("EncodingType"):
        found["EncodingType"] = str(req["EncodingType"])
    return found


def _entry(row: Row, show: Callable[[str], str], owner: Any) -> dict[str, Any]:
    entry = {
        "Key": show(row.key),
        "LastModified": whole_second(row.modified),
        "ETag": f'"{row.etag}"',
        "Size": row.size,
        "StorageClass": _storage_class(row),
        **_algorithm(row),
    }
    return entry | ({"Owner": owner} if owner else {})


def _version(row: Row, show: Callable[[str], str], owner: Any) -> dict[str, Any]:
    more = {"ETag": f'"{row.etag}"', "Size": row.size, "StorageClass": _storage_class(row), **_algorithm(row)}
    return _named(row, show, owner) | more


def _named(row: Row, show: Callable[[str], str], owner: Any) -> dict[str, Any]:
    return {
        "Key": show(row.key),
        "VersionId": row.version_id,
        "IsLatest": bool(row.latest),
        "LastModified": whole_second(row.modified),
        "Owner": owner,
    }


def _algorithm(row: Row) -> dict[str, Any]:
    found = loads(row.checksum)
    kind = found.pop("type", None)
    return {"ChecksumAlgorithm": list(found), "ChecksumType": kind} if found else {}


def _storage_class(row: Row) -> str:
    return str(loads(row.headers).get("StorageClass", "STANDARD"))
