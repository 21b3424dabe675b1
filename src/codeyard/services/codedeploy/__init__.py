"""CodeDeploy: applications, groups of hosts, deployments; and the commands that agents on hosts poll for."""

from __future__ import annotations

from codeyard.contract import Part
from codeyard.engine import Kit
from codeyard.services.codedeploy import access as door
from codeyard.services.codedeploy import errors, triggers
from codeyard.services.codedeploy.api import CodeDeploy
from codeyard.services.codedeploy.board import Board
from codeyard.services.codedeploy.commands import HostCommands
from codeyard.services.codedeploy.commands import api as commands
from codeyard.services.codedeploy.engine import DEPLOYMENT, TARGET, DeploymentEngine
from codeyard.services.codedeploy.registrations import Registrations
from codeyard.services.codedeploy.store import deployments


def parts(kit: Kit) -> tuple[Part, Part]:
    """Both services: `codedeploy` and the agents' `codedeploy-commands`, which share what they know of hosts."""
    board, registered = Board(), Registrations(kit)
    engine = DeploymentEngine(kit, board)

    def locate(account: str, region: str, deployment_id: str) -> str:
        row = kit.db.read(lambda tx: deployments.deployment(tx, deployment_id))
        mine = row is not None and (row.account, row.region) == (account, region)
        return f"{row.application}/{row.group_name}" if row is not None and mine else ""

    deploy = Part(
        service="codedeploy",
        api=CodeDeploy(kit, board, registered),
        access=door.access(locate),
        errors=errors.error_for,
        reconcilers={DEPLOYMENT: engine.deployment, TARGET: engine.target},
        effects={triggers.NOTIFY: triggers.Notifier(kit.clients).send},
        on_start=engine.recover,
    )
    hosts = Part(
        service="codedeploy-commands",
        api=HostCommands(kit, board, registered, engine.lifecycle),
        access=commands.access(registered),
        errors=commands.error_for,
        on_stop=board.close,
    )
    return deploy, hosts


__all__ = ["parts"]
