"""What an operation is told about its call, and what it may do with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

from codeyard.contract.access import Check
from codeyard.contract.errors import AwsError
from codeyard.contract.ports import Client
from codeyard.contract.principal import Principal

T = TypeVar("T")


class Origin(NamedTuple):
    """Where a call came from. `endpoint` is this server's base URL as the client sees it."""

    source_ip: str = "127.0.0.1"
    user_agent: str = ""
    secure: bool = False
    endpoint: str = ""
    referer: str = ""
    protocol: str = ""


INTERNAL = Origin(source_ip="codeyard", user_agent="codeyard", secure=True)


class Context(Protocol):
    """One call. Attributes are read-only facts; the methods are the only ways outward."""

    principal: Principal
    account: str
    region: str
    service: str
    operation: str
    request_id: str
    now: int
    origin: Origin

    def write(self, fn: Callable[[Any], T]) -> T:
        """Run `fn(tx)` in this call's one write transaction, together with its audit record.

        `fn` is short, touches the database only, may be run again, and returns the answer dict (which becomes the
        record's responseElements) or anything else. A second call raises.
        """

    def annotate(self, **additional: Any) -> None:
        """Add members to the trail record's additionalEventData."""

    def refusal(self, *checks: Check) -> AwsError | None:
        """Why the caller may not do all of this too, for an operation that judges more than its access entry can;
        None where it may."""

    def forward(self) -> Client:
        """Call other services as the caller (aws:CalledVia is this service)."""

    def as_role(self, role_arn: str, *, session_name: str = "", source_arn: str = "") -> Client:
        """Call as a role that this service's principal really assumes."""

    def as_service(self, *, source_arn: str = "") -> Client:
        """Call as this service itself."""

    def arn(self, resource: str, service: str = "") -> str:
        """The ARN of a resource of this account and region; the service defaults to this one's IAM prefix."""
