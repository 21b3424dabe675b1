"""Conflicts of a merge: what a page shows of them, and what a form says is to become of them. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

MOST_FILES = 20  # four fields of a form each: a form has at most a hundred
MOST_EDITED = 128 * 1024
MOST_HUNKS = 1000
MOST_SHOWN = 4000  # bytes of one side of a hunk, above the text in which all of it stands
_UNWRITABLE = re.compile(r"[^\t\n\r\x20-\x7e\x80-\U0010ffff]|[\x80-\x9f]")
_MARKER = re.compile(r"^(<{7} |={7}$|>{7} )", re.MULTILINE)
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_CHOICES = {"source": "KEEP_SOURCE", "destination": "KEEP_DESTINATION"}


@dataclass(frozen=True)
class Hunk:
    """A place that both sides changed: from which line on, and the text on each side (None: there is none)."""

    line: int
    source: str | None
    destination: str | None


@dataclass(frozen=True)
class File:
    """A file in conflict. `merged` is its text with marks where it is in dispute, None where a side must be taken."""

    path: str
    why: str
    kinds: Mapping[str, str]
    hunks: Sequence[Hunk]
    merged: str | None = None
    crlf: bool = False
    choice: str = ""


def file_of(conflict: Mapping[str, Any], base: bytes | None, names: tuple[str, str]) -> File:
    """A conflict as a page shows it; `base` is the common ancestor's text, `names` those of source and destination."""
    said, hunks = conflict["conflictMetadata"], conflict["mergeHunks"]
    there = said.get("objectTypes", {})
    kinds = {side: "deleted" if side not in there else "" for side in ("source", "destination")}
    shown = [_hunk(one) for one in hunks if one["isConflict"]]
    found = File(said["filePath"], _why(said, kinds), kinds, shown)
    whole = len(hunks) < MOST_HUNKS and not any((said.get("isBinaryFile") or {}).values())
    if not (hunks and whole and there.get("source") == there.get("destination") == "FILE"):
        return found
    if base is None and "base" in there:
        return found
    merged = _merged(_LINE.findall(base or b""), hunks, names)
    if merged is None or len(merged) > MOST_EDITED or _UNWRITABLE.search(merged):
        return found
    crlf = "\r\n" in merged and "\n" not in merged.replace("\r\n", "")
    return replace(found, merged=merged.replace("\r\n", "\n") if crlf else merged, crlf=crlf)


def _why(said: Mapping[str, Any], kinds: Mapping[str, str]) -> str:
    if any(kinds.values()):
        return "One side changed this file, the other deleted it."
    if said.get("objectTypeConflict"):
        return "The sides have different kinds of things here."
    if said.get("fileModeConflict") and not said.get("contentConflict"):
        return "The sides gave this file different modes."
    if any((said.get("isBinaryFile") or {}).values()):
        return "Both sides changed this binary file."
    return "Both sides changed the same lines."


def _hunk(hunk: Mapping[str, Any]) -> Hunk:
    sides = [base64.b64decode(hunk[s]["hunkContent"]) if s in hunk else None for s in ("source", "destination")]
    texts = [None if side is None else _shortened(side) for side in sides]
    line = (hunk.get("destination") or hunk.get("source") or {"startLine": 0})["startLine"] + 1
    return Hunk(line, *texts)


def _shortened(side: bytes) -> str:
    more = "\n…" if len(side) > MOST_SHOWN else ""
    return side[:MOST_SHOWN].decode("utf-8", "replace") + more


def _merged(base: Sequence[bytes], hunks: Sequence[Mapping[str, Any]], names: tuple[str, str]) -> str | None:
    """The merged text, with git's marks around what is in dispute."""
    parts: list[bytes] = []
    at = 0
    for hunk in hunks:
        start, end = (hunk["base"]["startLine"], hunk["base"]["endLine"]) if "base" in hunk else (0, 0)
        source, destination, ancestor = (
            base64.b64decode(hunk[s]["hunkContent"]) if s in hunk else b"" for s in ("source", "destination", "base")
        )
        parts += base[at:start]
        at = end
        if hunk["isConflict"]:
            parts += _disputed(source, destination, names)
        else:
            parts.append(source if source != ancestor else destination)
    try:
        return b"".join([*parts, *base[at:]]).decode()
    except UnicodeDecodeError:
        return None


def _disputed(source: bytes, destination: bytes, names: tuple[str, str]) -> list[bytes]:
    end = b"\r\n" if b"\r\n" in destination + source else b"\n"
    ours, theirs = (text if not text or text.endswith(b"\n") else text + end for text in (destination, source))
    head, foot = f"<<<<<<< {names[1]}".encode(), f">>>>>>> {names[0]}".encode()
    return [head, end, ours, b"=======", end, theirs, foot, end]


def resolution(form: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """A conflictResolution from the fields path-N, choice-N, content-N; or what is missing, in words."""
    replaced: list[dict[str, Any]] = []
    for number in range(MOST_FILES):
        path, choice = form.get(f"path-{number}"), form.get(f"choice-{number}", "")
        if path is None:
            break
        if choice in _CHOICES:
            replaced.append({"filePath": path, "replacementType": _CHOICES[choice]})
        elif choice == "edited":
            text = form.get(f"content-{number}", "").replace("\r\n", "\n")
            if _MARKER.search(text):
                return (
                    {},
                    f"{path} still has conflict marks (<<<<<<<, =======, >>>>>>>). Decide each place, then merge.",
                )
            text = text.replace("\n", "\r\n") if form.get(f"crlf-{number}") == "yes" else text
            replaced.append({"filePath": path, "replacementType": "USE_NEW_CONTENT", "content": text.encode()})
        else:
            return {}, f"Choose what becomes of {path}."
    return {"replaceContents": replaced}, ""


def typed(file: File, number: int, form: Mapping[str, str]) -> File:
    """The file with what was chosen and typed before, so that nothing is lost when something was missing."""
    if form.get(f"path-{number}") != file.path:
        return file
    text = form.get(f"content-{number}")
    kept = file.merged if text is None or file.merged is None else text.replace("\r\n", "\n")
    return replace(file, choice=form.get(f"choice-{number}", ""), merged=kept)
