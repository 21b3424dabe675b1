"""The hosts of a deployment, under both names that the API has for them: instances and targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.services.codedeploy.api.common import Base, check_batch, page, the_deployment, time, told
from codeyard.services.codedeploy.store import deployments
from codeyard.storage import Row, Tx, loads

_STATUSES = ("Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Unknown", "Ready")


class Targets(Base):
    """The instance and target operations."""

    def list_deployment_instances(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Names of a deployment's hosts, by status."""
        if req.get("instanceTypeFilter"):
            raise AwsError(
                "InvalidDeploymentInstanceTypeException", "Instance types are for blue/green deployments only"
            )
        rows = self._rows(ctx, req["deploymentId"])
        names = _with_status(rows, req.get("instanceStatusFilter"))
        return page(names, req.get("nextToken"), "instancesList")

    def list_deployment_targets(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Ids of a deployment's targets, by status."""
        filters = req.get("targetFilters") or {}
        if filters.get("ServerInstanceLabel"):
            raise AwsError(
                "InvalidDeploymentInstanceTypeException", "Instance labels are for blue/green deployments only"
            )
        for status in filters.get("TargetStatus") or ():
            if status not in _STATUSES:
                raise AwsError("InvalidInstanceStatusException", f"{status[:100]} is not a target status")
        rows = self._rows(ctx, req["deploymentId"])
        return page(_with_status(rows, filters.get("TargetStatus")), req.get("nextToken"), "targetIds")

    def get_deployment_instance(self, ctx: Context, req: Params) -> dict[str, Any]:
        """One host of a deployment with its lifecycle events."""
        rows = self._rows(ctx, req["deploymentId"])
        return {"instanceSummary": _summary(_pick(rows, req["instanceId"], "InstanceDoesNotExistException"))}

    def batch_get_deployment_instances(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Hosts of a deployment; those that are not there are told in errorMessage."""
        check_batch(req["instanceIds"], "InstanceIdRequiredException")
        rows = self._rows(ctx, req["deploymentId"])
        found = {one: _find(rows, one) for one in dict.fromkeys(req["instanceIds"])}
        missing = [one for one, row in found.items() if row is None]
        error = f"The following instances are not part of the deployment: {', '.join(missing)}" if missing else None
        return told(instancesSummary=[_summary(row) for row in found.values() if row], errorMessage=error)

    def get_deployment_target(self, ctx: Context, req: Params) -> dict[str, Any]:
        """One target of a deployment with its lifecycle events."""
        rows = self._rows(ctx, req["deploymentId"])
        return {"deploymentTarget": _target(_pick(rows, req["targetId"], "DeploymentTargetDoesNotExistException"))}

    def batch_get_deployment_targets(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Targets of a deployment; DeploymentTargetDoesNotExistException when one is not there."""
        ids = list(dict.fromkeys(req["targetIds"]))
        if not ids:
            raise AwsError("DeploymentTargetIdRequiredException", "At least one target ID is required")
        if len(ids) > 25:
            raise AwsError("InvalidDeploymentTargetIdException", "At most 25 target IDs may be given")
        rows = self._rows(ctx, req["deploymentId"])
        found = [_pick(rows, one, "DeploymentTargetDoesNotExistException") for one in ids]
        return {"deploymentTargets": [_target(row) for row in found]}

    def _rows(self, ctx: Context, deployment_id: str) -> list[Row]:
        def read(tx: Tx) -> list[Row]:
            row = the_deployment(tx, ctx, deployment_id)
            if row.started_at is None and row.completed_at is None:
                raise AwsError("DeploymentNotStartedException", f"The deployment {row.id} has not started")
            return deployments.targets_of(tx, row.id)

        return self._kit.db.read(read)


def _with_status(rows: Sequence[Row], statuses: Sequence[str] | None) -> list[str]:
    return [row.name for row in rows if not statuses or row.status in statuses]


def _find(rows: Sequence[Row], name: str) -> Row | None:
    return next((row for row in rows if name in (row.name, row.arn)), None)


def _pick(rows: Sequence[Row], name: str, code: str) -> Row:
    row = _find(rows, name)
    if row is None:
        raise AwsError(code, f"{name[:200]} is not part of the deployment")
    return row


def _summary(row: Row) -> dict[str, Any]:
    return {
        "deploymentId": row.deployment_id,
        "instanceId": row.arn,
        "status": row.status,
        "lastUpdatedAt": time(row.updated_at),
        "lifecycleEvents": [_event(step) for step in loads(row.events)],
    }


def _target(row: Row) -> dict[str, Any]:
    instance = {
        "deploymentId": row.deployment_id,
        "targetId": row.name,
        "targetArn": row.arn,
        "status": row.status,
        "lastUpdatedAt": time(row.updated_at),
        "lifecycleEvents": [_event(step) for step in loads(row.events)],
    }
    return {"deploymentTargetType": "InstanceTarget", "instanceTarget": instance}


def _event(step: dict[str, Any]) -> dict[str, Any]:
    return told(
        lifecycleEventName=step["name"],
        diagnostics=step.get("diagnostics"),
        startTime=time(step.get("startTime")),
        endTime=time(step.get("endTime")),
        status=step["status"],
    )
