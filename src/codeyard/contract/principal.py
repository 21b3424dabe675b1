"""Who is calling. A Principal is made at the door (or by AssumeRole) and never changes on its way inward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["root", "user", "role", "federated", "webidentity", "service", "anonymous"]


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated identity.

    `arn` is what policies and the trail see: the IAM user, the STS role *session*, the account root.
    `role_arn` is the IAM role behind a session. A service principal has its host name in `name`
    (`codepipeline.amazonaws.com`), no account and no credentials. A web identity is the bearer of an OIDC provider's
    token, `arn` the provider's.
    """

    kind: Kind
    account: str
    arn: str
    principal_id: str = ""
    name: str = ""
    access_key_id: str = ""
    role_arn: str = ""
    session_name: str = ""
    session_policies: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    issued_at: int = 0
    expires_at: int | None = None
    mfa_at: int | None = None
    source_identity: str = ""
    invoked_by: str = ""

    @property
    def temporary(self) -> bool:
        """Whether the credentials are a session's (ASIA…), not a user's own."""
        return self.expires_at is not None


ANONYMOUS = Principal("anonymous", "", "*", name="anonymous")


def service_principal(host: str) -> Principal:
    """The identity of a service itself, such as `codepipeline.amazonaws.com`."""
    return Principal("service", "", host, principal_id=host, name=host)
