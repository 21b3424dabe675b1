"""Git LFS in words that its door and its keeper share: object ids, limits, and what a request asks for."""

from __future__ import annotations

import re
from typing import Any

from codeyard.contract import Staged

MAX_OBJECT = 2 * 1024**3
MAX_BATCH = 1000
SHOWN = 100

_OID = re.compile(r"[0-9a-f]{64}\Z")


class LfsRequest(dict[str, Any]):
    """The parameters of a GitPull or GitPush for large files. The mapping is what the trail may show of it.

    `action` is one of download, upload, get, put, verify, locks, lock, verify-locks and unlock; `asked` are its
    arguments; `staged` is the object that was sent, by `put` alone; `repository_id` is empty unless a link named it.
    """

    def __init__(
        self,
        params: dict[str, Any],
        action: str,
        asked: dict[str, Any],
        *,
        staged: Staged | None = None,
        repository_id: str = "",
    ) -> None:
        shown = {name: value[:SHOWN] if isinstance(value, list) else value for name, value in asked.items()}
        super().__init__({**params, "lfs": {"action": action, **shown}})
        self.action, self.asked, self.staged, self.repository_id = action, asked, staged, repository_id


def is_oid(text: object) -> bool:
    """Whether it is an object's id: a SHA-256 in lower-case hexadecimal digits."""
    return isinstance(text, str) and _OID.match(text) is not None


def is_size(value: object) -> bool:
    """Whether it is a number of bytes."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def too_large(size: int) -> str:
    """What is said of an object beyond the limit; empty for the others."""
    if size <= MAX_OBJECT:
        return ""
    return f"The object has {size} bytes; at most {MAX_OBJECT} bytes (2 GiB) are stored in one Git LFS object."
