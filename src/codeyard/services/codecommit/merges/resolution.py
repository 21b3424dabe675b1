"""How conflicts are settled: all by one strategy, or one by one as the request says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from codeyard.contract import AwsError
from codeyard.git.objects import NewObject
from codeyard.services.codecommit import model
from codeyard.services.codecommit.merges import texts
from codeyard.services.codecommit.merges.attempt import Attempt
from codeyard.services.codecommit.merges.versions import Conflict, Version, file_mode

_SIDE_OF = {"ACCEPT_SOURCE": "source", "ACCEPT_DESTINATION": "destination"}
_KEPT = {"KEEP_SOURCE": "source", "KEEP_DESTINATION": "destination", "KEEP_BASE": "base"}


@dataclass(frozen=True, slots=True)
class Replacement:
    """What a file in conflict becomes."""

    kind: str
    content: bytes | None
    mode: int | None


@dataclass(frozen=True, slots=True)
class Resolution:
    """A request's conflictResolution: each path stands in one of them."""

    replace: Mapping[str, Replacement] = field(default_factory=dict)
    delete: frozenset[str] = frozenset()
    modes: Mapping[str, int] = field(default_factory=dict)


def read_resolution(given: Mapping[str, Any] | None, strategy: str) -> Resolution:
    """Read a conflictResolution, with the refusals that need no repository."""
    entries = given or {}
    replaced, deleted, moded = (entries.get(m) or () for m in ("replaceContents", "deleteFiles", "setFileModes"))
    if (replaced or deleted or moded) and strategy != "AUTOMERGE":
        raise AwsError("InvalidConflictResolutionException", "A conflict resolution needs the strategy AUTOMERGE.")
    if len(replaced) + len(deleted) + len(moded) > model.MAX_RESOLUTIONS:
        raise AwsError("MaximumConflictResolutionEntriesExceededException", "Too many entries resolve conflicts.")
    paths = [model.clean_path(_path(entry)) for entry in (*replaced, *deleted, *moded)]
    if len(set(paths)) != len(paths):
        raise AwsError("MultipleConflictResolutionEntriesException", "A conflict is resolved more than once.")
    _check_sizes(len(entry.get("content") or b"") for entry in replaced)
    return Resolution(
        {model.clean_path(entry["filePath"]): _replacement(entry) for entry in replaced},
        frozenset(model.clean_path(entry["filePath"]) for entry in deleted),
        {model.clean_path(entry["filePath"]): file_mode(entry["fileMode"]) for entry in moded},
    )


def _path(entry: Mapping[str, Any]) -> str:
    if not entry["filePath"]:
        raise AwsError("PathRequiredException", "A conflict resolution needs a path.")
    return str(entry["filePath"])


def _check_sizes(sizes: Any) -> None:
    found = list(sizes)
    if max(found, default=0) > model.MAX_FILE or sum(found) > model.MAX_REQUEST_CONTENT:
        raise AwsError("FileContentSizeLimitExceededException", "At most 6 MB a file and 7 MB together.")


def _replacement(entry: Mapping[str, Any]) -> Replacement:
    kind, content = entry["replacementType"], entry.get("content")
    if kind == "USE_NEW_CONTENT" and content is None:
        raise AwsError("ReplacementContentRequiredException", "USE_NEW_CONTENT needs content.")
    if kind != "USE_NEW_CONTENT" and content is not None:
        raise AwsError("InvalidReplacementContentException", f"{kind} takes no content.")
    return Replacement(kind, content, file_mode(entry["fileMode"]) if entry.get("fileMode") else None)


def settle(attempt: Attempt, strategy: str) -> None:
    """Settle every conflict in favour of the side that the strategy names; nothing for the others."""
    side = _SIDE_OF.get(strategy)
    for path in attempt.paths if side else ():
        conflict = attempt.conflicts[path]
        by_content = attempt.by_line and conflict.files
        attempt.choose(conflict, _favoured(attempt, conflict, side or "") if by_content else conflict.side(side or ""))


def _favoured(attempt: Attempt, conflict: Conflict, side: str) -> Version:
    """A file with the lines, or, where it is not a text, the content of one side."""
    chosen, mode = conflict.side(side), _mode(conflict, side)
    assert chosen is not None
    loaded = texts.load(attempt, conflict)
    if not loaded.has_lines:
        return Version(mode, chosen.id)
    blob = NewObject("blob", texts.favour(attempt, loaded, side))
    attempt.objects.append(blob)
    return Version(mode, blob.id)


def _mode(conflict: Conflict, side: str) -> int:
    """The mode that one side chose, or the favoured one's where both did."""
    base, chosen = conflict.base, conflict.side(side)
    other = conflict.destination if side == "source" else conflict.source
    assert chosen is not None
    assert other is not None
    return other.mode if base is not None and chosen.mode == base.mode else chosen.mode


def resolve(attempt: Attempt, resolution: Resolution) -> None:
    """Settle the conflicts that the request settles; InvalidConflictResolutionException for what is not in conflict."""
    named = {*resolution.replace, *resolution.delete, *resolution.modes}
    for path in sorted(named - set(attempt.conflicts)):
        raise AwsError("InvalidConflictResolutionException", f"The file {path[:200]} is not in conflict.")
    settled = {path: _settled(attempt, attempt.conflicts[path], resolution) for path in attempt.paths if path in named}
    for path, version in settled.items():
        if version is not None:
            attempt.choose(attempt.conflicts[path], version.chosen)
    _check_kept(attempt, settled)


@dataclass(frozen=True, slots=True)
class _Choice:
    chosen: Version | None


def _settled(attempt: Attempt, conflict: Conflict, resolution: Resolution) -> _Choice | None:
    """What becomes of a conflict; None where a new mode leaves its content in dispute."""
    if conflict.path in resolution.delete:
        return _Choice(None)
    if conflict.path in resolution.replace:
        return _Choice(_replaced(attempt, conflict, resolution.replace[conflict.path]))
    there = conflict.source
    if there is None or not there.is_blob or conflict.content_differs or conflict.type_differs:
        return None
    return _Choice(Version(resolution.modes[conflict.path], there.id))


def _replaced(attempt: Attempt, conflict: Conflict, wanted: Replacement) -> Version | None:
    if wanted.content is None:
        kept = conflict.side(_KEPT[wanted.kind])
        return Version(wanted.mode or kept.mode, kept.id) if kept is not None and kept.is_blob else kept
    there = [version for version in (conflict.destination, conflict.source) if version is not None]
    if any(not version.is_blob for version in there):
        raise AwsError(
            "InvalidReplacementTypeException", "A conflict of folders or submodules takes a side, no content."
        )
    blob = NewObject("blob", wanted.content)
    attempt.objects.append(blob)
    return Version(wanted.mode or (there[0].mode if there else file_mode("NORMAL")), blob.id)


def _check_kept(attempt: Attempt, settled: Mapping[str, _Choice | None]) -> None:
    """A file and a folder cannot both be kept at one place."""
    for path, choice in settled.items():
        chosen = choice.chosen if choice else None
        there = attempt.editor.get(path)
        if chosen is not None and (there is None or (there.is_folder and chosen.type != "DIRECTORY")):
            raise AwsError("InvalidConflictResolutionException", f"{path[:200]} is kept as a file and as a folder.")
