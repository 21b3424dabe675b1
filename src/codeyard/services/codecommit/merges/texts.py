"""The content of a path in conflict: its sizes, its hunks, and its lines merged in favour of one side."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeyard.contract import AwsError
from codeyard.git.diff3 import Edit, Region, Span, edits, lines_of, regions
from codeyard.services.codecommit import model
from codeyard.services.codecommit.merges.attempt import Attempt
from codeyard.services.codecommit.merges.versions import SIDES, Conflict, Texts, Version

_SNIFFED = 8000  # as much as git looks at to tell binary from text


@dataclass(frozen=True, slots=True)
class Loaded:
    """A conflict with its texts in memory; binary content is not kept."""

    conflict: Conflict
    texts: Texts
    lines: Mapping[str, Sequence[bytes]]

    @property
    def is_text(self) -> bool:
        """Whether every side that is there is a text."""
        there = [side for side in SIDES if self.conflict.side(side)]
        return len(there) == len(self.lines)

    @property
    def has_lines(self) -> bool:
        """Whether both sides are files of text, so that they can be merged line by line."""
        return self.is_text and self.conflict.files


def load(attempt: Attempt, conflict: Conflict) -> Loaded:
    """Read a conflict's blobs."""
    blobs = {side: found for side in SIDES if (found := conflict.side(side)) is not None and found.is_blob}
    sizes = {side: attempt.size(version.id) for side, version in blobs.items()}
    contents = {side: _text(attempt, version, sizes[side]) for side, version in blobs.items()}
    binary = {side: content is None for side, content in contents.items()}
    lines = {side: lines_of(content) for side, content in contents.items() if content is not None}
    return Loaded(conflict, Texts(sizes, binary), lines)


def _text(attempt: Attempt, version: Version, size: int) -> bytes | None:
    content = attempt.blob(version.id) if size <= model.MAX_TEXT else b"\0"
    return None if b"\0" in content[:_SNIFFED] else content


def changed_regions(attempt: Attempt, loaded: Loaded) -> list[Region]:
    """The lines that a side changed, where both are texts; in a text without an ancestor, all are in conflict."""
    ours = _edits(attempt, loaded, "destination")
    theirs = _edits(attempt, loaded, "source")
    return regions(ours, theirs, loaded.lines["destination"], loaded.lines["source"])


def _edits(attempt: Attempt, loaded: Loaded, side: str) -> list[Edit]:
    base, version = loaded.conflict.base, loaded.conflict.side(side)
    assert version is not None
    if base is None:
        return [Edit(Span(0, 0), Span(0, len(loaded.lines[side])))]
    return edits(attempt.git, attempt.reader.path, attempt.scratch, base.id, version.id)


def conflict_count(attempt: Attempt, loaded: Loaded) -> int:
    """How many conflicts the content has."""
    if not loaded.conflict.content_differs:
        return 0
    if not (attempt.by_line and loaded.has_lines):
        return 1
    return max(1, sum(region.conflict for region in changed_regions(attempt, loaded)))


def hunks(attempt: Attempt, loaded: Loaded) -> list[dict[str, Any]]:
    """MergeHunks: every changed region, or the file as one; none where the content is no text or not in dispute."""
    if not loaded.conflict.content_differs or not loaded.is_text:
        return []
    if max(loaded.texts.sizes.values(), default=0) > model.MAX_FILE:
        raise AwsError("MaximumFileContentToLoadExceededException", "The file is too large for its hunks to be told.")
    if not (attempt.by_line and loaded.has_lines):
        spans = {side: Span(0, len(lines)) for side, lines in loaded.lines.items()}
        return [_hunk(loaded, spans, True)]
    return [_region_hunk(loaded, region) for region in changed_regions(attempt, loaded)]


def _region_hunk(loaded: Loaded, region: Region) -> dict[str, Any]:
    spans = {"source": region.theirs, "destination": region.ours, "base": region.base}
    return _hunk(loaded, {side: spans[side] for side in loaded.lines}, region.conflict)


def _hunk(loaded: Loaded, spans: Mapping[str, Span], conflict: bool) -> dict[str, Any]:
    return {"isConflict": conflict, **{side: _detail(loaded.lines[side], span) for side, span in spans.items()}}


def _detail(lines: Sequence[bytes], span: Span) -> dict[str, Any]:
    content = base64.b64encode(b"".join(lines[span.start : span.end])).decode()
    return {"startLine": span.start, "endLine": span.end, "hunkContent": content}


def favour(attempt: Attempt, loaded: Loaded, side: str) -> bytes:
    """The text merged line by line, with one side's lines where both changed them (as `git merge -X ours|theirs`)."""
    if loaded.conflict.base is None:
        return b"".join(loaded.lines[side])
    base, merged, at = loaded.lines["base"], [], 0
    for region in changed_regions(attempt, loaded):
        from_source = side == "source" if region.conflict else region.by_theirs
        name, span = ("source", region.theirs) if from_source else ("destination", region.ours)
        merged += [*base[at : region.base.start], *loaded.lines[name][span.start : span.end]]
        at = region.base.end
    return b"".join([*merged, *base[at:]])
