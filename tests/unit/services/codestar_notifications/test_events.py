"""Events and the event types that they are."""

from __future__ import annotations

from typing import Any

import pytest

from codeyard.engine import EventRow
from codeyard.services.codestar_notifications.event_types import EVENT_TYPES
from codeyard.services.codestar_notifications.events import resources_of, types_of

BUILD, PHASE = "CodeBuild Build State Change", "CodeBuild Build Phase Change"
DEPLOYMENT, INSTANCE = (
    "CodeDeploy Deployment State-change Notification",
    "CodeDeploy Instance State-change Notification",
)
APPROVAL = {"category": "Approval"}


def event(source: str, kind: str, **detail: Any) -> EventRow:
    said = {name.replace("_", "-"): value for name, value in detail.items()}
    return EventRow("1", source, kind, said, "123456789012", "us-east-1", 0, ("arn:r",), "default")


@pytest.mark.parametrize(
    ("found", "types"),
    [
        (event("aws.codebuild", BUILD, build_status="TIMED_OUT"), ["codebuild-project-build-state-failed"]),
        (event("aws.codebuild", BUILD, build_status="IN_PROGRESS"), ["codebuild-project-build-state-in-progress"]),
        (event("aws.codebuild", PHASE, completed_phase_status="FAULT"), ["codebuild-project-build-phase-failure"]),
        (event("aws.codebuild", PHASE, completed_phase_status="STOPPED"), []),
        (event("aws.codedeploy", DEPLOYMENT, state="START"), ["codedeploy-application-deployment-started"]),
        (event("aws.codedeploy", DEPLOYMENT, state="STOP"), []),
        (event("aws.codedeploy", INSTANCE, state="FAILURE"), []),
        (
            event("aws.codepipeline", "CodePipeline Pipeline Execution State Change", state="SUPERSEDED"),
            ["codepipeline-pipeline-pipeline-execution-superseded"],
        ),
        (
            event("aws.codepipeline", "CodePipeline Stage Execution State Change", state="CANCELLED"),
            ["codepipeline-pipeline-stage-execution-canceled"],
        ),
        (
            event("aws.codepipeline", "CodePipeline Action Execution State Change", state="STARTED", type=APPROVAL),
            ["codepipeline-pipeline-action-execution-started", "codepipeline-pipeline-manual-approval-needed"],
        ),
        (event("aws.codepipeline", "CodePipeline Pipeline Execution State Change", state="STOPPING"), []),
        (event("aws.codecommit", "CodeCommit Approval Rule Template Change", event="approvalRuleTemplateCreated"), []),
    ],
)
def test_an_event_is_of_the_documented_types_or_of_none(found: EventRow, types: list[str]) -> None:
    assert list(types_of(found)) == types
    assert set(types) <= set(EVENT_TYPES)


def test_a_builds_event_is_the_projects() -> None:
    found = event("aws.codebuild", BUILD, build_status="FAILED", project_name="web")
    assert resources_of(found) == ("arn:aws:codebuild:us-east-1:123456789012:project/web",)
