"""The two EventBridge events of CodeDeploy, with their exact JSON."""

from __future__ import annotations

from dataclasses import dataclass

from codeyard.contract import Event

_STATES = {"InProgress": "START", "Succeeded": "SUCCESS", "Failed": "FAILURE", "Stopped": "STOP", "Ready": "READY"}


@dataclass(frozen=True, slots=True)
class Place:
    """What both events tell of where they happened. `group_id` is the deployment group's UUID."""

    account: str
    region: str
    application: str
    group: str
    group_id: str
    deployment_id: str

    @property
    def application_arn(self) -> str:
        """The application's ARN."""
        return f"arn:aws:codedeploy:{self.region}:{self.account}:application:{self.application}"

    @property
    def group_arn(self) -> str:
        """The deployment group's ARN."""
        return f"arn:aws:codedeploy:{self.region}:{self.account}:deploymentgroup:{self.application}/{self.group}"

    def detail(self, status: str) -> dict[str, str]:
        """The members that both events have."""
        return {
            "region": self.region,
            "deploymentId": self.deployment_id,
            "instanceGroupId": self.group_id,
            "deploymentGroup": self.group,
            "state": _STATES[status],
            "application": self.application,
        }


def deployment_changed(place: Place, status: str, now: int) -> Event:
    """A deployment began, or ended in that status."""
    return Event(
        "aws.codedeploy",
        "CodeDeploy Deployment State-change Notification",
        place.detail(status),
        place.account,
        place.region,
        now,
        (place.application_arn, place.group_arn),
    )


def instance_changed(place: Place, instance_id: str, instance_arn: str, status: str, now: int) -> Event:
    """A host of a deployment began, or ended in that status."""
    return Event(
        "aws.codedeploy",
        "CodeDeploy Instance State-change Notification",
        {"instanceId": instance_id, **place.detail(status)},
        place.account,
        place.region,
        now,
        (instance_arn, place.group_arn, place.application_arn),
    )
