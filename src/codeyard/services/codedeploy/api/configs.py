"""Deployment configurations: the predefined ones, and an account's own."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.services.codedeploy import configs
from codeyard.services.codedeploy.api.common import Base, page, time, told, where
from codeyard.services.codedeploy.store import catalog
from codeyard.storage import Tx, loads

_LIMIT = 50


class Configs(Base):
    """The deployment configuration operations."""

    def create_deployment_config(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Create a configuration: a minimum of healthy hosts, or a way to shift traffic."""
        name, body, config_id = req["deploymentConfigName"], configs.checked(req), self._kit.ids.uuid()

        def write(tx: Tx) -> dict[str, Any]:
            if catalog.config(tx, where(ctx), name) is not None:
                raise AwsError(
                    "DeploymentConfigAlreadyExistsException",
                    f"Deployment Configuration already exists for name: {name}",
                )
            if catalog.count_configs(tx, where(ctx)) >= _LIMIT:
                raise AwsError("DeploymentConfigLimitExceededException", f"At most {_LIMIT} may be created")
            catalog.add_config(tx, where(ctx), name, config_id, body, ctx.now)
            return {"deploymentConfigId": config_id}

        return ctx.write(write)

    def get_deployment_config(self, ctx: Context, req: Params) -> dict[str, Any]:
        """One configuration, predefined or made."""
        name = req["deploymentConfigName"]
        body = config_body(self._kit.db.read(lambda tx: _found(tx, ctx, name)), name)
        return {"deploymentConfigInfo": {"deploymentConfigName": name, **body}}

    def list_deployment_configs(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Names of all configurations, in order."""
        made = self._kit.db.read(lambda tx: catalog.config_names(tx, where(ctx)))
        return page(sorted([*configs.predefined(), *made]), req.get("nextToken"), "deploymentConfigsList")

    def delete_deployment_config(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a made configuration that no group uses."""
        name = req["deploymentConfigName"]
        if name.startswith(configs.PREFIX):
            raise AwsError("InvalidOperationException", "A predefined deployment configuration cannot be deleted")

        def write(tx: Tx) -> dict[str, Any]:
            if catalog.config_in_use(tx, where(ctx), name):
                raise AwsError("DeploymentConfigInUseException", f"{name} is used by a deployment group")
            catalog.drop_config(tx, where(ctx), name)
            return {}

        return ctx.write(write)


def find_config(tx: Tx, ctx: Context, name: str) -> dict[str, Any]:
    """The body of a configuration; DeploymentConfigDoesNotExistException."""
    return config_body(_found(tx, ctx, name), name)


def config_body(found: dict[str, Any] | None, name: str) -> dict[str, Any]:
    """What was found, or DeploymentConfigDoesNotExistException."""
    if found is None:
        raise AwsError("DeploymentConfigDoesNotExistException", f"No Deployment Configuration found for name: {name}")
    return found


def _found(tx: Tx, ctx: Context, name: str) -> dict[str, Any] | None:
    builtin = configs.predefined().get(name)
    if builtin is not None:
        return builtin
    row = catalog.config(tx, where(ctx), name)
    if row is None:
        return None
    return told(deploymentConfigId=row.id, createTime=time(row.created_at), **loads(row.body))
