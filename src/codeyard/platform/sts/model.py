"""What STS needs of IAM's door, and the pure rules of session tags, policies and durations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from codeyard.contract import AwsError, Context, Params, Principal
from codeyard.platform.sts.errors import validation

Tags = tuple[tuple[str, str], ...]

INLINE_POLICY = 2048
SESSION_POLICIES = 10
PACKED_SPACE = 8192
CHAINED_S = 3600
DEFAULT_S = 3600
SESSION_TOKEN_S = 43_200
ROOT_SESSION_S = 3600
WEB_TOKEN_S = 300


class RoleFacts(Protocol):
    """A role, as far as assuming it goes."""

    @property
    def id(self) -> str: ...

    @property
    def account(self) -> str: ...

    @property
    def trust(self) -> str: ...

    @property
    def max_session(self) -> int: ...

    @property
    def tags(self) -> Tags: ...


class Mfa(Protocol):
    """One-time codes of MFA devices."""

    def is_right(self, principal: Principal, serial: str, code: str) -> bool:
        """Whether the code is right now; it stays unspent."""

    def spend(self, principal: Principal, serial: str, code: str) -> int:
        """Spend a code: when that was. Raises AccessDenied."""


class Messages(Protocol):
    """Sealed refusals."""

    def decode(self, text: str, account: str) -> str | None:
        """The message of one of the account's own refusals; None where it is none."""


class Outbound(Protocol):
    """Tokens for the outside."""

    def setting(self, account: str) -> dict[str, Any] | None:
        """The account's issuer where it signs tokens."""

    def issuer(self, setting: Mapping[str, Any]) -> str:
        """The issuer's URL."""

    def sign(self, setting: Mapping[str, Any], algorithm: str, claims: Mapping[str, Any]) -> str:
        """A token of these claims."""


class Door(Protocol):
    """IAM's door: roles as they stand, and the mint of temporary credentials."""

    @property
    def mfa(self) -> Mfa: ...

    @property
    def messages(self) -> Messages: ...

    @property
    def outbound(self) -> Outbound: ...

    def role(self, role_arn: str) -> Any | None:
        """The role of an ARN (RoleFacts), or None."""

    def role_session(
        self,
        role: Any,
        session_name: str,
        *,
        policies: tuple[str, ...] = (),
        tags: Tags = (),
        transitive: tuple[str, ...] = (),
        source_identity: str = "",
        invoked_by: str = "",
        duration_s: int = DEFAULT_S,
        provider: str = "",
    ) -> Principal:
        """The principal of a session that begins now."""

    def federated_session(
        self, user: Principal, name: str, *, policies: tuple[str, ...] = (), tags: Tags = ()
    ) -> Principal:
        """The principal of a federated user for whom a user vouches."""

    def session_credentials(self, principal: Principal, duration_s: int) -> dict[str, Any]:
        """Temporary keys in the shape of STS's Credentials."""

    def transitive_tags(self, principal: Principal) -> tuple[str, ...]:
        """The keys of the session's tags that pass on."""

    def audience(self, principal: Principal) -> str:
        """Whom a web identity's token is for."""

    def check_policy(self, text: str) -> None:
        """Refuse a malformed session policy."""

    def managed_policy_exists(self, policy_arn: str, account: str) -> bool:
        """Whether a managed policy may be passed."""

    def account_of_key(self, key_id: str) -> str | None:
        """The account that a key id carries."""


def listed_tags(params: Params, member: str = "Tags") -> Tags:
    """Session tags as a request gives them; survives whatever it holds."""
    listed = params.get(member)
    if not isinstance(listed, list | tuple):
        return ()
    pairs = [(one.get("Key"), one.get("Value")) for one in listed if isinstance(one, Mapping)]
    return tuple((key, value) for key, value in pairs if isinstance(key, str) and isinstance(value, str))


def passed_policies(params: Params) -> tuple[str, ...]:
    """Session policies in one tuple: the inline text, then the ARNs of the managed ones."""
    inline = [params["Policy"]] if params.get("Policy") else []
    arns = [one["arn"] for one in params.get("PolicyArns") or () if one.get("arn")]
    if len(arns) > SESSION_POLICIES:
        raise validation(f"Member must have length less than or equal to {SESSION_POLICIES}: policyArns")
    if inline and len(inline[0]) > INLINE_POLICY:
        raise validation(f"Member must have length less than or equal to {INLINE_POLICY}: policy")
    return (*inline, *arns)


def packed_size(policy: str, arns: Sequence[str], tags: Tags) -> int:
    """How much of the allotted space policies and tags take, in per cent (rounded up); refused beyond it."""
    size = len(policy) + sum(map(len, arns)) + sum(len(key) + len(value) for key, value in tags)
    share = -(-size * 100 // PACKED_SPACE)
    if share > 100:
        message = f"Packed size of session tags and policy consumes {share}% of the allotted space."
        raise AwsError("PackedPolicyTooLargeException", message)
    return share


def session_tags(inherited: Tags, passed: Tags) -> Tags:
    """Tags of a new session: those inherited over the chain, then those passed. None may be overridden or doubled."""
    keys = [key.lower() for key, _ in passed]
    if len(set(keys)) != len(keys):
        raise AwsError("InvalidParameterValue", "Duplicate tag keys found.", status=400)
    if any(key.startswith("aws:") for key in keys):
        raise AwsError("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved.", status=400)
    taken = {key.lower() for key, _ in inherited}
    for key, _ in passed:
        if key.lower() in taken:
            raise AwsError(
                "InvalidParameterValue",
                f"One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key "
                f"from the calling session: {key}",
                status=400,
            )
    return (*inherited, *passed)


def inherited_tags(principal: Principal, transitive: Sequence[str]) -> Tags:
    """The caller's session tags that pass on to the roles that it assumes."""
    wanted = {key.lower() for key in transitive}
    return tuple((key, value) for key, value in principal.tags if key.lower() in wanted)


def duration(asked: int | None, max_session: int, *, chained: bool) -> int:
    """How long a role's session lasts, in seconds; refused beyond the role's maximum or an hour in a chain."""
    seconds = DEFAULT_S if asked is None else asked
    if chained and seconds > CHAINED_S:
        raise validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        )
    if seconds > max_session:
        raise validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return seconds


def token_claims(ctx: Context, who: Principal, params: Params) -> dict[str, Any]:
    """What a token for the outside says of its principal, save who issues it and when it ends."""
    facts: dict[str, Any] = {
        "aws_account": who.account,
        "source_region": ctx.region,
        "principal_id": who.role_arn or who.arn,
        "principal_tags": dict(who.tags),
        "request_tags": dict(listed_tags(params)),
    }
    audience = list(params["Audience"])
    return {
        "aud": audience[0] if len(audience) == 1 else audience,
        "sub": who.role_arn or who.arn,
        "iat": ctx.now // 1_000_000,
        "https://sts.amazonaws.com/": {name: value for name, value in facts.items() if value},
    }
