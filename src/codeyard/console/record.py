"""Signing in and out as CloudTrail writes it down (eventType AwsConsoleSignIn).

AWS records no sign-out; ours is named as IAM Identity Center's is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from codeyard.contract import Origin, Principal
from codeyard.formats.moments import iso_z

_HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"


@dataclass(frozen=True, slots=True)
class Visit:
    """Whom a record is about: the user where one is known, the account anyhow, from where to which page, and when."""

    user: Principal | None
    account: str
    region: str
    origin: Origin
    page: str
    event_id: str
    time_us: int


def signed_in(visit: Visit, by: str) -> dict[str, Any]:
    """The ConsoleLogin record of who was let in by a password or a one-time link."""
    return _record(visit, "ConsoleLogin", "Success", _login(visit, by))


def turned_away(visit: Visit, by: str) -> dict[str, Any]:
    """The ConsoleLogin record of who was not; a name that no user has may be a password, and is not shown."""
    return {**_record(visit, "ConsoleLogin", "Failure", _login(visit, by)), "errorMessage": "Failed authentication"}


def signed_out(visit: Visit) -> dict[str, Any]:
    """The Logout record."""
    return _record(visit, "Logout", "Success", {"LogoutFrom": visit.page})


def _login(visit: Visit, by: str) -> dict[str, str]:
    used = visit.user is not None and visit.user.mfa_at is not None
    return {"LoginTo": visit.page, "MobileVersion": "No", "MFAUsed": "Yes" if used else "No", "LoginBy": by}


def _record(visit: Visit, name: str, outcome: str, additional: dict[str, str]) -> dict[str, Any]:
    return {
        "eventVersion": "1.11",
        "userIdentity": _identity(visit),
        "eventTime": iso_z(visit.time_us),
        "eventSource": "signin.amazonaws.com",
        "eventName": name,
        "awsRegion": visit.region,
        "sourceIPAddress": visit.origin.source_ip,
        "userAgent": visit.origin.user_agent,
        "requestParameters": None,
        "responseElements": {name: outcome},
        "additionalEventData": additional,
        "eventID": visit.event_id,
        "readOnly": False,
        "eventType": "AwsConsoleSignIn",
        "managementEvent": True,
        "recipientAccountId": visit.account,
        "eventCategory": "Management",
    }


def _identity(visit: Visit) -> dict[str, Any]:
    user = visit.user
    if user is None:
        return {"type": "IAMUser", "accountId": visit.account, "accessKeyId": "", "userName": _HIDDEN}
    facts = {"principalId": user.principal_id, "arn": user.arn, "accountId": visit.account, "userName": user.name}
    return {"type": "IAMUser", **facts}
