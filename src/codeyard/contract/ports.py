"""The small Protocols by which services reach time, ids and each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Clock(Protocol):
    """Time by argument, so that engines can be simulated."""

    def now(self) -> int:
        """Microseconds since the epoch."""


class Ids(Protocol):
    """Randomness by argument."""

    def uuid(self) -> str:
        """A random UUID, lower case with dashes."""

    def ordered_uuid(self, now: int) -> str:
        """A UUID that sorts after those of earlier microseconds `now` (RFC 9562, version 7): keys of growing tables."""

    def token(self, length: int, alphabet: str = ...) -> str:
        """A random string over the alphabet (default A-Z0-9)."""

    def bytes(self, length: int) -> bytes:
        """Random bytes, fit for keys."""


class Client(Protocol):
    """Calls operations through the gateway as one principal."""

    def call(self, service: str, operation: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call `operation` (its API name, "StartBuild") of botocore's service id; raises AwsError."""


class Clients(Protocol):
    """Makes Clients for work that has no caller: engines, effects and reconcilers. There is no superuser."""

    def as_role(
        self,
        role_arn: str,
        *,
        service: str,
        region: str,
        session_name: str,
        source_arn: str = "",
        via: tuple[str, ...] = (),
    ) -> Client:
        """A client as the role, really assumed by the service principal `service` (trust policy checked)."""

    def as_service(self, service: str, *, account: str, region: str, source_arn: str = "") -> Client:
        """A client as the service itself: allowed by resource policies alone."""

    def credentials_for(
        self,
        role_arn: str,
        *,
        service: str,
        region: str,
        session_name: str,
        source_arn: str = "",
        duration_s: int = 3600,
        policy: str = "",
    ) -> dict[str, Any]:
        """Short-lived keys of a role for work outside this process, in the shape of STS's Credentials; a session
        `policy` (JSON) says what of the role's they may do."""

    def end_sessions(self, role_arn: str, session_name: str) -> None:
        """End the sessions of that name for which `credentials_for` gave keys, before their time."""


class Sealer(Protocol):
    """Encrypts small secrets at rest under the root key (AES-256-GCM, the context bound as AAD)."""

    def seal(self, plain: bytes, context: str) -> bytes:
        """Ciphertext that only `open` with the same context reads."""

    def open(self, sealed: bytes, context: str) -> bytes:
        """The plaintext; raises ValueError when the context or the bytes are not what was sealed."""
