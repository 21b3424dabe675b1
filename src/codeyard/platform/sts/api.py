"""STS's operations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from codeyard.contract import AwsError, Context, Params, Principal, access_denied, not_implemented
from codeyard.engine import Kit
from codeyard.formats.moments import whole_second
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
        if ctx.principal.temporary and ctx.principal.kind != "role":
            raise access_denied("Cannot call GetAccessKeyInfo with session credentials", "AccessDenied")
        account = self._door.account_of_key(req["AccessKeyId"])
        if account is None:
            raise validation("The access key ID is not valid.")
        return {"Account": account}

    def assume_role(self, ctx: Context, req: Params) -> Answer:
        """Temporary credentials of a role; its trust policy was checked at the door."""
        if req.get("ProvidedContexts"):
            raise not_implemented("sts", "AssumeRole with ProvidedContexts")
        who, role = ctx.principal, self._door.role(req["RoleArn"])
        if who.kind == "root":
            raise access_denied("Roles may not be assumed by root accounts.", "AccessDenied")
        if role is None:
            raise _not_allowed(who, req["RoleArn"])
        seconds = model.duration(req.get("DurationSeconds"), role.max_session, chained=who.kind == "role")
        tags, transitive = self._tags(who, req)
        policies = self._policies(req, role.account)
        source = _source_identity(who, req)
        self._mfa(who, req)
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
        who = ctx.principal
        if who.temporary or who.kind not in ("user", "root"):
            raise access_denied("Cannot call GetSessionToken with session credentials", "AccessDenied")
        asked = req.get("DurationSeconds") or model.SESSION_TOKEN_S
        seconds = min(int(asked), model.ROOT_SESSION_S) if who.kind == "root" else int(asked)
        proven = self._mfa(who, req)
        return {"Credentials": self._door.session_credentials(replace(who, mfa_at=proven), seconds)}

    def assume_role_with_web_identity(self, ctx: Context, req: Params) -> Answer:
        """Temporary credentials of a role for the bearer of an OIDC provider's token, which was proven at the door."""
        who, role = ctx.principal, self._door.role(req["RoleArn"])
        if role is None:
            raise access_denied("Not authorized to perform sts:AssumeRoleWithWebIdentity", "AccessDenied")
        seconds = model.duration(req.get("DurationSeconds"), role.max_session, chained=False)
        tags, policies = model.session_tags((), who.tags), self._policies(req, role.account)
        session = self._door.role_session(
            role,
            req["RoleSessionName"],
            policies=policies,
            tags=tags,
            transitive=self._door.transitive_tags(who),
            source_identity=who.source_identity,
            duration_s=seconds,
            provider=who.arn,
        )
        answer: Answer = {
            "Credentials": self._door.session_credentials(session, seconds),
            "SubjectFromWebIdentityToken": who.name,
            "AssumedRoleUser": {"AssumedRoleId": session.principal_id, "Arn": session.arn},
            "Provider": who.arn,
            "Audience": self._door.audience(who),
        }
        if policies or tags:
            answer["PackedPolicySize"] = _packed(req, policies, tags)
        if who.source_identity:
            answer["SourceIdentity"] = who.source_identity
        return answer

    def decode_authorization_message(self, ctx: Context, req: Params) -> Answer:
        """What a refusal of the account was about, with every reason."""
        found = self._door.messages.decode(req["EncodedMessage"], ctx.account)
        if found is None:
            raise AwsError("InvalidAuthorizationMessageException", "Message is not valid")
        return {"DecodedMessage": found}

    def get_web_identity_token(self, ctx: Context, req: Params) -> Answer:
        """A token that proves the caller to services outside, by the account's own issuer."""
        algorithm, who = req["SigningAlgorithm"], ctx.principal
        if algorithm not in ("RS256", "ES384"):
            raise validation(f"SigningAlgorithm {algorithm} is not one of RS256, ES384.")
        setting = self._door.outbound.setting(ctx.account)
        if setting is None:
            message = "Outbound web identity federation is not enabled for the account."
            raise AwsError("OutboundWebIdentityFederationDisabledException", message)
        ends = ctx.now // 1_000_000 + int(req.get("DurationSeconds") or model.WEB_TOKEN_S)
        if who.expires_at is not None and ends > who.expires_at // 1_000_000:
            message = "The requested token duration would extend the session beyond its original expiration time."
            raise AwsError("SessionDurationEscalationException", message)
        told = model.token_claims(ctx, who, req) | {"iss": self._door.outbound.issuer(setting), "exp": ends}
        token = self._door.outbound.sign(setting, algorithm, told | {"jti": self._kit.ids.uuid()})
        return {"WebIdentityToken": token, "Expiration": whole_second(ends * 1_000_000)}

    def get_federation_token(self, ctx: Context, req: Params) -> Answer:
        """Temporary credentials of a federated user: what the calling user may, as far as the policies passed allow."""
        who = ctx.principal
        if who.temporary or who.kind != "user":
            raise access_denied("Cannot call GetFederationToken with session credentials", "AccessDenied")
        tags, policies = model.session_tags((), model.listed_tags(req)), self._policies(req, who.account)
        session = self._door.federated_session(who, req["Name"], policies=policies, tags=tags)
        seconds = int(req.get("DurationSeconds") or model.SESSION_TOKEN_S)
        return {
            "Credentials": self._door.session_credentials(session, seconds),
            "FederatedUser": {"FederatedUserId": session.principal_id, "Arn": session.arn},
            "PackedPolicySize": _packed(req, policies, tags),
        }

    def _mfa(self, who: Principal, req: Params) -> int | None:
        """Spend the code of the request, if it has one: when that was."""
        serial, code = req.get("SerialNumber") or "", req.get("TokenCode") or ""
        return self._door.mfa.spend(who, serial, code) if serial or code else None

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


def _not_allowed(who: Principal, arn: str) -> AwsError:
    return access_denied(
        f"User: {who.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}", "AccessDenied"
    )
