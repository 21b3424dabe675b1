"""The events of CodeCommit, with their exact JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeyard.contract import Event
from codeyard.git.names import HIDDEN, ZERO, split_ref
from codeyard.services.codecommit.model import Intent, Repository
from codeyard.services.codecommit.pulls.changes import MERGED

STATE_CHANGE = "CodeCommit Repository State Change"
UNREFERENCED = f"{HIDDEN}merges/"


def reference_change(
    repository: Repository, change: Intent, caller_arn: str, detail: Mapping[str, Any], now: int
) -> Event | None:
    """referenceCreated, referenceUpdated or referenceDeleted, or unreferencedMergeCommitCreated.

    None for references that are no branch or tag, nor the server's own name of an unreferenced merge.
    """
    kind, name = split_ref(change.ref)
    if change.old == change.new:
        return None
    if change.ref.startswith(UNREFERENCED) and change.old == ZERO:
        said = {"event": "unreferencedMergeCommitCreated", "commitId": change.new}
        return _event(repository, caller_arn, {**said, **detail}, now)
    if not kind:
        return None
    said = {
        "event": _verb(change),
        "referenceType": kind,
        "referenceName": name,
        "referenceFullName": change.ref,
    }
    if change.new != ZERO:
        said["commitId"] = change.new
    if change.old != ZERO:
        said["oldCommitId"] = change.old
    return _event(repository, caller_arn, {**said, **detail}, now)


def _event(repository: Repository, caller_arn: str, said: Mapping[str, Any], now: int) -> Event:
    who = {"callerUserArn": caller_arn, "repositoryName": repository.name, "repositoryId": repository.id}
    return Event(
        source="aws.codecommit",
        detail_type=STATE_CHANGE,
        detail={**who, **{name: value for name, value in said.items() if name != MERGED}},
        account=repository.account,
        region=repository.region,
        time=now,
        resources=(repository.arn,),
    )


def _verb(change: Intent) -> str:
    if change.old == ZERO:
        return "referenceCreated"
    return "referenceDeleted" if change.new == ZERO else "referenceUpdated"
