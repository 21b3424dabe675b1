"""What a deployment group may be made of: every member checked, what is not built refused by name. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from codeyard.contract import AwsError, not_implemented

_ROLE = re.compile(r"arn:[a-z-]+:iam::\d{12}:role/[\w+=,.@/-]{1,576}")
_TOPIC = re.compile(r"arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}(\.fifo)?")
# members that are kept as they were sent
KEPT = (
    "deploymentConfigName",
    "ec2TagFilters",
    "onPremisesInstanceTagFilters",
    "serviceRoleArn",
    "triggerConfigurations",
    "alarmConfiguration",
    "autoRollbackConfiguration",
    "outdatedInstancesStrategy",
    "deploymentStyle",
    "loadBalancerInfo",
    "ec2TagSet",
    "onPremisesTagSet",
    "terminationHookEnabled",
)


def checked(req: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a group that the request gives, or the modelled error for the first one that is wrong."""
    _refuse_unbuilt(req)
    if req.get("serviceRoleArn") is not None:
        check_role(req["serviceRoleArn"])
    _tag_filters(req.get("ec2TagFilters"), "InvalidEC2TagException")
    _tag_filters(req.get("onPremisesInstanceTagFilters"), "InvalidTagException")
    _tag_set(req, "ec2TagSet", "ec2TagSetList", "InvalidEC2TagException")
    _tag_set(req, "onPremisesTagSet", "onPremisesTagSetList", "InvalidTagException")
    check_alarms(req.get("alarmConfiguration"))
    check_rollback(req.get("autoRollbackConfiguration"))
    _triggers(req.get("triggerConfigurations") or [])
    return {name: req[name] for name in KEPT if req.get(name) is not None}


def check_combinations(body: Mapping[str, Any]) -> None:
    """Refuse tag filters beside a tag set."""
    if body.get("ec2TagFilters") and (body.get("ec2TagSet") or {}).get("ec2TagSetList"):
        raise AwsError("InvalidEC2TagCombinationException", "Only one of ec2TagFilters and ec2TagSet may be given")
    if body.get("onPremisesInstanceTagFilters") and (body.get("onPremisesTagSet") or {}).get("onPremisesTagSetList"):
        raise AwsError(
            "InvalidOnPremisesTagCombinationException",
            "Only one of onPremisesInstanceTagFilters and onPremisesTagSet may be given",
        )


def merged(body: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A group's members after an update: tag filters replace a tag set, and the other way round."""
    check_combinations(changes)
    kept = dict(body)
    for pair in (("ec2TagFilters", "ec2TagSet"), ("onPremisesInstanceTagFilters", "onPremisesTagSet")):
        for given, other in (pair, pair[::-1]):
            if changes.get(given) and not changes.get(other):
                kept.pop(other, None)
    return kept | dict(changes)


def _refuse_unbuilt(req: Mapping[str, Any]) -> None:
    style = req.get("deploymentStyle") or {}
    balancers = req.get("loadBalancerInfo") or {}
    if style.get("deploymentType") == "BLUE_GREEN" or req.get("blueGreenDeploymentConfiguration"):
        raise not_implemented("codedeploy", "blue/green deployments")
    if style.get("deploymentOption") == "WITH_TRAFFIC_CONTROL" or any(balancers.values()):
        raise not_implemented("codedeploy", "deployments behind a load balancer")
    if req.get("autoScalingGroups"):
        raise not_implemented("codedeploy", "Auto Scaling groups")
    if req.get("ecsServices"):
        raise not_implemented("codedeploy", "the ECS compute platform")
    if (req.get("ec2DeploymentOptions") or {}).get("autoScalingGroupProcessesToSuspend"):
        raise not_implemented("codedeploy", "suspending processes of Auto Scaling groups")


def check_role(arn: str) -> None:
    """InvalidRoleException for what is not an IAM role's ARN."""
    if not _ROLE.fullmatch(arn):
        raise AwsError("InvalidRoleException", "The service role is not the ARN of an IAM role")


def check_alarms(settings: Mapping[str, Any] | None) -> None:
    """Alarms that are switched on cannot be watched yet; switched off they are kept."""
    if settings and settings.get("enabled"):
        if not settings.get("alarms"):
            raise AwsError("InvalidAlarmConfigException", "The alarm configuration is enabled and names no alarm")
        raise not_implemented("codedeploy", "alarms")
    names = [alarm.get("name") for alarm in (settings or {}).get("alarms") or ()]
    if len(names) > 10:
        raise AwsError("AlarmsLimitExceededException", "A deployment group has at most 10 alarms")
    if any(not name or len(name) > 255 for name in names) or len(set(names)) < len(names):
        raise AwsError("InvalidAlarmConfigException", "Alarms need different names of at most 255 characters")


def check_rollback(settings: Mapping[str, Any] | None) -> None:
    """InvalidAutoRollbackConfigException for an enabled rollback without an event."""
    if settings and settings.get("enabled") and not settings.get("events"):
        raise AwsError("InvalidAutoRollbackConfigException", "An automatic rollback needs at least one event")


def _tag_filters(filters: Sequence[Mapping[str, Any]] | None, code: str) -> None:
    if filters and len(filters) > 10:
        raise AwsError(code, "At most 10 tags may be given")
    for entry in filters or ():
        kind = entry.get("Type")
        if kind != "VALUE_ONLY" and not entry.get("Key"):
            raise AwsError(code, "A tag filter needs a key")
        if kind in ("VALUE_ONLY", "KEY_AND_VALUE") and entry.get("Value") is None:
            raise AwsError(code, "A tag filter of that type needs a value")


def _tag_set(req: Mapping[str, Any], member: str, inner: str, code: str) -> None:
    lists = (req.get(member) or {}).get(inner) or []
    if len(lists) > 3:
        raise AwsError("TagSetListLimitExceededException", "A tag set has at most 3 groups")
    for filters in lists:
        if not filters:
            raise AwsError(code, "A group of a tag set needs at least one tag")
        _tag_filters(filters, code)


def _triggers(triggers: Sequence[Mapping[str, Any]]) -> None:
    if len(triggers) > 10:
        raise AwsError("TriggerTargetsLimitExceededException", "A deployment group has at most 10 triggers")
    names = [trigger.get("triggerName") for trigger in triggers]
    if not all(names) or len(set(names)) < len(names):
        raise AwsError("InvalidTriggerConfigException", "Triggers need different names")
    for trigger in triggers:
        if not _TOPIC.fullmatch(trigger.get("triggerTargetArn") or "") or not trigger.get("triggerEvents"):
            raise AwsError("InvalidTriggerConfigException", "A trigger needs the ARN of an SNS topic and events")
