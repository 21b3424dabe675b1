"""Operations on blobs: one's content, and the lines in which two differ."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.git import hunks
from codeyard.git.hunks import BlobDiffs, Hunk, Line
from codeyard.git.names import is_object_id
from codeyard.services.codecommit import model
from codeyard.services.codecommit.api.base import Base, Rooms, required
from codeyard.services.codecommit.api.commits import page_size
from codeyard.services.codecommit.reading import Reader

_KINDS = {" ": "CONTEXT", "+": "ADD", "-": "DELETE"}
_PAGE, _CONTEXT, _MOST_CONTEXT = 100, 3, 20


class Blobs(Base):
    """GetBlob and GetBlobDifferences."""

    def __init__(self, rooms: Rooms) -> None:
        super().__init__(rooms)
        self._blob_diffs = BlobDiffs(rooms.git)

    def get_blob(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A blob's content, at most 6 MB."""
        return {"content": _content(self._open(ctx, req), req["blobId"])}

    def get_blob_differences(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The lines in which two blobs differ, a page of hunks at a time; all lines of one that came from nothing."""
        reader, limit = self._open(ctx, req), page_size(req.get("MaxResults") or _PAGE)
        after_id = required(req, "afterBlobId", "BlobIdRequiredException")
        before_id, context = req.get("beforeBlobId"), req.get("contextLines")
        context = _CONTEXT if context is None else context
        if not 0 <= context <= _MOST_CONTEXT:
            text = f"contextLines must be between 0 and {_MOST_CONTEXT}."
            raise AwsError("ValidationException", text, status=400)
        loose = bool(req.get("ignoreWhitespace"))
        asked = {"b": before_id or "", "a": after_id, "c": context, "w": loose}
        start = _start(req, asked)
        after = _content(reader, after_id)
        before = _content(reader, before_id) if before_id is not None else b""
        answer: dict[str, Any] = {"isBinary": hunks.is_binary(before) or hunks.is_binary(after), "hunks": []}
        answer |= {"beforeBlobSize": len(before), "afterBlobSize": len(after)}
        if not answer["isBinary"]:
            found = self._hunks(reader, before_id, after_id, after, context, loose)
            answer["hunks"] = [_shown(one) for one in found[start : start + limit]]
            if len(found) > start + limit:
                answer["NextToken"] = model.encode_token(**asked, n=start + limit)
        return answer

    def _hunks(
        self, reader: Reader, before: str | None, after: str, content: bytes, context: int, loose: bool
    ) -> list[Hunk]:
        if before is None:
            return hunks.added(content)
        return self._blob_diffs.hunks(reader.path, before, after, context=context, ignore_whitespace=loose)


def _start(req: Params, asked: dict[str, Any]) -> int:
    """Which hunk the page begins with; InvalidContinuationTokenException for the token of another question."""
    token = model.decode_token(req.get("NextToken"), b=str, a=str, c=int, w=bool, n=int)
    if not token:
        return 0
    if {name: token[name] for name in asked} != asked or token["n"] < 0:
        raise AwsError("InvalidContinuationTokenException", "The token belongs to another comparison.")
    return int(token["n"])


def _content(reader: Reader, blob_id: str) -> bytes:
    if not is_object_id(blob_id):
        raise AwsError("InvalidBlobIdException", "A blob ID is a full, lower-case SHA-1.")
    found = reader.blob(blob_id, model.MAX_FILE)
    if found is None:
        raise AwsError("BlobIdDoesNotExistException", f"The blob {blob_id} does not exist.")
    return found[1]


def _shown(one: Hunk) -> dict[str, Any]:
    return {
        "beforeStartLine": one.before_start,
        "beforeLineCount": one.before_count,
        "afterStartLine": one.after_start,
        "afterLineCount": one.after_count,
        "changes": [_change(line) for line in one.lines],
    }


def _change(line: Line) -> dict[str, Any]:
    numbers = {"beforeLineNumber": line.before, "afterLineNumber": line.after}
    shown = {name: number for name, number in numbers.items() if number}
    return {"type": _KINDS[line.kind], **shown, "content": line.content.decode("utf-8", "replace")}
