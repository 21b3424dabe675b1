"""Notification rules and what they may say. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeyard.services.codestar_notifications.errors import invalid, limit, unsupported
from codeyard.services.codestar_notifications.event_types import EVENT_TYPES
from codeyard.storage import dumps

SERVICE = "codestar-notifications.amazonaws.com"
# Quotas of the developer tools user guide.
MAX_RULES, MAX_RULES_OF_RESOURCE, MAX_TARGETS, MAX_TAGS = 1000, 10, 10, 50
PENDING, ACTIVE, UNREACHABLE = "PENDING", "ACTIVE", "UNREACHABLE"
_TOPIC = re.compile(r"arn:aws[\w-]*:sns:([a-z0-9-]+):\d{12}:[\w-]{1,256}", re.ASCII)
_CHAT = ("AWSChatbotSlack", "AWSChatbotMicrosoftTeams")


@dataclass(frozen=True, slots=True)
class Rule:
    """A notification rule; `fingerprint` is of the request that its token came with."""

    arn: str
    account: str
    region: str
    name: str
    resource: str
    event_types: Sequence[str]
    detail_type: str
    status: str
    created_by: str
    created: int
    modified: int
    tags: Mapping[str, str]
    token: str
    fingerprint: str

    @property
    def id(self) -> str:
        """The last part of the ARN."""
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Target:
    """Where notifications go, with what the last delivery there showed."""

    address: str
    type: str
    status: str

    def shape(self) -> dict[str, str]:
        """The TargetSummary."""
        return {"TargetAddress": self.address, "TargetType": self.type, "TargetStatus": self.status}


def checked_types(ids: Sequence[str], resource: str) -> list[str]:
    """The event types of a rule, once each: at least one, all of the resource's service."""
    if not ids:
        raise invalid("A notification rule needs at least one event type.")
    service = resource.split(":")[2]
    for one in ids:
        known = EVENT_TYPES.get(one)
        if known is None:
            raise invalid(f"The event type {one} does not exist.")
        if known.service.lower() != service:
            raise invalid(f"The event type {one} is not valid for the resource {resource}.")
    return list(dict.fromkeys(ids))


def checked_targets(targets: Iterable[Mapping[str, Any]], region: str) -> list[str]:
    """The topics of a rule, once each; ConfigurationException for chat clients, which nothing here delivers to."""
    return list(dict.fromkeys(checked_target(one, region) for one in targets))


def checked_target(target: Mapping[str, Any], region: str) -> str:
    """The ARN of a target that is an SNS topic of the region."""
    kind, address = target.get("TargetType") or "", target.get("TargetAddress") or ""
    if not kind or not address:
        raise invalid("A target needs a TargetType and a TargetAddress.")
    if kind in _CHAT:
        raise unsupported(kind)
    if kind != "SNS":
        raise invalid(f"The target type {kind} is not valid. Valid values: SNS, {', '.join(_CHAT)}.")
    known = _TOPIC.fullmatch(address)
    if known is None:
        raise invalid("The address of a target of the type SNS is the ARN of a standard SNS topic.")
    if known[1] != region:
        raise invalid(f"The topic of a target must be in the region of the notification rule, {region}.")
    return address


def checked_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags as they are kept; LimitExceededException beyond 50, ValidationException for AWS's own prefix."""
    if len(tags) > MAX_TAGS:
        raise limit(f"A notification rule has at most {MAX_TAGS} tags.")
    for key in tags:
        if key.lower().startswith("aws:"):
            raise invalid("The keys of tags must not begin with aws:.")
    return dict(tags)


def fingerprint(req: Mapping[str, Any]) -> str:
    """What a request asked for, its token aside."""
    asked = {name: value for name, value in req.items() if name != "ClientRequestToken"}
    return hashlib.sha256(dumps(dict(sorted(asked.items()))).encode()).hexdigest()
