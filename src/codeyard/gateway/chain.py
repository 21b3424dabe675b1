"""The one way in. Every call, from whichever door, passes these steps in this order:

    find -> access -> authorize -> validate -> operation -> audit

The edge has authenticated and parsed before. Access comes before validation, so that a stranger learns nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from codeyard.contract import INTERNAL, AwsError, Check, Client, Clock, Ids, Origin, Principal, Scope, service_principal
from codeyard.formats.moments import iso_z
from codeyard.gateway.audit import Auditor
from codeyard.gateway.clients import GatewayClient, GatewayClients
from codeyard.gateway.context import CallContext
from codeyard.gateway.invocation import Invocation
from codeyard.gateway.ports import Decision, Identity, Recorder, Validator
from codeyard.gateway.registry import Operation, Registry

log = logging.getLogger(__name__)

# The code by which each kind of service says "not authorized"; the rest say AccessDeniedException.
_DENIED = {"iam": "AccessDenied", "sts": "AccessDenied", "s3": "AccessDenied", "sns": "AuthorizationError"}


class Store(Protocol):
    """The database, as far as the gateway needs it."""

    def write(self, fn: Callable[[Any], Any]) -> Any: ...


class Admitted:
    """A call that may run: authorized, not yet validated. Streaming doors spool the body between the two."""

    def __init__(self, gateway: Gateway, context: CallContext, operation: Operation) -> None:
        self._gateway, self.context, self.operation = gateway, context, operation

    def run(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Validate and run the operation; the answer's members."""
        return self._gateway.run(self, params)


