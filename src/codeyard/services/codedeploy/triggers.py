"""Notifications of a group's triggers to SNS topics: all values strings, sent as the group's service role."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from codeyard.contract import AwsError, Clients
from codeyard.services.codedeploy.store import catalog, deployments
from codeyard.storage import Row, Tx, dumps, loads

NOTIFY = "codedeploy.notify"
_DEPLOYMENT = {
    "Created": "DeploymentStart",
    "InProgress": "DeploymentStart",
    "Succeeded": "DeploymentSuccess",
    "Failed": "DeploymentFailure",
    "Stopped": "DeploymentStop",
    "Rollback": "DeploymentRollback",
}
_INSTANCE = {"InProgress": "InstanceStart", "Succeeded": "InstanceSuccess", "Failed": "InstanceFailure"}
_WORDS = {"InProgress": "IN_PROGRESS", "Rollback": "CREATED"}
_SUBJECT_LIMIT = 100
log = logging.getLogger(__name__)


def deployment(tx: Tx, row: Row, status: str, now: int) -> None:
    """Notify of a deployment that began, ended or (status Rollback) was made to roll back."""
    wanted = _wanted(tx, row, _DEPLOYMENT.get(status, ""))
    for trigger, role in wanted:
        message = _common(row, trigger) | {
            "createTime": _seconds(row.created_at),
            "completeTime": _seconds(now) if status in ("Succeeded", "Failed", "Stopped") else None,
            "deploymentOverview": dumps(overview(tx, row.id, text=True)),
            "status": _WORDS.get(status, status.upper()),
            "errorInformation": _fault(row),
        }
        _send(tx, row, trigger, role, f"{row.id}/{status}", message)


def instance(tx: Tx, row: Row, token: str, status: str, now: int) -> None:
    """Notify of a host that began or ended."""
    wanted = _wanted(tx, row, _INSTANCE.get(status, ""))
    target = deployments.target(tx, token) if wanted else None
    for trigger, role in wanted:
        assert target is not None
        message = _common(row, trigger) | {
            "instanceId": target.arn,
            "lastUpdatedAt": _seconds(now),
            "instanceStatus": _WORDS.get(status, status.upper()),
            "lifecycleEvents": dumps([_event(step) for step in loads(target.events)]),
        }
        _send(tx, row, trigger, role, f"{token}/{status}", message)


def overview(tx: Tx, deployment_id: str, *, text: bool = False) -> dict[str, Any]:
    """How many hosts have which status."""
    found = Counter(row.status for row in deployments.statuses(tx, deployment_id))
    counts = {n: found.get(n, 0) for n in ("Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Ready")}
    return {name: str(count) for name, count in counts.items()} if text else dict(counts)


class Notifier:
    """Carries the notifications out."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def send(self, token: str, payload: dict[str, Any]) -> None:
        """Publish one; a refusal by SNS or IAM is final, as notifications are best effort."""
        try:
            client = self._clients.as_role(
                payload["role"],
                service="codedeploy.amazonaws.com",
                region=payload["region"],
                session_name=payload["deployment"],
                source_arn=payload["source"],
            )
            client.call("sns", "Publish", payload["publish"])
        except AwsError as error:
            log.warning("codedeploy trigger %s was not sent: %s", token, error.code)


def _wanted(tx: Tx, row: Row, event: str) -> list[tuple[dict[str, Any], str]]:
    group = catalog.group_by_id(tx, row.group_id)
    if group is None or not event:
        return []
    body = loads(group.body)
    triggers = body.get("triggerConfigurations") or []
    return [(t, body["serviceRoleArn"]) for t in triggers if event in t.get("triggerEvents", ())]


def _common(row: Row, trigger: dict[str, Any]) -> dict[str, Any]:
    return {
        "region": row.region,
        "accountId": row.account,
        "eventTriggerName": trigger.get("triggerName", ""),
        "applicationName": row.application,
        "deploymentId": row.id,
        "deploymentGroupName": row.group_name,
    }


def _send(tx: Tx, row: Row, trigger: dict[str, Any], role: str, token: str, message: dict[str, Any]) -> None:
    text = dumps({key: value for key, value in message.items() if value is not None})
    subject = f"{message.get('status') or message.get('instanceStatus')}: AWS CodeDeploy {row.id} in {row.region}"
    publish = {"TopicArn": trigger["triggerTargetArn"], "Subject": subject[:_SUBJECT_LIMIT], "Message": text}
    source = f"arn:aws:codedeploy:{row.region}:{row.account}:deploymentgroup:{row.application}/{row.group_name}"
    payload = {"role": role, "region": row.region, "deployment": row.id, "source": source, "publish": publish}
    tx.effect(NOTIFY, f"{token}/{trigger.get('triggerName', '')}", payload)


def _fault(row: Row) -> str | None:
    if not row.fault:
        return None
    fault = loads(row.fault)
    return dumps({"ErrorCode": fault["code"], "ErrorMessage": fault["message"]})


def _event(step: dict[str, Any]) -> dict[str, Any]:
    times = {"StartTime": step.get("startTime"), "EndTime": step.get("endTime")}
    told = {name: _seconds(value) for name, value in times.items() if value}
    return {"LifecycleEvent": step["name"], "LifecycleEventStatus": step["status"], **told}


def _seconds(micros: int) -> str:
    return f"{micros // 1_000_000}.{micros // 1000 % 1000:03d}"
