"""The trail's record of a change that was done but whose call died before it could write its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from codeyard.contract import Context
from codeyard.services.codecommit.model import Intent, Repository

_KINDS = {"root": "Root", "user": "IAMUser", "role": "AssumedRole", "federated": "FederatedUser"}


def caller_of(ctx: Context) -> dict[str, Any]:
    """What an intent keeps of its call: enough for events and a record, and no credentials."""
    principal = ctx.principal
    identity = {
        "type": _KINDS.get(principal.kind, "AWSService"),
        "principalId": principal.principal_id or principal.account,
        "arn": principal.arn,
        "accountId": principal.account,
        "accessKeyId": principal.access_key_id,
        "userName": principal.name if principal.kind == "user" else "",
        "invokedBy": principal.name if principal.kind == "service" else principal.invoked_by,
    }
    return {
        "arn": principal.arn,
        "identity": {member: value for member, value in identity.items() if value},
        "operation": ctx.operation,
        "request": ctx.request_id,
        "ip": ctx.origin.source_ip,
        "agent": ctx.origin.user_agent,
        "at": ctx.now,
    }


def settled_record(
    repository: Repository, caller: Mapping[str, Any], done: Sequence[Intent], event_id: str
) -> dict[str, Any]:
    """A CloudTrail record that says it was written afterwards."""
    at = datetime.fromtimestamp(caller["at"] // 1_000_000, UTC)
    references = [{"ref": change.ref, "commit": change.new} for change in done]
    return {
        "eventVersion": "1.11",
        "userIdentity": caller["identity"],
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "codecommit.amazonaws.com",
        "eventName": caller["operation"],
        "awsRegion": repository.region,
        "sourceIPAddress": caller["ip"],
        "userAgent": caller["agent"],
        "requestParameters": {"repositoryName": repository.name, "references": references},
        "responseElements": None,
        "additionalEventData": {"repositoryId": repository.id, "recordedAfterInterruption": True},
        "requestID": caller["request"],
        "eventID": event_id,
        "readOnly": False,
        "resources": [{"accountId": repository.account, "type": "AWS::CodeCommit::Repository", "ARN": repository.arn}],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": repository.account,
        "eventCategory": "Management",
    }
