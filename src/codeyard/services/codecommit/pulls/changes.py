"""What happens to pull requests in the transaction of a reference's change, by push and by API alike."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from codeyard.git.names import ZERO
from codeyard.services.codecommit.model import Intent, Repository
from codeyard.services.codecommit.pulls import events as pull_events
from codeyard.services.codecommit.pulls import store as pull_store

MERGED = "pullRequest"  # what an intent's detail calls the pull request that it merges


def new_revision() -> str:
    """A revision id: 64 hexadecimal digits that nobody guesses."""
    return secrets.token_hex(32)


def record(
    tx: Any, repository: Repository, pull: str, kind: str, name: str, caller: str, now: int, said: Mapping[str, Any],
    **more: str,
) -> None:  # fmt: skip
    """Put one change of a pull request among its events and on the bus."""
    pull_store.update(tx, pull, modified=now)
    pull_store.add_event(tx, pull, f"PULL_REQUEST_{kind}", caller, now, said)
    tx.emit(pull_events.pull_change(repository, pull_store.get(tx, pull), name, caller, now, **more))


def follow(tx: Any, repository: Repository, change: Intent, caller: str, detail: Mapping[str, Any], now: int) -> None:
    """Let pull requests follow a reference that moved: merged by it, come from it, or going into it.

    A deleted branch changes nothing: its pull requests keep their last commits, and cannot be merged.
    """
    if change.old == change.new:
        return
    if MERGED in detail:
        merged(tx, repository, detail[MERGED], change.new, str(detail["mergeOption"]), change.old, caller, now)
    if change.new == ZERO:
        return
    for pull in pull_store.open_from(tx, repository.id, change.ref):
        if pull.source_commit != change.new:
            _move_source(tx, repository, pull, change.new, caller, now)
    pull_store.move_destination(tx, repository.id, change.ref, change.new)


def _move_source(tx: Any, repository: Repository, pull: Any, commit: str, caller: str, now: int) -> None:
    """A new revision, which nobody has approved."""
    pull_store.update(tx, pull.pull, source_commit=commit, revision=new_revision())
    said = {"before": pull.source_commit, "after": commit, "destination": pull.destination_commit}
    kind, name = "SOURCE_REFERENCE_UPDATED", "pullRequestSourceBranchUpdated"
    record(tx, repository, pull.pull, kind, name, caller, now, said)


def merged(
    tx: Any, repository: Repository, pull: str, commit: str, option: str, destination: str, caller: str, now: int
) -> None:
    """Close a pull request as merged."""
    found = pull_store.get(tx, pull)
    if found is None or found.status != "OPEN":
        return
    values = {"merged_by": caller, "merge_commit": commit, "merge_option": option}
    pull_store.update(tx, pull, status="CLOSED", destination_commit=destination, **values)
    pull_store.add_event(tx, pull, "PULL_REQUEST_STATUS_CHANGED", caller, now, {"status": "CLOSED"})
    said = {"destination": found.destination, **values}
    kind, name = "MERGE_STATE_CHANGED", "pullRequestMergeStatusUpdated"
    record(tx, repository, pull, kind, name, caller, now, said, mergeOption=option)
