"""What S3's operations share: the kit, finding buckets, and taking bodies in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from codeyard.contract import AwsError, Context, Params, Scope, Staged
from codeyard.engine import Kit
from codeyard.platform.s3.access import Door
from codeyard.platform.s3.errors import s3_error
from codeyard.platform.s3.model import checksums
from codeyard.platform.s3.model.names import NULL, VERSION_ALPHABET, storable
from codeyard.platform.s3.store import buckets
from codeyard.storage import Row, Tx, loads
from codeyard.storage.digests import Digests


@dataclass(frozen=True, slots=True)
class Received:
    """A body taken in: its blob, size, MD5 in hex and the one checksum that is kept."""

    blob_id: str
    size: int
    etag: str
    algorithm: str
    checksum: str


class Base:
    """Holds the kit."""

    reserved: frozenset[str] = frozenset()

    def __init__(self, kit: Kit) -> None:
        self.kit, self._door = kit, Door(kit)

    @contextmanager
    def _unlisted(self, ctx: Context, bucket: str) -> Iterator[None]:
        """Only who may list the bucket learns here that there is no such object; others are refused."""
        try:
            yield
        except AwsError as missing:
            if missing.code not in ("NoSuchKey", "NoSuchVersion"):
                raise
            scope = Scope(ctx.principal, ctx.account, ctx.region)
            refusal = ctx.refusal(self._door.bucket(scope, {"Bucket": bucket}, "ListBucket"))
            raise refusal or missing from None

    def _bucket(self, req: Params) -> Row:
        """The request's bucket."""
        return self.kit.db.read(lambda tx: self._bucket_in(tx, req))

    @staticmethod
    def _bucket_in(tx: Tx, req: Params) -> Row:
        """The request's bucket, within a transaction."""
        if not all(storable(value) for value in req.values() if isinstance(value, str)):
            raise s3_error("InvalidArgument", "A parameter holds characters that cannot be stored")
        return buckets.get(tx, str(req["Bucket"]), req.get("ExpectedBucketOwner"))

    def _new_version_id(self) -> str:
        """An id for a version."""
        return self.kit.ids.token(32, VERSION_ALPHABET)

    def _receive(self, req: Params, default: str = checksums.DEFAULT, algorithm: str = "") -> Received:
        """Take the body and verify what the request states of it; a body that fails leaves no blob."""
        trailers = getattr(req.get("Body"), "trailers", {})
        given = checksums.stated(req, trailers)
        wanted = algorithm or checksums.chosen(req, given, default)
        staged = self._staged(req.get("Body"), {wanted, *given})
        with self._or_drop(staged.blob_id):
            taken = self._taken(staged, {wanted, *given})
            checksums.verify_md5(req.get("ContentMD5"), staged.digests["md5"])
            checksums.verify(given, taken)
        etag = staged.digests["md5"].hex()
        return Received(staged.blob_id, staged.size, etag, wanted, taken[wanted])

    @contextmanager
    def _or_drop(self, blob_id: str) -> Iterator[None]:
        """A new blob goes with the block that fails, before a row could hold it."""
        try:
            yield
        except BaseException:  # whatever ends the call, a stopping server too: nobody else knows of the blob
            self.kit.blobs.delete(blob_id)
            raise

    def _store_bytes(self, chunks: Iterable[bytes], algorithm: str) -> Received:
        """Write bytes of our own making as a blob."""
        staged = self.kit.blobs.put(chunks, digests=("md5", algorithm.lower()))
        text = checksums.text(staged.digests[algorithm.lower()])
        return Received(staged.blob_id, staged.size, staged.digests["md5"].hex(), algorithm, text)

    def _staged(self, body: Any, wanted: set[str]) -> Staged:
        if isinstance(body, Staged):
            return body
        chunks = (bytes(body),) if isinstance(body, bytes | bytearray | memoryview) else _chunks(body)
        return self.kit.blobs.put(chunks, digests=("md5", *(name.lower() for name in wanted)))

    def _taken(self, staged: Staged, wanted: set[str]) -> dict[str, str]:
        digests = dict(staged.digests)
        missing = [name.lower() for name in wanted if name.lower() not in digests]
        if missing or "md5" not in digests:
            more = Digests(missing)
            for chunk in self.kit.blobs.read(staged.blob_id):
                more.update(chunk)
            digests |= more.results()
        return {name: checksums.text(digests[name.lower()]) for name in wanted}


def _chunks(body: Any) -> Iterable[bytes]:
    if body is None:
        return ()
    if isinstance(body, str):
        return (body.encode(),)
    if hasattr(body, "read"):
        return iter(lambda: body.read(1 << 20), b"")
    raise s3_error("InvalidRequest", "The body could not be read")


def checksum_members(text: str, kind: bool = True) -> dict[str, Any]:
    """A stored checksum as members of an answer."""
    found: Mapping[str, str] = loads(text) if text else {}
    members = {checksums.member(name): value for name, value in found.items() if name != "type"}
    if kind and members:
        members["ChecksumType"] = found.get("type", checksums.FULL)
    return members


def version_member(bucket: Row, version_id: str) -> dict[str, Any]:
    """The VersionId of an answer: only buckets that ever were versioned show it."""
    return {"VersionId": version_id} if bucket.versioning or version_id != NULL else {}


def requester(ctx: Context) -> dict[str, str]:
    """The caller as an Owner or Initiator."""
    return owner_of(ctx.account)


def owner_of(account: str) -> dict[str, str]:
    """An account as S3 shows owners: a canonical id of 64 hex digits."""
    return {"ID": hashlib.sha256(b"canonical:" + account.encode()).hexdigest(), "DisplayName": account}
