"""Triggers: which changes of references they want, what they send, and sending it to SNS, at least once.

The JSON is that of the user guide's triggers and Lambda's guide; a push of many references comes in parts.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from codeyard.contract import AwsError, Client, Clients
from codeyard.git.names import ZERO, is_valid_branch, split_ref
from codeyard.services.codecommit import store
from codeyard.services.codecommit.model import Intent, Repository
from codeyard.storage import Tx, dumps

TRIGGER = "codecommit.trigger"
SERVICE = "codecommit.amazonaws.com"
MAX_TRIGGERS, MAX_BRANCHES, MAX_CUSTOM_DATA = 10, 10, 1000
_PART = 500  # references in one message: SNS takes 256 KB
_SUBJECT_LIMIT = 100
_NAME = re.compile(r"[^\s,]{1,100}\Z")
_TOPIC = re.compile(r"arn:aws[\w-]*:sns:([a-z0-9-]+):\d{12}:[\w-]{1,256}\Z", re.ASCII)
_FUNCTION = re.compile(r"arn:aws[\w-]*:lambda:")
_SUBJECTS = {"createReference": "CREATE", "updateReference": "UPDATE", "deleteReference": "DELETE"}
Trigger = Mapping[str, Any]
log = logging.getLogger(__name__)


def check(triggers: Sequence[Trigger], region: str) -> list[dict[str, Any]]:
    """The triggers as they are kept; the refusals of PutRepositoryTriggers where they are not valid."""
    if len(triggers) > MAX_TRIGGERS:
        raise AwsError("MaximumRepositoryTriggersExceededException", f"At most {MAX_TRIGGERS} triggers.")
    names = [trigger["name"] for trigger in triggers]
    if len(set(names)) != len(names):
        raise AwsError("InvalidRepositoryTriggerNameException", "Two triggers have the same name.")
    return [_checked(trigger, region) for trigger in triggers]


def _checked(trigger: Trigger, region: str) -> dict[str, Any]:
    name, custom = trigger["name"], trigger.get("customData")
    if not name:
        raise AwsError("RepositoryTriggerNameRequiredException", "A trigger needs a name.")
    if not _NAME.match(name):
        raise AwsError("InvalidRepositoryTriggerNameException", f"The name of a trigger is not valid: {name[:100]}")
    _check_destination(trigger["destinationArn"], region)
    if custom is not None and len(custom) > MAX_CUSTOM_DATA:
        raise AwsError("InvalidRepositoryTriggerCustomDataException", f"At most {MAX_CUSTOM_DATA} characters of data.")
    kept = {"name": name, "destinationArn": trigger["destinationArn"], "branches": _branches(trigger)}
    return kept | {"events": _events(trigger), **({} if custom is None else {"customData": custom})}


def _check_destination(arn: str, region: str) -> None:
    if not arn:
        raise AwsError("RepositoryTriggerDestinationArnRequiredException", "A trigger needs a destination.")
    code = "InvalidRepositoryTriggerDestinationArnException"
    if _FUNCTION.match(arn):
        raise AwsError(code, "Codeyard has no Lambda yet: a trigger's destination is an SNS topic.")
    found = _TOPIC.match(arn)
    if found is None:
        raise AwsError(code, f"The destination of a trigger is not the ARN of an SNS topic: {arn[:200]}")
    if found[1] != region:
        raise AwsError("InvalidRepositoryTriggerRegionException", f"The topic is not in the region {region}.")


def _branches(trigger: Trigger) -> list[str]:
    branches = trigger.get("branches")
    if branches is None:
        raise AwsError("RepositoryTriggerBranchNameListRequiredException", "branches is required, though it may be [].")
    if len(branches) > MAX_BRANCHES:
        raise AwsError("MaximumBranchesExceededException", f"A trigger names at most {MAX_BRANCHES} branches.")
    for branch in branches:
        if not is_valid_branch(branch):
            raise AwsError("InvalidRepositoryTriggerBranchNameException", f"Not a branch name: {branch[:256]}")
    return list(dict.fromkeys(branches))


def _events(trigger: Trigger) -> list[str]:
    events = list(dict.fromkeys(trigger["events"]))
    if not events:
        raise AwsError("RepositoryTriggerEventsListRequiredException", "A trigger needs at least one event.")
    if "all" in events and len(events) > 1:
        raise AwsError("InvalidRepositoryTriggerEventsException", "The event all stands alone.")
    return events


def event_of(change: Intent) -> str:
    """What a change of a reference is to triggers."""
    if change.old == ZERO:
        return "createReference"
    return "deleteReference" if change.new == ZERO else "updateReference"


def wants(trigger: Trigger, change: Intent) -> bool:
    """Whether a trigger is fired by a change: of its events, and on its branches if it names any."""
    kind, name = split_ref(change.ref)
    if not kind or change.old == change.new:
        return False
    if trigger["branches"] and not (kind == "branch" and name in trigger["branches"]):
        return False
    return trigger["events"] == ["all"] or event_of(change) in trigger["events"]


def fire(tx: Tx, repository: Repository, batch: str, done: Iterable[Intent], caller: str, now: int) -> None:
    """Have every trigger that wants some of the changes sent, once the transaction is done."""
    configuration, triggers = store.triggers(tx, repository.id)
    changes = list(done) if triggers else []
    for trigger in triggers:
        wanted = [change for change in changes if wants(trigger, change)]
        parts = [wanted[at : at + _PART] for at in range(0, len(wanted), _PART)]
        for number, part in enumerate(parts, 1):
            token = f"{batch}:{trigger['name']}:{number}"
            facts: dict[str, Any] = {
                "eventId": batch,
                "eventName": "ReferenceChanges",
                "eventTriggerConfigId": configuration,
            }
            facts |= {"eventPartNumber": number, "eventTotalParts": len(parts), "userIdentityARN": caller}
            message = record(repository, trigger, [_reference(change) for change in part], now, facts)
            subject = f"{_SUBJECTS[event_of(part[0])]}: AWS CodeCommit {repository.region} push: {repository.name}"
            tx.effect(TRIGGER, token, payload(repository, trigger, subject, message))


def _reference(change: Intent) -> dict[str, Any]:
    if change.new == ZERO:
        return {"commit": change.old, "deleted": True, "ref": change.ref}
    return {"commit": change.new, **({"created": True} if change.old == ZERO else {}), "ref": change.ref}


def record(
    repository: Repository,
    trigger: Trigger,
    references: Sequence[Mapping[str, Any]],
    now: int,
    facts: Mapping[str, Any],
) -> str:
    """The message of a trigger."""
    at = datetime.fromtimestamp(now // 1_000_000, UTC)
    said = {
        "awsRegion": repository.region,
        "codecommit": {"references": references},
        "customData": trigger.get("customData"),
        "eventSource": "aws:codecommit",
        "eventSourceARN": repository.arn,
        "eventTime": f"{at:%Y-%m-%dT%H:%M:%S}.{now // 1000 % 1000:03d}+0000",
        "eventTriggerName": trigger["name"],
        "eventVersion": "1.0",
        **facts,
    }
    return dumps({"Records": [dict(sorted(said.items()))]})


def payload(repository: Repository, trigger: Trigger, subject: str, message: str) -> dict[str, Any]:
    """A message with all that sending it takes."""
    publish = {"TopicArn": trigger["destinationArn"], "Subject": subject[:_SUBJECT_LIMIT], "Message": message}
    return {"account": repository.account, "region": repository.region, "arn": repository.arn, "publish": publish}


class Sender:
    """Publishes the messages of triggers as the service CodeCommit, on behalf of the repository."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def publish(self, payload: Mapping[str, Any]) -> None:
        """Publish one, or raise what SNS says."""
        client: Client = self._clients.as_service(
            SERVICE, account=payload["account"], region=payload["region"], source_arn=payload["arn"]
        )
        client.call("sns", "Publish", payload["publish"])

    def send(self, token: str, payload: dict[str, Any]) -> None:
        """The effect: a topic that is gone, or refuses, is not asked again; a fault of the server's is tried again."""
        try:
            self.publish(payload)
        except AwsError as error:
            if (error.status or 400) >= 500 or "Throttl" in error.code:
                raise
            log.warning("codecommit trigger %s was not sent: %s", token, error.code)
