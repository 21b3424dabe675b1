"""Clients for calls from inside: as the caller, as a role, as a service. The same chain as from outside."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from codeyard.contract import INTERNAL, AwsError, Client, Origin, Principal, service_principal
from codeyard.gateway.invocation import Invocation

if TYPE_CHECKING:
    from codeyard.gateway.chain import Gateway


class GatewayClient:
    """Calls operations through the gateway as one principal."""

    def __init__(
        self,
        gateway: Gateway,
        principal: Principal,
        account: str,
        region: str,
        *,
        via: tuple[str, ...] = (),
        source_arn: str = "",
        origin: Origin = INTERNAL,
    ) -> None:
        self._gateway, self._principal = gateway, principal
        self._account, self._region = account, region
        self._via, self._source_arn, self._origin = via, source_arn, origin

    def call(self, service: str, operation: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call `operation` of the service; raises AwsError."""
        return self._gateway.invoke(
            Invocation(
                service,
                operation,
                params or {},
                self._principal,
                self._account,
                self._region,
                self._gateway.ids.uuid(),
                self._origin,
                self._via,
                self._source_arn,
            )
        )


class GatewayClients:
    """Implements contract.Clients. A role is really assumed: IAM decides on its trust policy."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._assumed: dict[tuple[str, str], int] = {}

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
        """A client as a session of the role; AccessDenied where its trust policy does not let the service in."""
        session = self._assume(role_arn, service, session_name, source_arn, region)
        return self._gateway.client(session, session.account, region, via=via)

    def as_service(self, service: str, *, account: str, region: str, source_arn: str = "") -> Client:
        """A client as the service principal itself."""
        return self._gateway.client(service_principal(service), account, region, source_arn=source_arn)

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
        """See contract.Clients."""
        session = self._assume(role_arn, service, session_name, source_arn, region)
        return self._gateway.identity.session_credentials(session, duration_s, policy)

    def end_sessions(self, role_arn: str, session_name: str) -> None:
        """End the sessions that `credentials_for` gave keys for: the keys count for nobody any more."""
        self._gateway.identity.end_sessions(role_arn, session_name[:64])

    def _assume(self, role_arn: str, service: str, session_name: str, source_arn: str, region: str) -> Principal:
        name = session_name[:64]
        try:
            session = self._gateway.identity.assume_for_service(
                role_arn, service=service, session_name=name, source_arn=source_arn, region=region
            )
        except AwsError as refusal:
            self._gateway.auditor.now(partial(self._record, service, role_arn, name, region, refusal))
            raise
        if self._assumed.get((role_arn, name)) != session.issued_at:
            self._assumed[role_arn, name] = session.issued_at
            self._gateway.auditor.later(partial(self._record, service, role_arn, name, region, None))
        return session

    def _record(
        self, service: str, role_arn: str, session_name: str, region: str, error: AwsError | None
    ) -> dict[str, Any]:
        """The trail's AssumeRole record of a session that a service took, once a session."""
        account = role_arn.split(":")[4] if role_arn.count(":") >= 5 else ""
        request = {"roleArn": role_arn, "roleSessionName": session_name}
        return self._gateway.service_record(service, "sts.amazonaws.com", "AssumeRole", region, account, request, error)


class LateClients:
    """Stands for Clients while the program is put together: services are built before the gateway that serves them."""

    def __init__(self) -> None:
        self._clients: GatewayClients | None = None

    def bind(self, clients: GatewayClients) -> None:
        """From now on, be these clients."""
        self._clients = clients

    def as_role(self, role_arn: str, **facts: Any) -> Client:
        """See contract.Clients."""
        return self._bound().as_role(role_arn, **facts)

    def as_service(self, service: str, **facts: Any) -> Client:
        """See contract.Clients."""
        return self._bound().as_service(service, **facts)

    def credentials_for(self, role_arn: str, **facts: Any) -> dict[str, Any]:
        """See contract.Clients."""
        return self._bound().credentials_for(role_arn, **facts)

    def end_sessions(self, role_arn: str, session_name: str) -> None:
        """See contract.Clients."""
        self._bound().end_sessions(role_arn, session_name)

    def _bound(self) -> GatewayClients:
        if self._clients is None:
            raise RuntimeError("no call may be made while the program is put together")
        return self._clients
