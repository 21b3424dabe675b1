"""What a session of GetSessionToken or GetFederationToken may never do, whatever its policies say. Pure."""

from __future__ import annotations

from codeyard.contract import AwsError, Principal

_OF_USERS = frozenset({"sts:AssumeRole", "sts:GetCallerIdentity"})
_OF_FEDERATED = frozenset({"sts:GetCallerIdentity"})


def refuse_beyond_session(principal: Principal, action: str) -> None:
    """Refuse an API call of such a session that AWS keeps from it; `action` is the call's own.

    No IAM call without MFA, and of STS a user's session may call AssumeRole and GetCallerIdentity, a federated user's
    only the latter (STS API reference). A role's session has no such limits.
    """
    if not principal.temporary or principal.kind not in ("user", "root", "federated"):
        return
    federated = principal.kind == "federated"
    service, _, name = action.partition(":")
    if service == "iam" and (federated or principal.mfa_at is None):
        raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", status=403)
    if service == "sts" and action not in (_OF_FEDERATED if federated else _OF_USERS):
        raise AwsError("AccessDenied", f"Cannot call {name} with session credentials", status=403)
