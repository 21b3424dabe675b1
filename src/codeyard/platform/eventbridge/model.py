"""Buses, rules and targets, and the rules that they obey. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeyard.contract import AwsError, not_implemented
from codeyard.formats import resource_policies
from codeyard.formats.resource_policies import NotJson, PolicyFault
from codeyard.platform.eventbridge import transform

DEFAULT_BUS = "default"
MAX_TARGETS = 5
MAX_RULES = 300
MAX_BUSES = 100
MAX_ENTRY_BYTES = 1_048_576
MAX_ATTEMPTS, MAX_AGE_S = 185, 86_400
HOST = "events.amazonaws.com"
_ARN = re.compile(r"arn:aws[\w-]*:([a-z0-9\-]+):([a-z0-9\-]*):([0-9]{12}):(.+)", re.ASCII)
_UNBUILT_MEMBERS = (
    "KinesisParameters",
    "RunCommandParameters",
    "EcsParameters",
    "BatchParameters",
    "SqsParameters",
    "HttpParameters",
    "RedshiftDataParameters",
    "SageMakerPipelineParameters",
    "AppSyncParameters",
)


@dataclass(frozen=True, slots=True)
class Bus:
    """An event bus; `version` grows with every change of its rules and targets."""

    arn: str
    account: str
    region: str
    name: str
    description: str
    policy: str
    tags: Mapping[str, str]
    created: int
    modified: int
    version: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with a pattern or a schedule, or both. `next_at` is when the schedule fires next (0: never)."""

    arn: str
    bus_arn: str
    name: str
    pattern: str
    schedule: str
    state: str
    description: str
    role_arn: str
    created_by: str
    tags: Mapping[str, str]
    next_at: int

    @property
    def enabled(self) -> bool:
        """Whether it does anything."""
        return self.state != "DISABLED"


@dataclass(frozen=True, slots=True)
class Target:
    """A target as it was put; `body` holds its members in the model's form."""

    id: str
    arn: str
    body: Mapping[str, Any]


def invalid(message: str) -> AwsError:
    """ValidationException, which EventBridge answers without listing it."""
    return AwsError("ValidationException", message, status=400)


def bus_arn(account: str, region: str, given: str) -> str:
    """The ARN of a bus given by name, by ARN or not at all."""
    if given.startswith("arn:"):
        return given
    return f"arn:aws:events:{region}:{account}:event-bus/{given or DEFAULT_BUS}"


def bus_name(arn: str) -> str:
    """The name in a bus's ARN."""
    return arn.partition("event-bus/")[2]


def rule_arn(of_bus: str, name: str) -> str:
    """The ARN of a rule on a bus."""
    prefix, _, bus = of_bus.partition(":event-bus/")
    return f"{prefix}:rule/{name}" if bus == DEFAULT_BUS else f"{prefix}:rule/{bus}/{name}"


def target_service(arn: str) -> str:
    """Which of the built target kinds the ARN names; ValidationException for any other."""
    match = _ARN.fullmatch(arn)
    if match is None:
        raise invalid(f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")
    service, last = match[1], match[4]
    if service == "codebuild" and last.startswith("project/"):
        return "codebuild"
    if service == "logs" and last.startswith("log-group:"):
        return "logs"
    if service == "events" and last.startswith("event-bus/"):
        return "events"
    if service in ("codepipeline", "sns"):
        return service
    raise invalid(f"Parameter {arn} is not valid. Reason: Codeyard has no {service} target for it yet.")


def check_target(target: Mapping[str, Any], own_bus: str) -> None:
    """Raise ValidationException for a target that could not be delivered to."""
    arn, target_id = target["Arn"], target["Id"]
    service = target_service(arn)
    if service in ("codepipeline", "codebuild", "events") and not target.get("RoleArn"):
        raise invalid(f"RoleArn is required for target {arn}.")
    if arn == own_bus:
        raise invalid("Event bus target cannot be the rule's own event bus.")
    if named := [member for member in _UNBUILT_MEMBERS if target.get(member)]:
        raise invalid(f"Parameter {named[0]} is not supported for target {arn}.")
    if (target.get("DeadLetterConfig") or {}).get("Arn"):
        raise not_implemented("events", "dead-letter queues (SQS)")
    _check_input(target, target_id)


def _check_input(target: Mapping[str, Any], target_id: str) -> None:
    given = [member for member in ("Input", "InputPath", "InputTransformer") if target.get(member) is not None]
    if len(given) > 1:
        raise invalid(f"Only one of Input, InputPath, or InputTransformer must be provided for target {target_id}.")
    try:
        if "Input" in given:
            json.loads(target["Input"])
        elif "InputPath" in given:
            transform.compile_path(target["InputPath"])
        elif "InputTransformer" in given:
            transform.check(target["InputTransformer"])
    except (ValueError, RecursionError) as problem:
        raise invalid(f"Invalid {given[0]} for target {target_id} : [{problem}].") from None


def tags_of(given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Tags as a mapping; reserved keys are refused."""
    tags = {tag["Key"]: tag["Value"] for tag in given}
    if any(key.lower().startswith("aws:") for key in tags) or len(tags) > 50:
        raise invalid("Tags can't be more than 50, and their keys can't begin with aws:.")
    return tags


def permission(arn: str, req: Mapping[str, Any]) -> dict[str, Any]:
    """The policy statement that PutPermission's single members ask for."""
    missing = [member for member in ("Action", "Principal", "StatementId") if not req.get(member)]
    if missing:
        raise invalid(f"Parameter {missing[0]} is not valid. Reason: {missing[0]} is a required argument.")
    if req["Action"] != "events:PutEvents":
        raise invalid("Provided value in parameter 'action' is not supported.")
    principal = req["Principal"]
    if principal != "*" and not (len(principal) == 12 and principal.isdigit()):
        raise invalid("Provided value in parameter 'principal' is not supported.")
    who: Any = "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"}
    made = {"Sid": req["StatementId"], "Effect": "Allow", "Principal": who, "Action": req["Action"], "Resource": arn}
    condition = req.get("Condition")
    return {**made, "Condition": {condition["Type"]: {condition["Key"]: condition["Value"]}}} if condition else made


def check_policy(text: str) -> None:
    """Raise for a policy document that could not be judged by, or speaks of other things than events."""
    if len(text.encode()) > 10_240:
        raise AwsError("PolicyLengthExceededException", "The size of the policy is over 10240 bytes.")
    try:
        resource_policies.check(text, vendor="events")
    except NotJson:
        raise invalid("This policy contains invalid Json") from None
    except PolicyFault as fault:
        raise invalid(f"This policy contains invalid statements: {fault}") from None
