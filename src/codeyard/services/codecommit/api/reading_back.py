"""Doors for those who read: what a branch has beyond another, and who wrote the lines of a file.

AWS's console asks CodeCommit so too, by calls that no SDK has: IAM knows GetCommitsFromMergeBase. A blame tells nothing
but what the file and its history do, so whoever may get the file may ask for it.
"""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import moment
from codeyard.git import diff
from codeyard.git.blame import Blames, Span
from codeyard.git.objects import FOLDER, SUBMODULE, SYMLINK
from codeyard.services.codecommit import model
from codeyard.services.codecommit.api.base import Base, Rooms, required
from codeyard.services.codecommit.api.commits import commit_shape, page_size

MAX_BLAMED = 1024 * 1024


class ReadingBack(Base):
    """Commits between branches, and blames."""

    def __init__(self, rooms: Rooms) -> None:
        super().__init__(rooms)
        self._blames = Blames(rooms.git)

    def get_commits_from_merge_base(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The commits of a source that a destination has not, the newest first, a page at a time."""
        reader = self._open(ctx, req)
        source, destination = (reader.resolve(req.get(f"{side}CommitSpecifier")) for side in ("source", "destination"))
        limit = page_size(req.get("maxResults"))
        token = model.decode_token(req.get("nextToken"), s=str, d=str, n=int)
        if token and (token["s"], token["d"]) != (source, destination):
            raise AwsError("InvalidContinuationTokenException", "The token belongs to other commits.")
        at = max(token["n"], 0) if token else 0
        ids = diff.beyond(self._rooms.git, reader.path, source, destination, skip=at, count=limit + 1)
        found = [commit for one in ids[:limit] if (commit := reader.commit(one)) is not None]
        answer: dict[str, Any] = {"commits": [commit_shape(commit) for commit in found]}
        if len(ids) > limit:
            answer["nextToken"] = model.encode_token(s=source, d=destination, n=at + limit)
        return answer

    def get_blame(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The spans of a file's lines, each with the commit that wrote it; at most of 1 MiB."""
        reader = self._open(ctx, req)
        path = model.clean_path(required(req, "filePath", "PathRequiredException"))
        commit_id = reader.resolve(req.get("commitSpecifier"))
        entry = reader.find(commit_id, path)
        if entry is None or entry.mode in (FOLDER, SUBMODULE, SYMLINK):
            raise AwsError("FileDoesNotExistException", f"The file {path} does not exist.")
        if (reader.blob_size(entry.id) or 0) > MAX_BLAMED:
            raise AwsError("FileTooLargeException", "The file is too large to be blamed here; use git blame.")
        spans = self._blames.of(reader.path, commit_id, path)
        return {"commitId": commit_id, "blobId": entry.id, "filePath": path, "spans": [_shape(one) for one in spans]}


def _shape(span: Span) -> dict[str, Any]:
    said = {"authorName": span.author, "authorDate": moment(span.time * 1_000_000), "summary": span.summary}
    return {"startLine": span.start, "lines": span.count, "commitId": span.commit, **said}
