"""Manual approval: tell the SNS topic, then wait for PutApprovalResult or the timeout."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from codeyard.services.codepipeline.actions.base import Outcome, Run, Running


class ManualApproval:
    """Approval / Manual."""

    def start(self, run: Run) -> Outcome:
        """Publish the request for approval as the pipeline's role, where a topic is named."""
        topic = run.configuration.get("NotificationArn")
        if topic:
            subject = f"APPROVAL NEEDED: AWS CodePipeline {run.pipeline} for action {run.action}"
            message = json.dumps(approval_message(run))
            run.client.call("sns", "Publish", {"TopicArn": topic, "Subject": subject[:100], "Message": message})
        return Running()

    def observe(self, run: Run) -> Outcome:
        """An approval ends by PutApprovalResult or by its deadline, never by looking."""
        return Running()


def approval_message(run: Run) -> dict[str, Any]:
    """The JSON that AWS sends to the topic."""
    link = f"{run.console}/pipelines/{run.pipeline}"
    approval = {
        "pipelineName": run.pipeline,
        "stageName": run.stage,
        "actionName": run.action,
        "token": run.token,
        "expires": datetime.fromtimestamp(run.deadline / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%MZ"),
        "externalEntityLink": run.configuration.get("ExternalEntityLink"),
        "approvalReviewLink": f"{link}?stage={run.stage}&action={run.action}#approve",
        "customData": run.configuration.get("CustomData"),
    }
    return {"region": run.region, "consoleLink": link, "approval": approval}
