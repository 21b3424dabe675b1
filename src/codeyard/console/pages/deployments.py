"""Deployments: the list, and one deployment per host and lifecycle event."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from codeyard.console.live import Look, Parts
from codeyard.console.web import Visit, go

DEPLOYMENTS = "codedeploy"
_PAGE = 25


async def index(visit: Visit) -> Response:
    """The latest deployments."""
    ids = (await visit.call(DEPLOYMENTS, "ListDeployments"))["deployments"][:_PAGE]
    found = (await visit.call(DEPLOYMENTS, "BatchGetDeployments", deploymentIds=ids))["deploymentsInfo"] if ids else []
    found.sort(key=lambda info: ids.index(info["deploymentId"]))
    return visit.render("deployments/index.html", deployments=found)


async def show(visit: Visit) -> Response:
    """One deployment: each host, each lifecycle event, the tail of what failed."""
    return visit.render("deployments/show.html", **await _values(visit))


def looker(visit: Visit) -> Look:
    """What the live page looks at: the whole deployment."""

    async def look() -> Parts:
        return {"deployment": visit.fragment("deployments/hosts.html", **await _values(visit))}

    return look


async def stop(visit: Visit) -> Response:
    """Stop a running deployment."""
    await visit.call(DEPLOYMENTS, "StopDeployment", deploymentId=visit.path("deployment"))
    return go(f"/deployments/{visit.path('deployment')}")


async def _values(visit: Visit) -> dict[str, Any]:
    deployment = visit.path("deployment")
    info = (await visit.call(DEPLOYMENTS, "GetDeployment", deploymentId=deployment))["deploymentInfo"]
    ids = (await visit.call(DEPLOYMENTS, "ListDeploymentTargets", deploymentId=deployment))["targetIds"]
    targets: list[dict[str, Any]] = []
    for start in range(0, len(ids), _PAGE):
        page = await visit.call(
            DEPLOYMENTS, "BatchGetDeploymentTargets", deploymentId=deployment, targetIds=ids[start : start + _PAGE]
        )
        targets += [target["instanceTarget"] for target in page["deploymentTargets"]]
    targets.sort(key=lambda target: str(target["targetId"]))
    return {"info": info, "targets": targets}
