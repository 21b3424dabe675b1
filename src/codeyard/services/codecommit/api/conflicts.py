"""Operations that say how a merge would go: its options, the files in conflict, and their hunks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.services.codecommit import merges, model
from codeyard.services.codecommit.api.base import Base
from codeyard.services.codecommit.api.merges import tips
from codeyard.services.codecommit.merges import FAST_FORWARD, SQUASH, THREE_WAY, Attempt, texts
from codeyard.services.codecommit.merges.texts import Loaded
from codeyard.services.codecommit.merges.versions import Conflict, metadata
from codeyard.services.codecommit.reading import Reader

_MAX_PAGE = 1000
_PAGE_BYTES = 8 * 1024 * 1024  # of hunks: a page ends with the one that goes beyond


class Conflicts(Base):
    """Look at a merge without making it."""

    def get_merge_options(self, ctx: Context, req: Params) -> dict[str, Any]:
        """How two commits can be merged, at the level of detail and with the strategy asked for."""
        with self._attempt(ctx, req) as attempt:
            clean = not attempt.conflicts
            options = [FAST_FORWARD] if attempt.sides.forward else []
            options += [SQUASH, THREE_WAY] if clean else []
            return {"mergeOptions": options, **_commits(attempt), "baseCommitId": attempt.sides.base or ""}

    def get_merge_conflicts(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Whether two commits merge, and what is in conflict, a page of files at a time."""
        limit = _limit(req, "maxConflictFiles", "InvalidMaxConflictFilesException")
        with self._attempt(ctx, req, _resolve_pair) as attempt:
            if req["mergeOption"] == FAST_FORWARD:
                return {"mergeable": attempt.sides.forward, **_commits(attempt), "conflictMetadataList": []}
            start = _start(req, attempt)
            paths = attempt.paths[start : start + limit]
            found = [_metadata(attempt, texts.load(attempt, attempt.conflicts[path])) for path in paths]
            answer = {"mergeable": not attempt.conflicts, **_commits(attempt), "conflictMetadataList": found}
            return answer | _next(attempt, start + limit, len(attempt.conflicts))

    def describe_merge_conflicts(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The conflicts of one file, a page of hunks at a time."""
        limit = _limit(req, "maxMergeHunks", "InvalidMaxMergeHunksException")
        path = model.clean_path(req["filePath"])
        with self._attempt(ctx, req) as attempt:
            _no_fast_forward(req)
            loaded = texts.load(attempt, _described(attempt, path))
            start = _start(req, attempt)
            hunks = texts.hunks(attempt, loaded) if path in attempt.conflicts else []
            shown = _fitting(hunks[start : start + limit])
            answer = {"conflictMetadata": _metadata(attempt, loaded), "mergeHunks": shown}
            return {**answer, **_commits(attempt), **_next(attempt, start + len(shown), len(hunks))}

    def batch_describe_merge_conflicts(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The conflicts of several files, or of all, with their first hunks; a page of files at a time."""
        limit = _limit(req, "maxConflictFiles", "InvalidMaxConflictFilesException")
        most_hunks = _limit(req, "maxMergeHunks", "InvalidMaxMergeHunksException")
        with self._attempt(ctx, req) as attempt:
            _no_fast_forward(req)
            asked = list(dict.fromkeys(req.get("filePaths") or attempt.paths))
            start = _start(req, attempt)
            answer: dict[str, Any] = {"conflicts": [], "errors": []}
            end, size = start, 0
            while end < min(start + limit, len(asked)) and size <= _PAGE_BYTES:
                member, found = _described_or_error(attempt, asked[end], most_hunks)
                answer[member].append(found)
                end, size = end + 1, size + sum(map(_size, found.get("mergeHunks", ())))
            return {**answer, **_commits(attempt), **_next(attempt, end, len(asked))}

    @contextmanager
    def _attempt(
        self,
        ctx: Context,
        req: Params,
        resolve: Callable[[Reader, Params], tuple[str, str]] = tips,
    ) -> Iterator[Attempt]:
        """The merge that a request speaks of, with the conflicts that its strategy leaves."""
        manner = merges.read_manner(req)
        reader = self._open(ctx, req)
        source, destination = resolve(reader, req)
        with merges.attempt(self._rooms.git, reader, source, destination, by_line=manner.by_line) as attempt:
            merges.settle(attempt, manner.strategy)
            yield attempt


def _resolve_pair(reader: Reader, req: Params) -> tuple[str, str]:
    """As `tips`, though GetMergeConflicts says which of the specifiers is not valid."""
    for side in ("source", "destination"):
        specifier = req.get(f"{side}CommitSpecifier")
        try:
            reader.resolve(specifier)
        except AwsError as error:
            if error.code != "InvalidCommitException" or not specifier:
                raise
            raise AwsError(f"Invalid{side.title()}CommitSpecifierException", error.message) from error
    return tips(reader, req)


def _no_fast_forward(req: Params) -> None:
    if req["mergeOption"] == FAST_FORWARD:
        raise AwsError("InvalidMergeOptionException", "A fast-forward merge has no conflicts to describe.")


def _limit(req: Params, member: str, code: str) -> int:
    asked = req.get(member)
    if asked is None:
        return model.PAGE
    if not isinstance(asked, int) or asked <= 0:
        raise AwsError(code, f"{member} must be positive.")
    return min(asked, _MAX_PAGE)


def _size(hunk: Mapping[str, Any]) -> int:
    return sum(len(side["hunkContent"]) for side in hunk.values() if isinstance(side, dict))


def _fitting(hunks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many of the hunks as a page holds, and one at least."""
    sizes = list(itertools.accumulate(map(_size, hunks)))
    return list(hunks[: sum(size <= _PAGE_BYTES for size in sizes) + 1])


def _commits(attempt: Attempt) -> dict[str, str]:
    sides = attempt.sides
    base = {"baseCommitId": sides.base} if sides.base else {}
    return {"sourceCommitId": sides.source, "destinationCommitId": sides.destination, **base}


def _start(req: Params, attempt: Attempt) -> int:
    token = model.decode_token(req.get("nextToken"), s=str, d=str, n=int)
    if token and (token["s"], token["d"]) != (attempt.sides.source, attempt.sides.destination):
        raise AwsError("InvalidContinuationTokenException", "The token belongs to other commits.")
    return max(token["n"], 0) if token else 0


def _next(attempt: Attempt, end: int, total: int) -> dict[str, str]:
    sides = attempt.sides
    return {"nextToken": model.encode_token(s=sides.source, d=sides.destination, n=end)} if end < total else {}


def _metadata(attempt: Attempt, loaded: Loaded) -> dict[str, Any]:
    in_conflict = loaded.conflict.path in attempt.conflicts
    found = metadata(loaded.conflict, loaded.texts, texts.conflict_count(attempt, loaded) if in_conflict else 0)
    clean = {"numberOfConflicts": 0, "fileModeConflict": False, "objectTypeConflict": False}
    return found if in_conflict else {**found, **clean}


def _described(attempt: Attempt, path: str) -> Conflict:
    """The conflict at a path, or the versions of a file that has none; FileDoesNotExistException for no file."""
    if path in attempt.conflicts:
        return attempt.conflicts[path]
    sides = attempt.sides
    base, source, destination = (sides.at(attempt.reader, side, path) for side in ("base", "source", "destination"))
    if not any(version is not None and version.is_blob for version in (base, source, destination)):
        raise AwsError("FileDoesNotExistException", f"The file {path[:200]} does not exist.")
    return Conflict(path, base, source, destination)


def _described_or_error(attempt: Attempt, path: str, most_hunks: int) -> tuple[str, Mapping[str, Any]]:
    try:
        loaded = texts.load(attempt, _described(attempt, model.clean_path(path)))
        hunks = texts.hunks(attempt, loaded) if loaded.conflict.path in attempt.conflicts else []
    except AwsError as error:
        return "errors", {"filePath": path, "exceptionName": error.code, "message": error.message}
    return "conflicts", {"conflictMetadata": _metadata(attempt, loaded), "mergeHunks": _fitting(hunks[:most_hunks])}
