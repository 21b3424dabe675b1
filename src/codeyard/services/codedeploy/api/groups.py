"""Deployment groups: which hosts, by which rules, as which role."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params, not_implemented
from codeyard.services.codedeploy import configs, settings
from codeyard.services.codedeploy.api.common import (
    Base,
    check_batch,
    page,
    the_application,
    the_group,
    time,
    told,
    where,
)
from codeyard.services.codedeploy.api.configs import find_config
from codeyard.services.codedeploy.api.tagging import checked_tags, group_arn
from codeyard.services.codedeploy.store import catalog, deployments
from codeyard.storage import Row, Tx, dumps, loads

_LIMIT = 1000
_STYLE = {"deploymentType": "IN_PLACE", "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"}


class Groups(Base):
    """The deployment group operations."""

    def create_deployment_group(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Create a group; the service role is the one that deployments are made as."""
        application, name = req["applicationName"], req["deploymentGroupName"]
        body, tags = settings.checked(req), checked_tags(req.get("tags") or [])
        settings.check_combinations(body)
        group_id, config = self._kit.ids.uuid(), body.get("deploymentConfigName") or configs.DEFAULT
        body |= {"deploymentConfigName": config, "deploymentStyle": body.get("deploymentStyle") or _STYLE}

        def write(tx: Tx) -> dict[str, Any]:
            self._check_new(tx, ctx, application, name, config)
            values = {"id": group_id, "config_name": config, "body": dumps(body), "created_at": ctx.now}
            catalog.add_group(tx, where(ctx), application, name, **values)
            catalog.set_tags(tx, group_arn(ctx, application, name), tags)
            return {"deploymentGroupId": group_id}

        return ctx.write(write)

    def _check_new(self, tx: Tx, ctx: Context, application: str, name: str, config: str) -> None:
        app = the_application(tx, ctx, application)
        if app.platform != "Server":
            raise not_implemented("codedeploy", f"deployment groups of the {app.platform} compute platform")
        _check_config(tx, ctx, config)
        _refuse_taken(tx, ctx, application, name)
        if catalog.count_groups(tx, where(ctx), application) >= _LIMIT:
            raise AwsError("DeploymentGroupLimitExceededException", f"An application has at most {_LIMIT} groups")

    def get_deployment_group(self, ctx: Context, req: Params) -> dict[str, Any]:
        """One group."""

        def read(tx: Tx) -> dict[str, Any]:
            return _info(tx, the_group(tx, ctx, req["applicationName"], req["deploymentGroupName"]))

        return {"deploymentGroupInfo": self._kit.db.read(read)}

    def batch_get_deployment_groups(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The groups of these names; those that are not there are told in errorMessage."""
        names = list(dict.fromkeys(req["deploymentGroupNames"]))
        check_batch(names, "DeploymentGroupNameRequiredException")

        def read(tx: Tx) -> dict[str, Any]:
            the_application(tx, ctx, req["applicationName"])
            rows = {n: catalog.group(tx, where(ctx), req["applicationName"], n) for n in names}
            missing = [name for name, row in rows.items() if row is None]
            error = f"No Deployment Group found for name: {', '.join(missing)}" if missing else None
            return told(deploymentGroupsInfo=[_info(tx, r) for r in rows.values() if r], errorMessage=error)

        return self._kit.db.read(read)

    def list_deployment_groups(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Names of an application's groups, in order."""
        application = req["applicationName"]

        def read(tx: Tx) -> list[str]:
            the_application(tx, ctx, application)
            return catalog.group_names(tx, where(ctx), application, "", _LIMIT)

        names = self._kit.db.read(read)
        return {"applicationName": application, **page(names, req.get("nextToken"), "deploymentGroups")}

    def update_deployment_group(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Change what the request gives of a group; the rest stays."""
        application, name = req["applicationName"], req["currentDeploymentGroupName"]
        changes, new = settings.checked(req), req.get("newDeploymentGroupName") or name

        def write(tx: Tx) -> dict[str, Any]:
            row = the_group(tx, ctx, application, name)
            body = settings.merged(loads(row.body), changes)
            _check_config(tx, ctx, body["deploymentConfigName"])
            catalog.set_group(tx, row.id, body=dumps(body), config_name=body["deploymentConfigName"])
            if new != name:
                _refuse_taken(tx, ctx, application, new)
                catalog.rename_group(tx, row.id, new)
                _move_tags(tx, group_arn(ctx, application, name), group_arn(ctx, application, new))
            return {"hooksNotCleanedUp": []}

        return ctx.write(write)

    def delete_deployment_group(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a group; one that is not there is no error."""
        application, name = req["applicationName"], req["deploymentGroupName"]

        def write(tx: Tx) -> dict[str, Any]:
            row = catalog.group(tx, where(ctx), application, name)
            if row is not None:
                catalog.set_tags(tx, group_arn(ctx, application, name), {})
                catalog.drop_group(tx, row.id)
            return {"hooksNotCleanedUp": []}

        return ctx.write(write)


def _check_config(tx: Tx, ctx: Context, name: str) -> None:
    if find_config(tx, ctx, name)["computePlatform"] != "Server":
        raise AwsError(
            "InvalidDeploymentConfigNameException", f"{name} is not a configuration of the Server compute platform"
        )


def _refuse_taken(tx: Tx, ctx: Context, application: str, name: str) -> None:
    if catalog.group(tx, where(ctx), application, name) is not None:
        raise AwsError("DeploymentGroupAlreadyExistsException", f"Deployment group name already exists: {name}")


def _move_tags(tx: Tx, before: str, after: str) -> None:
    tags = catalog.tags_of(tx, before)
    catalog.set_tags(tx, before, {})
    catalog.set_tags(tx, after, tags)


def _info(tx: Tx, row: Row) -> dict[str, Any]:
    return told(
        **loads(row.body),
        applicationName=row.application,
        deploymentGroupId=row.id,
        deploymentGroupName=row.name,
        targetRevision=loads(row.revision) if row.revision else None,
        lastSuccessfulDeployment=_last(tx, row.last_successful),
        lastAttemptedDeployment=_last(tx, row.last_attempted),
        computePlatform="Server",
        autoScalingGroups=[],
    )


def _last(tx: Tx, deployment_id: str | None) -> dict[str, Any] | None:
    row = deployments.deployment(tx, deployment_id) if deployment_id else None
    if row is None:
        return None
    times = {"endTime": time(row.completed_at), "createTime": time(row.created_at)}
    return told(deploymentId=row.id, status=row.status, **times)
