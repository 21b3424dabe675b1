"""The event types that rules may name (developer tools user guide, "Events for notification rules")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of event, with what the console calls it."""

    id: str
    name: str
    service: str
    resource: str

    def shape(self) -> dict[str, str]:
        """The EventTypeSummary."""
        return {
            "EventTypeId": self.id,
            "ServiceName": self.service,
            "EventTypeName": self.name,
            "ResourceType": self.resource,
        }


# service, resource type, prefix of the ids, {category: (its part of the id, {state: its part of the id})}
_TABLE: tuple[tuple[str, str, str, Mapping[str, tuple[str, str]]], ...] = (
    (
        "CodeBuild",
        "Project",
        "codebuild-project-",
        {
            "Build state": ("build-state-", "failed succeeded in-progress stopped"),
            "Build phase": ("build-phase-", "failure success"),
        },
    ),
    (
        "CodeCommit",
        "Repository",
        "codecommit-repository-",
        {
            "Comments": ("comments-", "on-commits on-pull-requests"),
            "Approvals": ("approvals-", "status-changed rule-override"),
            "Pull request": ("pull-request-", "created source-updated status-changed merged"),
            "Branches and tags": ("branches-and-tags-", "created deleted updated"),
        },
    ),
    (
        "CodeDeploy",
        "Application",
        "codedeploy-application-",
        {"Deployment": ("deployment-", "succeeded failed started")},
    ),
    (
        "CodePipeline",
        "Pipeline",
        "codepipeline-pipeline-",
        {
            "Action execution": ("action-execution-", "succeeded failed canceled started"),
            "Stage execution": ("stage-execution-", "started succeeded resumed canceled failed"),
            "Pipeline execution": (
                "pipeline-execution-",
                "failed canceled started resumed succeeded superseded",
            ),
            "Manual approval": ("manual-approval-", "failed needed succeeded"),
        },
    ),
)


def _all() -> Iterator[EventType]:
    for service, resource, prefix, categories in _TABLE:
        for category, (part, states) in categories.items():
            for state in states.split():
                name = f"{category}: {state.replace('-', ' ').capitalize()}"
                yield EventType(f"{prefix}{part}{state}", name, service, resource)


EVENT_TYPES: Mapping[str, EventType] = MappingProxyType({one.id: one for one in _all()})
