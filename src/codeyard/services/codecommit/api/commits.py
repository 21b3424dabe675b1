"""Operations that read commits, what changed between them, and a file's history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.git import diff
from codeyard.git.diff import Change, TreeDiffs
from codeyard.git.names import is_object_id
from codeyard.git.objects import EMPTY_TREE, NORMAL, Commit, TreeEntry
from codeyard.services.codecommit import model
from codeyard.services.codecommit.api.base import Base, Rooms
from codeyard.services.codecommit.reading import Reader

Found = tuple[str, str, Change]  # the paths that were asked for, before and after, and a change below them


class Commits(Base):
    """Get commits, differences and histories."""

    def __init__(self, rooms: Rooms) -> None:
        super().__init__(rooms)
        self._diffs = TreeDiffs(rooms.git)

    def get_commit(self, ctx: Context, req: Params) -> dict[str, Any]:
        """One commit."""
        reader = self._open(ctx, req)
        model.check_commit_id(req["commitId"])
        commit = reader.commit(req["commitId"])
        if commit is None:
            raise AwsError("CommitIdDoesNotExistException", f"The commit {req['commitId']} does not exist.")
        return {"commit": commit_shape(commit)}

    def batch_get_commits(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Up to 100 commits; those that are not there are listed as errors."""
        reader = self._open(ctx, req)
        ids = list(dict.fromkeys(req["commitIds"]))
        if not ids:
            raise AwsError("CommitIdsListRequiredException", "commitIds is required.")
        if len(ids) > model.MAX_BATCH:
            raise AwsError("CommitIdsLimitExceededException", f"At most {model.MAX_BATCH} commit IDs.")
        commits, errors = [], []
        for commit_id in ids:
            valid = is_object_id(commit_id)
            commit = reader.commit(commit_id) if valid else None
            if commit is not None:
                commits.append(commit_shape(commit))
            else:
                errors.append(_commit_error(commit_id, valid))
        return {"commits": commits, "errors": errors}

    def get_differences(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The files that differ between two commits, or everything in one; a page at a time."""
        reader = self._open(ctx, req)
        limit = page_size(req.get("MaxResults"))
        after = reader.resolve(req["afterCommitSpecifier"])
        before = reader.resolve(req["beforeCommitSpecifier"]) if req.get("beforeCommitSpecifier") else None
        token = model.decode_token(req.get("NextToken"), b=str, a=str, n=int)
        if token and (token["b"], token["a"]) != (before or "", after):
            raise AwsError("InvalidContinuationTokenException", "The token belongs to other commits.")
        start = max(token["n"], 0) if token else 0
        shown, total = self._differences(reader, before, after, req, start, limit)
        answer: dict[str, Any] = {"differences": [_difference(change) for change in shown]}
        if start + limit < total:
            answer["NextToken"] = model.encode_token(b=before or "", a=after, n=start + limit)
        return answer

    def _differences(
        self, reader: Reader, before: str | None, after: str, req: Params, start: int, limit: int
    ) -> tuple[list[Found], int]:
        old_path, new_path = (model.clean_path(req.get(m) or "", folder=True) for m in ("beforePath", "afterPath"))
        old_path, new_path = old_path or new_path, new_path or old_path
        old = reader.find(before, old_path) if before else None
        new = reader.find(after, new_path)
        if old is None and new is None:
            raise AwsError("PathDoesNotExistException", f"The path {new_path[:200]} does not exist in the commits.")
        files = [entry for entry in (old, new) if entry and not entry.is_folder]
        before_tree, after_tree = (entry.id if entry and entry.is_folder else EMPTY_TREE for entry in (old, new))
        lead = _file_difference(old_path, old, new_path, new) if files else []
        at, left = max(start - len(lead), 0), max(limit - len(lead[start:]), 0)
        changes, total = self._diffs.page(reader.path, before_tree, after_tree, at, left)
        found = [(old_path, new_path, change) for change in changes]
        return [*lead[start : start + limit], *found], len(lead) + total

    def list_file_commit_history(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The commits that changed a file, newest first, each with the versions that followed it."""
        reader = self._open(ctx, req)
        limit = page_size(req.get("maxResults"))
        start = reader.resolve(req.get("commitSpecifier"))
        path = _history_path(req["filePath"])
        token = model.decode_token(req.get("nextToken"), s=str, n=int)
        at = 0
        if token:
            start, at = _resumed(reader, token)
        graph = diff.history(self._rooms.git, reader.path, start, path, count=at + limit + 1)
        children = _children(graph)
        page = graph[at : at + limit]
        answer: dict[str, Any] = {
            "revisionDag": [_version(reader, one, path, children.get(one, [])) for one, _ in page]
        }
        if len(graph) > at + limit:
            answer["nextToken"] = model.encode_token(s=start, n=at + limit)
        return answer


def _resumed(reader: Reader, token: dict[str, Any]) -> tuple[str, int]:
    """Where a history goes on; InvalidContinuationTokenException for a token that we cannot have given."""
    start, at = token["s"], token["n"]
    if not is_object_id(start) or not reader.has_commit(start) or not 0 <= at < 2**30:
        raise AwsError("InvalidContinuationTokenException", "The continuation token is not valid.")
    return start, at


def _history_path(path: str) -> str:
    """A file's path; the operation's model has no exception for a bad one."""
    try:
        return model.clean_path(path)
    except AwsError as error:
        raise AwsError("ValidationException", error.message, status=400) from error


def page_size(asked: Any) -> int:
    """How many results a page holds; InvalidMaxResultsException unless it is positive."""
    if asked is None:
        return model.PAGE
    if not isinstance(asked, int) or asked <= 0:
        raise AwsError("InvalidMaxResultsException", "The number of results must be positive.")
    return min(asked, 1000)


def commit_shape(commit: Commit) -> dict[str, Any]:
    """A commit in the API's shape."""
    return {
        "commitId": commit.id,
        "treeId": commit.tree,
        "parents": list(commit.parents),
        "message": commit.message,
        "author": dict(zip(("name", "email", "date"), commit.author, strict=True)),
        "committer": dict(zip(("name", "email", "date"), commit.committer, strict=True)),
        "additionalData": commit.extra,
    }


def _commit_error(commit_id: str, valid: bool) -> dict[str, str]:
    code = "CommitIdDoesNotExistException" if valid else "InvalidCommitIdException"
    return {"commitId": commit_id, "errorCode": code, "errorMessage": f"Commit {commit_id[:64]} was not found."}


def _file_difference(old_path: str, old: TreeEntry | None, new_path: str, new: TreeEntry | None) -> list[Found]:
    """What became of a file that the path names; a folder on either side shows by its files."""
    old, new = (None if entry is None or entry.is_folder else entry for entry in (old, new))
    if old and new and (old.id, old.mode) == (new.id, new.mode):
        return []
    kind = "A" if old is None else "D" if new is None else "M"
    change = Change(
        b"", kind, old.mode if old else 0, old.id if old else "", new.mode if new else 0, new.id if new else ""
    )
    return [(old_path, new_path, change)]


def _difference(found: Found) -> dict[str, Any]:
    old_path, new_path, change = found
    answer: dict[str, Any] = {"changeType": change.kind}
    if change.old_mode:
        answer["beforeBlob"] = _blob(old_path, change.path, change.old_id, change.old_mode)
    if change.new_mode:
        answer["afterBlob"] = _blob(new_path, change.path, change.new_id, change.new_mode)
    return answer


def _blob(folder: str, path: bytes, blob_id: str, mode: int) -> dict[str, str]:
    name = path.decode("utf-8", "replace")
    full = f"{folder}/{name}" if folder and name else folder or name
    return {"blobId": blob_id, "path": full, "mode": f"{mode or NORMAL:o}"}


def _children(graph: Sequence[tuple[str, Sequence[str]]]) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {}
    for commit_id, parents in graph:
        for parent in parents:
            children.setdefault(parent, []).append(commit_id)
    return children


def _version(reader: Reader, commit_id: str, path: str, children: list[str]) -> dict[str, Any]:
    commit, entry = reader.commit(commit_id), reader.find(commit_id, path)
    version: dict[str, Any] = {"path": path, "revisionChildren": children}
    if commit is not None:
        version["commit"] = commit_shape(commit)
    if entry is not None:
        version["blobId"] = entry.id
    return version