class Gateway:
    """Registry, door and trail joined: `invoke` is what every caller uses."""

    def __init__(
        self,
        *,
        registry: Registry,
        identity: Identity,
        recorder: Recorder,
        validator: Validator,
        db: Store,
        clock: Clock,
        ids: Ids,
        assert_free: Callable[[], None] = lambda: None,
        selects_data: Callable[[str, str], bool] = lambda service, account: False,
    ) -> None:
        self.registry, self.identity, self.db = registry, identity, db
        self._recorder, self._validator = recorder, validator
        self.clock, self.ids = clock, ids
        self._assert_free, self._selects_data = assert_free, selects_data
        self.auditor = Auditor(db)
        self.clients = GatewayClients(self)

    def invoke(self, inv: Invocation) -> dict[str, Any]:
        """Carry one call out; raises AwsError, already on the trail."""
        return self.admit(inv).run(inv.params)

    def admit(self, inv: Invocation) -> Admitted:
        """Find, check and authorize; raises AwsError (UnknownOperation, NotImplemented, AccessDenied)."""
        self._assert_free()
        operation = self.registry.find(inv.service, inv.operation)
        context = CallContext(self, inv, operation, self.clock.now())
        try:
            if operation.bearer:
                context.bear(self.identity.bearer(inv.operation, inv.params))
            self._authorize(context, operation)
        except AwsError as refusal:
            self.auditor.now(partial(context.record, None, refusal), context.now)
            raise
        return Admitted(self, context, operation)

    def run(self, admitted: Admitted, params: Mapping[str, Any]) -> dict[str, Any]:
        """Validate, run and audit an admitted call."""
        context, operation = admitted.context, admitted.operation
        context.params = params
        try:
            if operation.shapes is not None:
                broken = self._validator.violation(operation.service, operation.name, params)
                if broken is not None:
                    raise operation.errors(operation.name, broken)
            answer = operation.handler(context, params) or {}
        except AwsError as error:
            self._record_failure(context, operation, error)
            raise
        except Exception as fault:
            log.exception("fault in %s:%s, request %s", operation.service, operation.name, context.request_id)
            told = AwsError("InternalFailure", f"An internal fault; request id {context.request_id}.", status=500)
            self._record_failure(context, operation, told)
            raise told from fault
        self._record_success(context, operation, answer)
        return answer

    def client(
        self,
        principal: Principal,
        account: str,
        region: str,
        *,
        via: tuple[str, ...] = (),
        source_arn: str = "",
        origin: Origin = INTERNAL,
    ) -> Client:
        """An in-process Client for a principal."""
        return GatewayClient(self, principal, account, region, via=via, source_arn=source_arn, origin=origin)

    def service_record(
        self,
        service: str,
        host: str,
        operation: str,
        region: str,
        account: str,
        request: Mapping[str, Any],
        error: AwsError | None,
    ) -> dict[str, Any]:
        """The CloudTrail record of what a service did in its own name, without a call of anybody's."""
        return self._recorder(
            principal=service_principal(service),
            service_host=host,
            operation=operation,
            region=region,
            account=account,
            origin=INTERNAL,
            request_id=self.ids.uuid(),
            event_id=self.ids.uuid(),
            time_us=self.clock.now(),
            request=request,
            response=None,
            error=error,
            read_only=False,
            resources=(str(request.get("roleArn", "")),),
            additional={},
            shapes=None,
        )

    def record(
        self,
        context: CallContext,
        operation: Operation,
        response: Mapping[str, Any] | None,
        error: AwsError | None,
    ) -> dict[str, Any]:
        """The CloudTrail record of a call."""
        inv = context.invocation
        return self._recorder(
            principal=replace(inv.principal, invoked_by=inv.via[-1]) if inv.via else inv.principal,
            service_host=operation.host,
            operation=operation.name,
            region=inv.region,
            account=inv.account,
            origin=inv.origin,
            request_id=inv.request_id,
            event_id=self.ids.ordered_uuid(context.now),
            time_us=context.now,
            request=context.params,
            response=response,
            error=error,
            read_only=operation.read_only,
            resources=context.resources,
            additional=context.additional,
            shapes=operation.shapes,
            data=operation.data_event,
        )

    def leaves_out(self, operation: Operation, account: str) -> bool:
        """Whether a success of the call is recorded nowhere: a data event that no trail of the account selects."""
        return operation.data_event and not self._selects_data(operation.service, account)

    def _authorize(self, context: CallContext, operation: Operation) -> None:
        inv = context.invocation
        scope = Scope(inv.principal, inv.account, inv.region, via=inv.via, source_arn=inv.source_arn)
        checks = tuple(operation.access(scope, inv.params))
        context.resources = tuple(c.resource for c in checks if c.resource != "*")
        if operation.exempt and inv.principal.kind != "anonymous":
            return
        decision = self.identity.authorize(inv.principal, checks, self._keys(inv, context.now))
        if not checks or not decision.allowed:
            context.resources = tuple(c.shown or c.resource for c in checks if c.resource != "*")
            if decision.encoded:
                context.annotate(encodedAuthorizationMessage=decision.encoded)
            raise _refused(inv, decision)

    def refusal(self, inv: Invocation, checks: Sequence[Check], now: int) -> AwsError | None:
        """Why the caller may not do all of this, in the words of the service's kind; None where it may."""
        decision = self.identity.authorize(inv.principal, checks, self._keys(inv, now))
        return None if checks and decision.allowed else _refused(inv, decision)

    @staticmethod
    def _keys(inv: Invocation, now: int) -> dict[str, str | Sequence[str]]:
        origin = inv.origin
        seconds = now // 1_000_000
        keys: dict[str, str | Sequence[str]] = {
            "aws:SecureTransport": "true" if origin.secure else "false",
            "aws:CurrentTime": iso_z(now),
            "aws:EpochTime": str(seconds),
            "aws:RequestedRegion": inv.region,
            "aws:ViaAWSService": "true" if inv.via else "false",
        }
        if origin is not INTERNAL:
            keys["aws:SourceIp"] = origin.source_ip
        if origin.user_agent:
            keys["aws:UserAgent"] = origin.user_agent
        if origin.referer:
            keys["aws:Referer"] = origin.referer
        if inv.via:
            keys.update({"aws:CalledVia": inv.via, "aws:CalledViaFirst": inv.via[0], "aws:CalledViaLast": inv.via[-1]})
        if inv.source_arn:
            keys["aws:SourceArn"] = inv.source_arn
            keys["aws:SourceAccount"] = inv.source_arn.split(":")[4] or inv.account
        return keys

    def _record_failure(self, context: CallContext, operation: Operation, error: AwsError) -> None:
        if context.recorded:
            return
        put = self.auditor.later if operation.read_only else self.auditor.now
        put(partial(context.record, None, error), context.now)

    def _record_success(self, context: CallContext, operation: Operation, answer: dict[str, Any]) -> None:
        if context.recorded or self.leaves_out(operation, context.account):
            return
        if operation.read_only:
            self.auditor.later(partial(context.record, None, None), context.now)
        else:
            self.auditor.now(partial(context.record, answer, None), context.now)


def _refused(inv: Invocation, decision: Decision) -> AwsError:
    return AwsError(_DENIED.get(inv.service, "AccessDeniedException"), decision.message, status=403)
