"""Deploy to S3: the artifact as one object, or unpacked, entry by entry. Doing it twice puts the same objects again.

The zip comes from a build, so it is hostile: entries are read in bounded pieces, their names become keys and nothing
else, and one that lies about its size or climbs out of its folder fails the action.
"""

from __future__ import annotations

import mimetypes
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Any

from codeyard.contract import BlobRange
from codeyard.formats.zips import BROKEN, Limits, opened
from codeyard.services.codepipeline.actions.base import CONFIGURATION, Done, Failed, Outcome, Run, encrypted_by
from codeyard.storage import Blobs

_CHUNK = 256 * 1024
_LIMITS = Limits(members=100_000, total=20 * 1024**3)


class BadArchive(ValueError):
    """The input artifact is not an archive that may be unpacked."""


class S3Deploy:
    """Deploy / S3."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def start(self, run: Run) -> Outcome:
        """Put the artifact where the configuration says."""
        bucket, key = run.configuration["BucketName"], _filled(run.configuration.get("ObjectKey", ""), run)
        if run.configuration["Extract"] != "true":
            source = run.inputs[0]
            copied = {"Bucket": bucket, "Key": key, "CopySource": f"{source.bucket}/{source.key}", **_headers(run)}
            if "CacheControl" in copied:
                copied["MetadataDirective"] = "REPLACE"
            run.client.call("s3", "CopyObject", copied)
            return Done(summary="Deployment Succeeded")
        try:
            self._unpack(run, bucket, key)
        except BROKEN as error:
            return Failed(CONFIGURATION, f"The input artifact could not be unpacked: {error}")
        return Done(summary="Deployment Succeeded")

    def observe(self, run: Run) -> Outcome:
        """A deployment to S3 is done when it has started."""
        return Failed(CONFIGURATION, "A deployment to S3 does not run elsewhere.")

    def _unpack(self, run: Run, bucket: str, prefix: str) -> None:
        source = run.inputs[0]
        answer = run.client.call("s3", "GetObject", {"Bucket": source.bucket, "Key": source.key})
        with self._body(answer["Body"]) as stream, opened(stream, _LIMITS) as archive:
            for entry in _entries(archive):
                with archive.open(entry) as content:
                    self._put(run, bucket, _join(prefix, entry.filename), _bounded(content, entry.file_size))

    def _body(self, body: Any) -> IO[bytes]:
        if isinstance(body, BlobRange):
            return self._blobs.open(body.blob_id, key=body.key)
        raise BadArchive("the artifact cannot be read")

    def _put(self, run: Run, bucket: str, key: str, content: Iterator[bytes]) -> None:
        kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
        staged = self._blobs.put(content)
        run.client.call(
            "s3", "PutObject", {"Bucket": bucket, "Key": key, "Body": staged, "ContentType": kind, **_headers(run)}
        )


def _headers(run: Run) -> dict[str, str]:
    named = (("CannedACL", "ACL"), ("CacheControl", "CacheControl"))
    given = {member: run.configuration[key] for key, member in named if run.configuration.get(key)}
    return given | encrypted_by(run.configuration.get("KMSEncryptionKeyARN", ""))


def _filled(key: str, run: Run) -> str:
    """The key with {datetime} and {uuid} filled in: the same at every call for this run."""
    moment = datetime.fromtimestamp(run.started / 1_000_000, UTC)
    return key.replace("{datetime}", moment.strftime("%Y-%m-%d_%H-%M-%S")).replace("{uuid}", run.id)


def _join(prefix: str, name: str) -> str:
    return f"{prefix.rstrip('/')}/{name}" if prefix else name


def _entries(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """The files of the archive, checked before the first is read."""
    files = [e for e in archive.infolist() if not e.is_dir()]
    for entry in files:
        if entry.filename.startswith("/") or ".." in entry.filename.split("/"):
            raise BadArchive(f"its entry {entry.filename!r} leaves the folder")
    yield from files


def _bounded(content: IO[bytes], size: int) -> Iterator[bytes]:
    left = size
    while piece := content.read(_CHUNK):
        left -= len(piece)
        if left < 0:
            raise BadArchive("an entry is larger than it says")
        yield piece
