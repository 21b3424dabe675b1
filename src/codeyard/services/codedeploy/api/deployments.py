"""Deployments: made, stopped, told."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from codeyard.contract import AwsError, Context, Params, not_implemented
from codeyard.services.codedeploy import engine, model, revisions, settings, triggers
from codeyard.services.codedeploy.api.common import (
    PAGE,
    Base,
    check_batch,
    check_deployment_id,
    micros,
    read_token,
    the_deployment,
    the_group,
    time,
    told,
    where,
    write_token,
)
from codeyard.services.codedeploy.api.configs import find_config
from codeyard.services.codedeploy.api.revisions import check_description, note
from codeyard.services.codedeploy.store import deployments
from codeyard.services.codedeploy.store.tables import deployments as table
from codeyard.storage import Row, Tx, dumps, loads

_KEPT = ("description", "ignoreApplicationStopFailures", "updateOutdatedInstancesOnly", "fileExistsBehavior")
_TOLD = (
    "description",
    "deploymentConfigName",
    "creator",
    "ignoreApplicationStopFailures",
    "autoRollbackConfiguration",
    "updateOutdatedInstancesOnly",
    "rollbackInfo",
    "deploymentStyle",
    "fileExistsBehavior",
    "previousRevision",
)


class Deployments(Base):
    """The deployment operations."""

    def create_deployment(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Deploy a revision (the group's last good one where none is given) to a group's hosts."""
        _check(req)
        application, new = req["applicationName"], engine.new_id(self._kit)
        location = revisions.deployable(req["revision"]) if req.get("revision") else None

        def write(tx: Tx) -> dict[str, Any]:
            group = the_group(tx, ctx, application, req["deploymentGroupName"])
            chosen = location or _last_good(group)
            body = _body(tx, ctx, req, group)
            _refuse_second(tx, group)
            used = {"first_used_at": ctx.now, "last_used_at": ctx.now}
            note(tx, where(ctx), application, chosen, ctx.now, **used)
            engine.add(tx, new, group, dumps(chosen), revisions.key(chosen), body, ctx.now)
            return {"deploymentId": new}

        return ctx.write(write)

    def get_deployment(self, ctx: Context, req: Params) -> dict[str, Any]:
        """One deployment."""

        def read(tx: Tx) -> dict[str, Any]:
            return _info(tx, the_deployment(tx, ctx, req["deploymentId"]))

        return {"deploymentInfo": self._kit.db.read(read)}

    def batch_get_deployments(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The deployments of these ids that are there."""
        ids = list(dict.fromkeys(req["deploymentIds"]))
        check_batch(ids, "DeploymentIdRequiredException")
        for one in ids:
            check_deployment_id(one)

        def read(tx: Tx) -> list[dict[str, Any]]:
            rows = [deployments.deployment(tx, one) for one in ids]
            return [_info(tx, row) for row in rows if row and (row.account, row.region) == where(ctx)]

        return {"deploymentsInfo": self._kit.db.read(read)}

    def list_deployments(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Ids of deployments, newest first, by group, status and time."""
        application, group = req.get("applicationName"), req.get("deploymentGroupName")
        if application and not group:
            raise AwsError("DeploymentGroupNameRequiredException", "An application name needs a group name")
        if group and not application:
            raise AwsError("ApplicationNameRequiredException", "A group name needs an application name")
        before = _before(req.get("nextToken"))

        def read(tx: Tx) -> list[Row]:
            if application and group:
                the_group(tx, ctx, application, group)
            return deployments.find(tx, where(ctx), _conditions(req), before, PAGE + 1)

        rows = self._kit.db.read(read)
        last = rows[PAGE - 1] if len(rows) > PAGE else None
        more = {"nextToken": write_token(f"{last.created_at}/{last.id}")} if last else {}
        return {"deployments": [row.id for row in rows[:PAGE]], **more}

    def stop_deployment(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Stop a deployment: no event begins any more. Pending while a host still runs one."""

        def write(tx: Tx) -> dict[str, Any]:
            row = the_deployment(tx, ctx, req["deploymentId"])
            if row.status in model.ENDED:
                raise AwsError("DeploymentAlreadyCompletedException", f"The deployment {row.id} has already completed")
            body = loads(row.body)
            if req.get("autoRollbackEnabled") is not None:
                body["rollbackOnStop"] = bool(req["autoRollbackEnabled"])
            deployments.set_deployment(tx, row.id, stopping=1, body=dumps(body))
            tx.dirty(engine.DEPLOYMENT, row.id)
            return _stop_answer(tx, row)

        return ctx.write(write)


def _stop_answer(tx: Tx, row: Row) -> dict[str, Any]:
    held = any(t.command in ("handed", "running") for t in deployments.statuses(tx, row.id))
    if held:
        return {"status": "Pending", "statusMessage": "The deployment stops when the running lifecycle events ended."}
    return {"status": "Succeeded", "statusMessage": "No more commands will be scheduled for execution."}


def _check(req: Params) -> None:
    if not req.get("deploymentGroupName"):
        raise AwsError("DeploymentGroupNameRequiredException", "A deployment group name is required")
    check_description(req.get("description"))
    settings.check_alarms(req.get("overrideAlarmConfiguration"))
    settings.check_rollback(req.get("autoRollbackConfiguration"))
    if req.get("deploymentMode") == "RESTART":
        raise not_implemented("codedeploy", "deployments of mode RESTART")
    if any((req.get("targetInstances") or {}).values()):
        raise AwsError(
            "InvalidTargetInstancesException", "Target instances are for blue/green deployments, not for in-place ones"
        )
    if (req.get("ec2DeploymentOptions") or {}).get("autoScalingGroupProcessesToSuspend"):
        raise not_implemented("codedeploy", "suspending processes of Auto Scaling groups")


def _last_good(group: Row) -> dict[str, Any]:
    if group.revision is None:
        raise AwsError(
            "RevisionRequiredException", "A revision is required: none was deployed successfully to the group yet"
        )
    found: dict[str, Any] = loads(group.revision)
    return found


def _body(tx: Tx, ctx: Context, req: Params, group: Row) -> dict[str, Any]:
    wanted = loads(group.body)
    config = req.get("deploymentConfigName") or wanted["deploymentConfigName"]
    found = find_config(tx, ctx, config)
    if found["computePlatform"] != "Server":
        raise AwsError(
            "InvalidDeploymentConfigNameException", f"{config} is not a configuration of the Server platform"
        )
    rollback = req.get("autoRollbackConfiguration") or wanted.get("autoRollbackConfiguration")
    given = {name: req[name] for name in _KEPT if req.get(name) is not None}
    defaults = {"ignoreApplicationStopFailures": False, "updateOutdatedInstancesOnly": False}
    return told(
        **(defaults | {"fileExistsBehavior": "DISALLOW"} | given),
        deploymentConfigName=config,
        minimumHealthyHosts=found["minimumHealthyHosts"],
        autoRollbackConfiguration=rollback,
        deploymentStyle=wanted.get("deploymentStyle"),
        creator="user",
        previousRevision=loads(group.revision) if group.revision else None,
    )


def _refuse_second(tx: Tx, group: Row) -> None:
    active = deployments.active_in(tx, group.id)
    if active is not None:
        raise AwsError(
            "DeploymentLimitExceededException",
            f"The Deployment Group '{group.name}' already has an active Deployment '{active}'",
        )


def _before(token: str | None) -> tuple[int, str] | None:
    text = read_token(token)
    if not text:
        return None
    moment, slash, key = text.partition("/")
    if not slash or not moment.isdigit() or len(moment) > 18:
        raise AwsError("InvalidNextTokenException", "The next token is not valid")
    return int(moment), key


def _conditions(req: Params) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if req.get("applicationName"):
        found += [table.c.application == req["applicationName"], table.c.group_name == req["deploymentGroupName"]]
    if req.get("includeOnlyStatuses"):
        found.append(table.c.status.in_(req["includeOnlyStatuses"]))
    if req.get("externalId"):
        found.append(sa.false())  # only deployments made by CloudFormation have an external id
    start, end = (micros((req.get("createTimeRange") or {}).get(name)) for name in ("start", "end"))
    if start is not None and end is not None and start > end:
        raise AwsError("InvalidTimeRangeException", "The time range's end lies before its start")
    if start is not None:
        found.append(table.c.created_at >= start)
    if end is not None:
        found.append(table.c.created_at <= end)
    return found


def _info(tx: Tx, row: Row) -> dict[str, Any]:
    body = loads(row.body)
    return told(
        **{name: body.get(name) for name in _TOLD},
        applicationName=row.application,
        deploymentGroupName=row.group_name,
        deploymentId=row.id,
        revision=loads(row.revision),
        status=row.status,
        errorInformation=loads(row.fault) if row.fault else None,
        createTime=time(row.created_at),
        startTime=time(row.started_at),
        completeTime=time(row.completed_at),
        deploymentOverview=triggers.overview(tx, row.id) if row.started_at else None,
        instanceTerminationWaitTimeStarted=False,
        computePlatform="Server",
    )
