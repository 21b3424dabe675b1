"""Where a comment is: between which commits, in which file, at which line; with the refusals of bad places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codeyard.contract import AwsError, Params
from codeyard.services.codecommit import model
from codeyard.services.codecommit.reading import Reader


@dataclass(frozen=True, slots=True)
class Place:
    """A comment's place; the blobs are those of the file before and after."""

    before: str | None
    after: str
    before_blob: str | None = None
    after_blob: str | None = None
    location: Mapping[str, Any] | None = None


def check_commit(reader: Reader, commit: str | None) -> None:
    """Refuse an id that is no commit's."""
    if commit is None:
        return
    if not commit:
        raise AwsError("CommitIdRequiredException", "A commit ID is required.")
    model.check_commit_id(commit)
    if not reader.has_commit(commit):
        raise AwsError("CommitDoesNotExistException", f"Commit {commit} does not exist.")


def place_of(reader: Reader, req: Params) -> Place:
    """The place that a request names."""
    before, after, location = req.get("beforeCommitId"), req["afterCommitId"], req.get("location")
    check_commit(reader, before)
    check_commit(reader, after)
    if before == after:
        raise AwsError("BeforeCommitIdAndAfterCommitIdAreSameException", "The commits are the same.")
    if not location:
        return Place(before, after)
    if not location.get("filePath"):
        raise AwsError("PathRequiredException", "filePath is required.")
    path = model.clean_path(location["filePath"])
    blobs = [_blob(reader, commit, path) if commit else None for commit in (before, after)]
    if blobs == [None, None]:
        raise AwsError("PathDoesNotExistException", f"The path {path} does not exist in the commits.")
    _check_position(reader, location, blobs[0], blobs[1])
    return Place(before, after, blobs[0], blobs[1], dict(location))


def _blob(reader: Reader, commit: str, path: str) -> str | None:
    entry = reader.find(commit, path)
    return None if entry is None or entry.is_folder else entry.id


def _check_position(reader: Reader, location: Params, before: str | None, after: str | None) -> None:
    position, version = location.get("filePosition"), location.get("relativeFileVersion")
    if version is None and position is not None:
        raise AwsError("InvalidFileLocationException", "A position needs relativeFileVersion.")
    if version is None:
        return
    blob = before if version == "BEFORE" else after
    if blob is None:
        raise AwsError("PathDoesNotExistException", f"The path does not exist in the version {version}.")
    if position is not None and not 1 <= position <= _lines(reader, blob):
        raise AwsError("InvalidFilePositionException", "The position is not that of a line of the file.")


def _lines(reader: Reader, blob: str) -> int:
    """How many lines a file has; of one too large to be read, no more than its bytes."""
    size = reader.blob_size(blob) or 0
    if size > model.MAX_FILE:
        return size
    found = reader.blob(blob, model.MAX_FILE)
    content = found[1] if found else b""
    return content.count(b"\n") + (not content.endswith(b"\n")) if content else 0
