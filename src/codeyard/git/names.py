"""Rules for names in git: reference names, branch names and object ids, as pure functions."""

from __future__ import annotations

import re

ZERO = "0" * 40
HIDDEN = "refs/codeyard/"

_ID = re.compile(r"[0-9a-f]{40}\Z")
_ID_ANY_CASE = re.compile(r"[0-9a-fA-F]{40}\Z")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]")


def is_object_id(text: str) -> bool:
    """Whether the text is a full, lower-case SHA-1 object id."""
    return _ID.match(text) is not None


def is_valid_ref(name: str) -> bool:
    """Whether `git check-ref-format` would accept the full name (`refs/…/…`)."""
    return name.startswith("refs/") and name.count("/") >= 2 and is_valid_ref_part(name)


def is_valid_ref_part(name: str) -> bool:
    """Whether the name keeps the rules of check-ref-format, one level or more."""
    if not name or name == "@" or name[-1] in "/." or name.startswith("-"):
        return False
    if ".." in name or "@{" in name or _FORBIDDEN.search(name):
        return False
    return all(_is_valid_component(part) for part in name.split("/"))


def _is_valid_component(part: str) -> bool:
    return bool(part) and not part.startswith(".") and not part.endswith(".lock")


def is_valid_branch(name: str) -> bool:
    """Whether a branch may have the name: a valid reference of 256 characters that is no commit id."""
    if not 1 <= len(name) <= 256 or _ID_ANY_CASE.match(name) or name == "HEAD":
        return False
    return is_valid_ref_part(name)


def is_hidden(ref: str) -> bool:
    """Whether the reference is one of the server's own, which no client sees or moves."""
    return ref.startswith(HIDDEN)


def split_ref(ref: str) -> tuple[str, str]:
    """The kind (`branch`, `tag`, or an empty string) and the short name of a full reference name."""
    for prefix, kind in (("refs/heads/", "branch"), ("refs/tags/", "tag")):
        if ref.startswith(prefix):
            return kind, ref[len(prefix) :]
    return "", ref
