"""STS's operations."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params, Principal, access_denied, not_implemented
from codeyard.engine import Kit
from codeyard.platform.sts import model
from codeyard.platform.sts.errors import validation
from codeyard.platform.sts.model import Door

Answer = dict[str, Any]


class Sts:
    """Temporary credentials, minted by IAM's door."""

    def __init__(self, kit: Kit, door: Door) -> None:
        self._kit, self._door = kit, door

    def get_caller_identity(self, ctx: Context, req: Params) -> Answer:
        """Who the caller is; needs no permission."""
        who = ctx.principal
        return {"UserId": who.principal_id or who.account, "Account": who.account, "Arn": who.arn}

    def get_access_key_info(self, ctx: Context, req: Params) -> Answer:
        """The account that an access key id carries."""
        account = self._door.account_of_key(req["AccessKeyId"])
        if account is None:
            raise validation("The access key ID is not valid.")
        return {"Account": account}

    def assume_role(self, ctx: Context, req: Params) -> Answer:
        """Temporary credentials of a role; its trust policy was checked at the door."""
        _refuse_unbuilt(req, "AssumeRole")
        who, role = ctx.principal, self._door.role(req["RoleArn"])
        if who.kind == "root":
            raise access_denied("Roles may not be assumed by root accounts.", "AccessDenied")
        if role is None:
            raise _not_allowed(who, req["RoleArn"])
        seconds = model.duration(req.get("DurationSeconds"), role.max_session, chained=who.kind == "role")
        tags, transitive = self._tags(who, req)
        policies = self._policies(req, role.account)
        source = _source_identity(who, req)
        session = self._door.role_session(
            role,
            req["RoleSessionName"],
            policies=policies,
            tags=tags,
            transitive=transitive,
            source_identity=source,
            duration_s=seconds,
        )
        answer: Answer = {
            "Credentials": self._door.session_credentials(session, seconds),
            "AssumedRoleUser": {"AssumedRoleId": session.principal_id, "Arn": session.arn},
        }
        if policies or tags:
            answer["PackedPolicySize"] = _packed(req, policies, tags)
        if source:
            answer["SourceIdentity"] = source
        return answer

    def get_session_token(self, ctx: Context, req: Params) -> Answer:
        """Temporary credentials of the calling user; 12 hours unless said otherwise."""
        _refuse_unbuilt(req, "GetSessionToken")
        who = ctx.principal
        if who.temporary or who.kind not in ("user", "root"):
            raise access_denied("Cannot call GetSessionToken with session credentials", "AccessDenied")
        asked = req.get("DurationSeconds") or model.SESSION_TOKEN_S
        seconds = min(int(asked), model.ROOT_SESSION_S) if who.kind == "root" else int(asked)
        return {"Credentials": self._door.session_credentials(who, seconds)}

    def get_federation_token(self, ctx: Context, req: Params) -> Answer:
        """Temporary credentials of a federated user: what the calling user may, as far as the policies passed allow."""
        who = ctx.principal
        if who.temporary or who.kind != "user":
            raise access_denied("Cannot call GetFederationToken with session credentials", "AccessDenied")
        tags, policies = model.session_tags((), model.listed_tags(req)), self._policies(req, who.account)
        federated_id = f"{who.account}:{req['Name']}"
        session = Principal(
            "federated",
            who.account,
            f"arn:aws:sts::{who.account}:federated-user/{req['Name']}",
            principal_id=federated_id,
            name=req["Name"],
            role_arn=who.arn,
            session_policies=policies,
            tags=tags,
        )
        seconds = int(req.get("DurationSeconds") or model.SESSION_TOKEN_S)
        return {
            "Credentials": self._door.session_credentials(session, seconds),
            "FederatedUser": {"FederatedUserId": federated_id, "Arn": session.arn},
            "PackedPolicySize": _packed(req, policies, tags),
        }

    def _policies(self, req: Params, account: str) -> tuple[str, ...]:
        passed = model.passed_policies(req)
        for one in passed:
            if not one.startswith("arn:"):
                self._door.check_policy(one)
            elif not self._door.managed_policy_exists(one, account):
                raise validation(f"Policy {one} does not exist or is not attachable.")
        return passed

    def _tags(self, who: Principal, req: Params) -> tuple[model.Tags, tuple[str, ...]]:
        """The new session's tags, and which of them pass on further."""
        passed, carried = model.listed_tags(req), self._door.transitive_tags(who)
        tags = model.session_tags(model.inherited_tags(who, carried), passed)
        asked = tuple(req.get("TransitiveTagKeys") or ())
        known = {key.lower() for key, _ in tags}
        if any(key.lower() not in known for key in asked):
            raise AwsError(
                "InvalidParameterValue",
                "The specified transitive tag key must be included in the requested tags.",
                status=400,
            )
        return tags, tuple(dict.fromkeys((*carried, *asked)))


def _source_identity(who: Principal, req: Params) -> str:
    """The source identity sticks: once set, a chain carries it, and nobody changes it."""
    asked = str(req.get("SourceIdentity") or "")
    if who.source_identity and asked and asked != who.source_identity:
        raise access_denied("The source identity of a session cannot be changed.", "AccessDenied")
    return who.source_identity or asked


def _packed(req: Params, policies: tuple[str, ...], tags: model.Tags) -> int:
    return model.packed_size(req.get("Policy") or "", [one for one in policies if one.startswith("arn:")], tags)


def _refuse_unbuilt(req: Params, operation: str) -> None:
    for member in ("SerialNumber", "TokenCode", "ProvidedContexts"):
        if req.get(member):
            raise not_implemented("sts", f"{operation} with {member}")


def _not_allowed(who: Principal, arn: str) -> AwsError:
    return access_denied(
        f"User: {who.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}", "AccessDenied"
    )
