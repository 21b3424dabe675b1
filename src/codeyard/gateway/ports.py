"""What the gateway needs of IAM, CloudTrail and the wire, as Protocols: it imports no service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from codeyard.contract import AwsError, Check, Origin, Principal, Violation


class Credential(Protocol):
    """What an access key id resolves to: the secret to verify with, and whose it is."""

    @property
    def secret(self) -> str: ...

    @property
    def principal(self) -> Principal: ...


class Decision(Protocol):
    """IAM's answer; `message` is the refusal in AWS's wording."""

    @property
    def allowed(self) -> bool: ...

    @property
    def message(self) -> str: ...

    @property
    def encoded(self) -> str: ...


class Identity(Protocol):
    """IAM as the doors and the gateway see it."""

    def credential(self, access_key_id: str, session_token: str) -> Credential:
        """The credential of a key; raises AwsError InvalidClientTokenId or ExpiredToken."""

    def git_credential(self, user_name: str, password: str) -> Principal | None:
        """The user behind IAM Git credentials, or None."""

    def ssh_key(self, key_id: str) -> tuple[Principal, str] | None:
        """The user that an active SSH public key stands for, and the key in OpenSSH's form; else None."""

    def console_login(self, account: str, user_name: str, password: str, code: str = "") -> Principal | None:
        """The user behind a console password, or None."""

    def account_named(self, account: str) -> str | None:
        """The number of an account that is there, by its number or alias."""

    def user_named(self, account: str, user_name: str) -> Principal | None:
        """An IAM user of that name."""

    def bearer(self, operation: str, params: Mapping[str, Any]) -> Principal:
        """Who brings the token that an operation carries instead of a signature; raises AwsError."""

    def authorize(
        self, principal: Principal, checks: Sequence[Check], keys: Mapping[str, str | Sequence[str]]
    ) -> Decision:
        """Whether every check holds for the principal; the first refusal wins."""

    def assume_for_service(
        self, role_arn: str, *, service: str, session_name: str, source_arn: str, region: str
    ) -> Principal:
        """The session of a role that a service assumes; the trust policy decides."""

    def session_credentials(self, principal: Principal, duration_s: int, policy: str = "") -> dict[str, Any]:
        """Keys for a session, in the shape of STS's Credentials, under a session policy more where one is given."""

    def end_sessions(self, role_arn: str, session_name: str) -> None:
        """End a role's sessions of this name."""


class Recorder(Protocol):
    """Builds one CloudTrail record; pure."""

    def __call__(
        self,
        *,
        principal: Principal,
        service_host: str,
        operation: str,
        region: str,
        account: str,
        origin: Origin,
        request_id: str,
        event_id: str,
        time_us: int,
        request: Mapping[str, Any],
        response: Mapping[str, Any] | None,
        error: AwsError | None,
        read_only: bool,
        resources: Sequence[str],
        additional: Mapping[str, Any],
        shapes: tuple[Any, Any] | None,
        data: bool = False,
    ) -> dict[str, Any]: ...


class Validator(Protocol):
    """The wire's check of parameters against the model."""

    def violation(self, service: str, operation: str, params: Mapping[str, Any]) -> Violation | None:
        """The first broken constraint, or None."""
