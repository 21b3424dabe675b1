"""Which event types an event of EventBridge is, whose it is, and the message that tells of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeyard.engine import EventRow
from codeyard.formats.moments import iso_z
from codeyard.services.codestar_notifications.event_types import EVENT_TYPES
from codeyard.storage import dumps

SOURCES = frozenset({"aws.codebuild", "aws.codecommit", "aws.codedeploy", "aws.codepipeline"})
_REPOSITORY = {
    "referenceCreated": "branches-and-tags-created",
    "referenceUpdated": "branches-and-tags-updated",
    "referenceDeleted": "branches-and-tags-deleted",
    "commentOnCommitCreated": "comments-on-commits",
    "commentOnCommitUpdated": "comments-on-commits",
    "commentOnPullRequestCreated": "comments-on-pull-requests",
    "commentOnPullRequestUpdated": "comments-on-pull-requests",
    "pullRequestApprovalStateChanged": "approvals-status-changed",
    "pullRequestApprovalRuleOverridden": "approvals-rule-override",
    "pullRequestCreated": "pull-request-created",
    "pullRequestSourceBranchUpdated": "pull-request-source-updated",
    "pullRequestStatusChanged": "pull-request-status-changed",
    "pullRequestMergeStatusUpdated": "pull-request-merged",
}
_BUILD = {
    "FAILED": "failed",
    "FAULT": "failed",
    "TIMED_OUT": "failed",
    "SUCCEEDED": "succeeded",
    "IN_PROGRESS": "in-progress",
    "STOPPED": "stopped",
}
_PHASE = {
    "FAILED": "failure",
    "FAULT": "failure",
    "TIMED_OUT": "failure",
    "CLIENT_ERROR": "failure",
    "SUCCEEDED": "success",
}
_DEPLOYMENT = {"START": "started", "SUCCESS": "succeeded", "FAILURE": "failed"}
_APPROVAL = {"STARTED": "needed", "SUCCEEDED": "succeeded", "FAILED": "failed"}


def types_of(event: EventRow) -> tuple[str, ...]:
    """The ids of the event types that the event is; none for events that no rule may name."""
    found = {
        "aws.codecommit": _of_repository,
        "aws.codebuild": _of_build,
        "aws.codedeploy": _of_deployment,
        "aws.codepipeline": _of_pipeline,
    }[event.source](event)
    return tuple(one for one in found if one in EVENT_TYPES)


def resources_of(event: EventRow) -> tuple[str, ...]:
    """The ARNs that a rule for this event may be bound to: of a build, its project."""
    if event.source == "aws.codebuild":
        return (f"arn:aws:codebuild:{event.region}:{event.account}:project/{event.detail['project-name']}",)
    return tuple(event.resources)


def message(event: EventRow, rule_arn: str, *, full: bool) -> str:
    """The JSON that a topic is sent, members in AWS's order; FULL says what went wrong in additionalAttributes."""
    return dumps(
        {
            "account": event.account,
            "detailType": event.detail_type,
            "region": event.region,
            "source": event.source,
            "time": iso_z(event.time),
            "notificationRuleArn": rule_arn,
            "detail": dict(event.detail),
            "resources": list(event.resources),
            "additionalAttributes": _additional(event.detail) if full else {},
        }
    )


def _additional(detail: Mapping[str, Any]) -> dict[str, str]:
    result = detail.get("execution-result")
    said = result.get("external-execution-summary") if isinstance(result, Mapping) else None
    return {"additionalInformation": said} if said else {}


def _of_repository(event: EventRow) -> list[str]:
    found = _REPOSITORY.get(event.detail.get("event", ""))
    return [f"codecommit-repository-{found}"] if found else []


def _of_build(event: EventRow) -> list[str]:
    state, phase = event.detail.get("build-status", ""), event.detail.get("completed-phase-status", "")
    if event.detail_type == "CodeBuild Build State Change":
        return [f"codebuild-project-build-state-{_BUILD.get(state)}"]
    return [f"codebuild-project-build-phase-{_PHASE.get(phase)}"]


def _of_deployment(event: EventRow) -> list[str]:
    if event.detail_type != "CodeDeploy Deployment State-change Notification":
        return []
    return [f"codedeploy-application-deployment-{_DEPLOYMENT.get(event.detail.get('state', ''))}"]


def _of_pipeline(event: EventRow) -> list[str]:
    """`CodePipeline Stage Execution State Change` in the state FAILED is stage-execution-failed, and so on."""
    level = event.detail_type.split()[1].lower()
    state = event.detail.get("state", "")
    found = [f"codepipeline-pipeline-{level}-execution-{state.lower().replace('cancelled', 'canceled')}"]
    if level == "action" and (event.detail.get("type") or {}).get("category") == "Approval":
        found.append(f"codepipeline-pipeline-manual-approval-{_APPROVAL.get(state)}")
    return found
