"""Deployments: the list, and one deployment per host and lifecycle event."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from codeyard.console.web import Visit

DEPLOYMENTS = "codedeploy"
_PAGE = 25


async def index(visit: Visit) -> Response:
    """The latest deployments."""
    ids = (await visit.call(DEPLOYMENTS, "ListDeployments"))["deployments"][:_PAGE]
    found = (await visit.call(DEPLOYMENTS, "BatchGetDeployments", deploymentIds=ids))["deploymentsInfo"] if ids else []
    return visit.render("deployments/index.html", deployments=found)


async def show(visit: Visit) -> Response:
    """One deployment: each host, each lifecycle event, the tail of what failed."""
    deployment = visit.path("deployment")
    info = (await visit.call(DEPLOYMENTS, "GetDeployment", deploymentId=deployment))["deploymentInfo"]
    ids = (await visit.call(DEPLOYMENTS, "ListDeploymentTargets", deploymentId=deployment))["targetIds"]
    targets: list[dict[str, Any]] = []
    for start in range(0, len(ids), 25):
        page = await visit.call(
            DEPLOYMENTS, "BatchGetDeploymentTargets", deploymentId=deployment, targetIds=ids[start : start + 25]
        )
        targets += [target["instanceTarget"] for target in page["deploymentTargets"]]
    return visit.render("deployments/show.html", info=info, targets=targets)
