"""PollHostCommand and its four companions, exactly as the agent on a host speaks them.

A host identifier is the ARN that its registration names, and counts only from that very principal.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import orjson

from codeyard.contract import Access, AwsError, Check, Context, Params, Scope, Violation, access_denied, text
from codeyard.engine import Kit
from codeyard.engine.crash import crash_point, register
from codeyard.services.codedeploy import model
from codeyard.services.codedeploy.board import Board
from codeyard.services.codedeploy.commands import specification as spec
from codeyard.services.codedeploy.commands.signer import Signer
from codeyard.services.codedeploy.lifecycle import Lifecycle
from codeyard.services.codedeploy.registrations import Registration, Registrations
from codeyard.services.codedeploy.store import deployments, hosts
from codeyard.storage import Row, Tx, loads

_HEARD_EVERY = 60_000_000
_PAYLOAD = 8192
HANDED = register("codedeploy.handed", "a command is marked as handed out; the host has not got it")
ACKNOWLEDGED = register("codedeploy.acknowledged", "a command is marked as running; the host does not know it may run")
COMPLETED = register("codedeploy.completed", "a command's end is written; the host does not know that it was heard")
OPERATIONS = (
    "PollHostCommand",
    "GetDeploymentSpecification",
    "PutHostCommandAcknowledgement",
    "PutHostCommandComplete",
    "PostHostCommandUpdate",
    "GetSigningCertificate",
)


class HostCommands:
    """The operations. `hold_s` is how long an idle poll is held."""

    def __init__(
        self, kit: Kit, board: Board, registered: Registrations, lifecycle: Lifecycle, hold_s: float = 5.0
    ) -> None:
        self._kit, self._board, self._registered = kit, board, registered
        self._lifecycle, self._hold_s = lifecycle, hold_s
        self._signer = Signer(kit)
        self._envelope = functools.lru_cache(maxsize=256)(self._sign)

    def poll_host_command(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The host's next command, or nothing; idle polls are held for a moment and touch no database."""
        host = self._host(ctx, req["HostIdentifier"])
        self._heard(host, ctx.now)
        mark = self._board.look(host.region, host.identifier, self._hold_s)
        if mark is None:
            return {}
        self._host(ctx, req["HostIdentifier"])  # it may have been deregistered while the poll was held
        row = ctx.write(lambda tx: self._take(tx, host))
        if row is None:
            self._board.settle(host.region, host.identifier, mark)
            return {}
        crash_point(HANDED)
        target, deployment = row
        return {
            "HostCommand": {
                "HostCommandIdentifier": str(spec.CommandId(target.token, target.step, target.attempt)),
                "HostIdentifier": host.identifier,
                "DeploymentExecutionId": spec.execution_id(deployment, target.token),
                "CommandName": model.EVENTS[target.step],
                "Nonce": target.attempt,
            }
        }

    def _take(self, tx: Tx, host: Registration) -> tuple[Row, Row] | None:
        target = self._lifecycle.hand_out(tx, host.region, host.identifier, self._kit.clock.now())
        deployment = deployments.deployment(tx, target.deployment_id) if target else None
        return (target, deployment) if target and deployment else None

    def _heard(self, host: Registration, now: int) -> None:
        batch = self._board.heard(host.region, host.identifier, now, _HEARD_EVERY)
        if batch:
            self._kit.db.write(lambda tx: hosts.seen(tx, batch))

    def get_deployment_specification(self, ctx: Context, req: Params) -> dict[str, Any]:
        """What to deploy, in a signed envelope."""
        host = self._host(ctx, req["HostIdentifier"])
        token = spec.read_execution_id(req["DeploymentExecutionId"])

        def read(tx: Tx) -> Row | None:
            target = deployments.target(tx, token) if token else None
            mine = target is not None and target.identifier == host.identifier and target.region == host.region
            return deployments.deployment(tx, target.deployment_id) if target and mine else None

        deployment = self._kit.db.read(read)
        if deployment is None or spec.execution_id(deployment, token or "") != req["DeploymentExecutionId"]:
            raise AwsError("ClientException", "The deployment execution is not known to this host")
        envelope = {"Format": "PKCS7/JSON", "Payload": self._envelope(spec.specification(deployment))}
        return {"DeploymentSystem": "CodeDeploy", "DeploymentSpecification": {"GenericEnvelope": envelope}}

    def get_signing_certificate(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The certificate of the key that signs specifications; a host pins it when it is enrolled."""
        self._host(ctx, req["HostIdentifier"])
        return {"Certificate": self._signer.certificate()}

    def _sign(self, content: bytes) -> str:
        return self._signer.sign(content)

    def put_host_command_acknowledgement(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The host has the command; Succeeded and Failed tell it not to run it, InProgress to run it."""
        host, command = self._mine(ctx), _command(req)
        noop = _report(req, "Diagnostics").get("IsCommandNoop") is True
        now = self._kit.clock.now()

        def write(tx: Tx) -> dict[str, Any]:
            target = _target(tx, host, command)
            if (target.step, target.attempt) != (command.step, command.attempt):
                return {"CommandStatus": _ended(target, command)}
            return {"CommandStatus": self._lifecycle.acknowledge(tx, target, noop, now)}

        answer = ctx.write(write)
        crash_point(ACKNOWLEDGED)
        return answer

    def put_host_command_complete(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The host has run the command; said twice, or of a command that is over, it changes nothing."""
        host, command = self._mine(ctx), _command(req)
        status = req["CommandStatus"]
        if status not in ("Succeeded", "Failed"):
            raise AwsError("ClientException", "CommandStatus must be Succeeded or Failed")
        report, now = model.diagnostics(_report(req, "Diagnostics")), self._kit.clock.now()

        def write(tx: Tx) -> dict[str, Any]:
            target = _target(tx, host, command)
            current = (target.step, target.attempt) == (command.step, command.attempt)
            deployment = deployments.deployment(tx, target.deployment_id)
            if current and deployment is not None and target.command in ("handed", "running"):
                self._lifecycle.complete(tx, deployment, target, report, status == "Succeeded", now)
            return {}

        answer = ctx.write(write)
        crash_point(COMPLETED)
        return answer

    def post_host_command_update(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The host still runs the command; answers how the server sees it."""
        host, command = self._mine(ctx), _command(req)
        target = self._kit.db.read(lambda tx: _target(tx, host, command))
        if (target.step, target.attempt) == (command.step, command.attempt) and target.command == "running":
            return {"CommandStatus": "InProgress"}
        return {"CommandStatus": _ended(target, command)}

    def _mine(self, ctx: Context) -> Registration:
        host = self._registered.of(ctx.region, ctx.principal.arn)
        if host is None:
            raise access_denied(f"{ctx.principal.arn} is not registered as a host")
        return host

    def _host(self, ctx: Context, identifier: str) -> Registration:
        host = self._mine(ctx)
        if identifier != host.identifier:
            raise access_denied("The host identifier is not the one that this identity is registered for")
        return host


def _command(req: Params) -> spec.CommandId:
    command = spec.read_command_id(req["HostCommandIdentifier"])
    if command is None:
        raise AwsError("ClientException", "The host command identifier is not valid")
    return command


def _target(tx: Tx, host: Registration, command: spec.CommandId) -> Row:
    target = deployments.target(tx, command.token)
    if target is None or (target.region, target.identifier) != (host.region, host.identifier):
        raise AwsError("ClientException", "The command is not known to this host")
    return target


def _ended(target: Row, command: spec.CommandId) -> str:
    """How an event ended, for a late call; a superseded attempt must not run, so Failed."""
    status = loads(target.events)[command.step]["status"]
    return "Succeeded" if status == "Succeeded" else "Failed"


def _report(req: Params, member: str) -> dict[str, Any]:
    payload = (req.get(member) or {}).get("Payload") or "{}"
    if len(payload) > _PAYLOAD:
        raise AwsError("ClientException", f"The diagnostics payload is longer than {_PAYLOAD} characters")
    try:
        found = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise AwsError("ClientException", "The diagnostics payload is not JSON") from error
    if not isinstance(found, dict):
        raise AwsError("ClientException", "The diagnostics payload is not a JSON object")
    return found


def access(registered: Registrations) -> dict[str, Access]:
    """A registration is a resource policy that lets exactly the registered principal speak for the host."""

    def checks(action: str) -> Access:
        def check(scope: Scope, params: Params) -> Iterable[Check]:
            host = registered.of(scope.region, scope.principal.arn)
            named = text(params, "HostIdentifier")
            if host is None or (named and named != host.identifier):
                return (Check(action, scope.arn("codedeploy", "instance/*")),)
            return (Check(action, host.arn, policy=host.policy()),)

        return check

    return {name: checks(f"codedeploy-commands-secure:{name}") for name in OPERATIONS}


def error_for(operation: str, violation: Violation) -> AwsError:
    """Every broken constraint is a ClientException."""
    return AwsError("ClientException", violation.message)
