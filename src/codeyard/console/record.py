"""Signing in as CloudTrail writes it down (eventType AwsConsoleSignIn)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from codeyard.contract import Origin, Principal

_HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"


def sign_in(
    principal: Principal | None,
    account: str,
    origin: Origin,
    region: str,
    *,
    page: str,
    by: str,
    event_id: str,
    time_us: int,
) -> dict[str, Any]:
    """The ConsoleLogin record. A failed one names nobody: people type passwords into the wrong field."""
    record: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": _identity(principal, account),
        "eventTime": _moment(time_us),
        "eventSource": "signin.amazonaws.com",
        "eventName": "ConsoleLogin",
        "awsRegion": region,
        "sourceIPAddress": origin.source_ip,
        "userAgent": origin.user_agent,
        "requestParameters": None,
        "responseElements": {"ConsoleLogin": "Success" if principal else "Failure"},
        "additionalEventData": {"LoginTo": page, "MobileVersion": "No", "MFAUsed": "No", "LoginBy": by},
        "eventID": event_id,
        "readOnly": False,
        "eventType": "AwsConsoleSignIn",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
    return record if principal else record | {"errorMessage": "Failed authentication"}


def _identity(principal: Principal | None, account: str) -> dict[str, Any]:
    if principal is None:
        return {"type": "IAMUser", "accountId": account, "accessKeyId": "", "userName": _HIDDEN}
    return {
        "type": "IAMUser",
        "principalId": principal.principal_id,
        "arn": principal.arn,
        "accountId": account,
        "userName": principal.name,
    }


def _moment(time_us: int) -> str:
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
