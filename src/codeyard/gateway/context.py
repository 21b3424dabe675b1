"""The Context that an operation gets: its call's facts, its one write, and its ways outward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from codeyard.contract import AwsError, Check, Client, Principal, service_principal
from codeyard.gateway.invocation import Invocation
from codeyard.gateway.registry import Operation

if TYPE_CHECKING:
    from codeyard.gateway.chain import Gateway

T = TypeVar("T")


class CallContext:
    """Implements contract.Context for one invocation; also remembers whether the trail has its record."""

    def __init__(self, gateway: Gateway, inv: Invocation, operation: Operation, now: int) -> None:
        self._gateway, self.invocation, self._operation = gateway, inv, operation
        self.principal, self.account, self.region = inv.principal, inv.account, inv.region
        self.service, self.operation = inv.service, inv.operation
        self.request_id, self.now, self.origin = inv.request_id, now, inv.origin
        self.params: Mapping[str, Any] = inv.params
        self.resources: tuple[str, ...] = ()
        self.additional: dict[str, Any] = {}
        self.recorded = False
        self._written = False

    def write(self, fn: Callable[[Any], T]) -> T:
        """Run the operation's one write, its audit record inside."""
        if self._written:
            raise RuntimeError(f"{self.service}:{self.operation} writes twice")
        self._written = True
        if self._gateway.leaves_out(self._operation, self.account):
            return self._gateway.db.write(fn)  # type: ignore[no-any-return]
        result: T = self._gateway.db.write(lambda tx: self._with_record(tx, fn))
        self.recorded = True
        return result

    def _with_record(self, tx: Any, fn: Callable[[Any], T]) -> T:
        result = fn(tx)
        tx.audit(self.record(result if isinstance(result, dict) else None, None), self.now)
        return result

    def record(self, response: Mapping[str, Any] | None, error: AwsError | None) -> dict[str, Any]:
        """This call's CloudTrail record as it stands."""
        return self._gateway.record(self, self._operation, response, error)

    def bear(self, principal: Principal) -> None:
        """Whoever the call's token speaks of is the caller from now on."""
        self.principal, self.account = principal, principal.account
        self.invocation = self.invocation._replace(principal=principal, account=principal.account)

    def annotate(self, **additional: Any) -> None:
        """Add to additionalEventData."""
        self.additional.update(additional)

    def refusal(self, *checks: Check) -> AwsError | None:
        """Why the caller may not do all of this too; None where it may."""
        return self._gateway.refusal(self.invocation, checks, self.now)

    def forward(self) -> Client:
        """Call as the caller, with this service added to aws:CalledVia; a service acts on for what it acts for."""
        inv, via = self.invocation, (*self.invocation.via, self._operation.host)
        return self._gateway.client(
            self.principal, self.account, self.region, via=via, source_arn=inv.source_arn, origin=self.origin
        )

    def as_role(self, role_arn: str, *, session_name: str = "", source_arn: str = "") -> Client:
        """Call as a role that this service assumes."""
        return self._gateway.clients.as_role(
            role_arn,
            service=self._operation.host,
            region=self.region,
            session_name=session_name or self.service,
            source_arn=source_arn,
        )

    def as_service(self, *, source_arn: str = "") -> Client:
        """Call as this service."""
        return self._gateway.client(
            service_principal(self._operation.host), self.account, self.region, source_arn=source_arn
        )

    def arn(self, resource: str, service: str = "") -> str:
        """An ARN of this account and region."""
        return f"arn:aws:{service or self.service}:{self.region}:{self.account}:{resource}"
