"""The merge engine: two commits in, a commit or its conflicts out; nothing here moves a reference or writes an object.

`merge` makes the commit of a squash or three-way merge in memory; `attempt` lets one look at the conflicts.
"""

from __future__ import annotations

from codeyard.services.codecommit.merges.attempt import Attempt, attempt
from codeyard.services.codecommit.merges.commits import (
    FAST_FORWARD,
    SQUASH,
    THREE_WAY,
    Manner,
    Merged,
    Wanted,
    event_detail,
    fast_forward,
    merge,
    read_manner,
    read_wanted,
)
from codeyard.services.codecommit.merges.resolution import settle

__all__ = [
    "FAST_FORWARD",
    "SQUASH",
    "THREE_WAY",
    "Attempt",
    "Manner",
    "Merged",
    "Wanted",
    "attempt",
    "event_detail",
    "fast_forward",
    "merge",
    "read_manner",
    "read_wanted",
    "settle",
]
