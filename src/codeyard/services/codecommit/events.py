"""The events of CodeCommit, with their exact JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeyard.contract import Event
from codeyard.git.names import ZERO, split_ref
from codeyard.services.codecommit.model import Intent, Repository
from codeyard.services.codecommit.pull_changes import MERGED

STATE_CHANGE = "CodeCommit Repository State Change"


def reference_change(
    repository: Repository, change: Intent, caller_arn: str, detail: Mapping[str, Any], now: int
) -> Event | None:
    """referenceCreated, referenceUpdated or referenceDeleted; None for references that are no branch or tag."""
    kind, name = split_ref(change.ref)
    if not kind or change.old == change.new:
        return None
    said: dict[str, Any] = {
        "event": _verb(change),
        "callerUserArn": caller_arn,
        "repositoryName": repository.name,
        "repositoryId": repository.id,
        "referenceType": kind,
        "referenceName": name,
        "referenceFullName": change.ref,
    }
    if change.new != ZERO:
        said["commitId"] = change.new
    if change.old != ZERO:
        said["oldCommitId"] = change.old
    return Event(
        source="aws.codecommit",
        detail_type=STATE_CHANGE,
        detail={**said, **{name: value for name, value in detail.items() if name != MERGED}},
        account=repository.account,
        region=repository.region,
        time=now,
        resources=(repository.arn,),
    )


def _verb(change: Intent) -> str:
    if change.old == ZERO:
        return "referenceCreated"
    return "referenceDeleted" if change.new == ZERO else "referenceUpdated"
