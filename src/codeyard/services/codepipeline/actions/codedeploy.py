"""Deploy with CodeDeploy: one deployment of the input artifact to the deployment group.

CreateDeployment has no idempotency token, so the deployment carries the action execution id in its description, and a
start that may have been made before looks for that mark first. Only then is codedeploy:ListDeployments needed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from codeyard.services.codepipeline.actions.base import JOB_FAILED, Done, Failed, Outcome, Run, Running


class CodeDeploy:
    """Deploy / CodeDeploy."""

    def start(self, run: Run) -> Outcome:
        """Create the deployment, unless an earlier start did."""
        deployment = self._made_before(run) if run.again else ""
        if not deployment:
            answer = run.client.call("codedeploy", "CreateDeployment", deployment_request(run))
            deployment = str(answer["deploymentId"])
        return Running(deployment, _url(run, deployment))

    def observe(self, run: Run) -> Outcome:
        """Ask how the deployment stands."""
        answer = run.client.call("codedeploy", "GetDeployment", {"deploymentId": run.external_id})
        info, url = answer["deploymentInfo"], _url(run, run.external_id)
        status = info.get("status", "Created")
        if status == "Succeeded":
            return Done(run.external_id, url, "Deployment Succeeded")
        if status in ("Failed", "Stopped"):
            return Failed(JOB_FAILED, _why(info, status), run.external_id, url)
        return Running(run.external_id, url, percent=_percent(info))

    @staticmethod
    def _made_before(run: Run) -> str:
        names = _names(run)
        since = {"start": datetime.fromtimestamp(run.started // 1_000_000, UTC)}
        request: dict[str, Any] = {**names, "createTimeRange": since}
        while True:
            page = run.client.call("codedeploy", "ListDeployments", request)
            for deployment in page.get("deployments", ()):
                info = run.client.call("codedeploy", "GetDeployment", {"deploymentId": deployment})
                if info["deploymentInfo"].get("description") == marker(run.id):
                    return str(deployment)
            if not page.get("nextToken"):
                return ""
            request = {**request, "nextToken": page["nextToken"]}


def marker(run_id: str) -> str:
    """The description by which a deployment is known to be an action execution's."""
    return f"codeyard:{run_id}"


def deployment_request(run: Run) -> dict[str, Any]:
    """CreateDeployment's parameters."""
    artifact = run.inputs[0]
    location = {"bucket": artifact.bucket, "key": artifact.key, "bundleType": "zip"}
    return {
        **_names(run),
        "revision": {"revisionType": "S3", "s3Location": location},
        "description": marker(run.id),
    }


def _names(run: Run) -> dict[str, str]:
    c = run.configuration
    return {"applicationName": c["ApplicationName"], "deploymentGroupName": c["DeploymentGroupName"]}


def _url(run: Run, deployment: str) -> str:
    return f"{run.console}/deployments/{deployment}"


def _why(info: dict[str, Any], status: str) -> str:
    error = info.get("errorInformation") or {}
    words = ": ".join(w for w in (error.get("code"), error.get("message")) if w)
    return f"Deployment {info.get('deploymentId', '')} {status.lower()}" + (f". {words}" if words else ".")


def _percent(info: dict[str, Any]) -> int | None:
    overview = info.get("deploymentOverview") or {}
    total = sum(overview.values())
    ended = sum(overview.get(k, 0) for k in ("Succeeded", "Failed", "Skipped"))
    return 100 * ended // total if total else None
