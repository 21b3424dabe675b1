"""Git LFS's JSON: what requests ask, checked, and what answers say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import orjson

from codeyard.edge.git.auth import Refused
from codeyard.git.lfs import MAX_BATCH, is_oid, is_size, too_large
from codeyard.git.names import is_valid_ref

KIND = "application/vnd.git-lfs+json"
MAX_PATH = 2000
PAGE = 100
_ACCEPTED = frozenset({KIND, "application/json", "application/*", "*/*"})


def accepts(header: str) -> bool:
    """Whether an Accept header, where there is one, lets us answer in Git LFS's JSON."""
    kinds = {part.partition(";")[0].strip().lower() for part in header.split(",")}
    return not header or bool(kinds & _ACCEPTED)


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a request."""
    try:
        found = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        raise Refused(400, "The body is not JSON.") from None
    if not isinstance(found, dict):
        raise Refused(422, "The body is not a JSON object.")
    return found


def ref_of(said: Mapping[str, Any]) -> str:
    """The full name of the reference that the request is for; empty where it says none, as on a detached HEAD."""
    ref = said.get("ref")
    if ref is None:
        return ""
    name = ref.get("name") if isinstance(ref, dict) else None
    if not isinstance(name, str) or len(name) > 1024:
        raise Refused(422, "ref.name must be the full name of a reference, as in refs/heads/main.")
    return name if is_valid_ref(name) else ""


def batch_of(said: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """The operation and the objects of a batch request."""
    operation, objects = said.get("operation"), said.get("objects")
    if operation not in ("upload", "download"):
        raise Refused(422, "operation must be upload or download.")
    if said.get("hash_algo", "sha256") != "sha256":
        raise Refused(409, "Only hash_algo sha256 is served.")
    transfers = said.get("transfers") or ["basic"]
    if not isinstance(transfers, list) or "basic" not in transfers:
        raise Refused(422, "Only the transfer basic is served.")
    if not isinstance(objects, list):
        raise Refused(422, "objects must be a list.")
    if len(objects) > MAX_BATCH:
        raise Refused(413, f"At most {MAX_BATCH} objects in a batch.")
    return operation, [object_of(one) for one in objects]


def object_of(said: Any) -> dict[str, Any]:
    """One object's oid and size."""
    if not isinstance(said, dict) or not is_oid(said.get("oid")) or not is_size(said.get("size")):
        raise Refused(422, "Each object needs its oid, a SHA-256 in lower-case hexadecimal digits, and its size.")
    return {"oid": said["oid"], "size": said["size"]}


def path_of(said: Mapping[str, Any]) -> str:
    """The path to lock."""
    path = said.get("path")
    if not isinstance(path, str) or not path or not path.isprintable() or _too_long(path):
        raise Refused(422, f"path must be a printable text of at most {MAX_PATH} bytes.")
    return path


def _too_long(path: str) -> bool:
    return len(path.encode("utf-8", "replace")) > MAX_PATH


def listing_of_query(query: str) -> dict[str, Any]:
    """What a list of locks is asked for in a query."""
    said: dict[str, Any] = {name: values[-1] for name, values in parse_qs(query).items()}
    if limit := said.get("limit"):
        said["limit"] = int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 10 else -1
    return listing_of(said)


def listing_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """What a list of locks is asked for: path, id, cursor and limit."""
    asked: dict[str, Any] = {name: said.get(name) or "" for name in ("path", "id", "cursor")}
    limit = said.get("limit") or PAGE
    if not all(isinstance(text, str) and text.isprintable() and not _too_long(text) for text in asked.values()):
        raise Refused(422, "path, id and cursor must be texts.")
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise Refused(422, "limit must be a number from 1.")
    return {**asked, "limit": min(limit, PAGE)}


def fault_of(operation: str, one: Mapping[str, Any], stored: int | None) -> dict[str, Any] | None:
    """Why an object of a batch cannot be transferred, or None."""
    if operation == "download" and stored is None:
        return {"code": 404, "message": "The object does not exist."}
    if stored is not None and stored != one["size"]:
        return {"code": 422, "message": f"The object has {stored} bytes, not {one['size']}."}
    message = too_large(one["size"])
    return {"code": 422, "message": message} if message else None


def span_of(header: str, size: int) -> tuple[int, int] | None:
    """(start, length) of a Range header with one range; None to send the whole; Refused (416) beyond the object."""
    unit, _, said = header.partition("=")
    first, dash, last = said.strip().partition("-")
    numbers = all(not text or (text.isascii() and text.isdigit() and len(text) < 20) for text in (first, last))
    if unit.strip() != "bytes" or not dash or not numbers or not (first or last):
        return None
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None
    if start >= end:
        raise Refused(416, "The range is beyond the object.", [("content-range", f"bytes */{size}")])
    return start, end - start
