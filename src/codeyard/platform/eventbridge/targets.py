"""The call that each kind of target gets: as the target's role, or as EventBridge itself by resource policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from codeyard.contract import AwsError, Client
from codeyard.engine import Kit
from codeyard.platform.eventbridge.model import HOST, target_service

_PIPELINE_INPUT = ("variables", "sourceRevisions")


class Invoker:
    """Sends one event to one target."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def send(
        self, target: Mapping[str, Any], event: Mapping[str, Any], text: str, *, delivery_id: str, rule_arn: str
    ) -> None:
        """Make the call; raises the target's AwsError."""
        kind = target_service(target["Arn"])
        client = self._client(target, rule_arn)
        if kind == "codepipeline":
            self._pipeline(client, target, event, rule_arn, text, delivery_id)
        elif kind == "codebuild":
            self._build(client, target, text, delivery_id)
        elif kind == "sns":
            client.call("sns", "Publish", {"TopicArn": target["Arn"], "Message": text})
        elif kind == "logs":
            self._log(client, target["Arn"], event, text)
        else:
            client.call("events", "ForwardEvent", {"EventBusName": target["Arn"], "Event": dict(event)})

    def _client(self, target: Mapping[str, Any], rule_arn: str) -> Client:
        _, _, _, region, account, _ = target["Arn"].split(":", 5)
        if not target.get("RoleArn"):
            return self._kit.clients.as_service(HOST, account=account, region=region, source_arn=rule_arn)
        return self._kit.clients.as_role(
            target["RoleArn"], service=HOST, region=region, session_name="events-session", source_arn=rule_arn
        )

    @staticmethod
    def _pipeline(
        client: Client, target: Mapping[str, Any], event: Mapping[str, Any], rule: str, text: str, token: str
    ) -> None:
        """Start the pipeline at the event's own revision, or with what the rule's own input says."""
        name = target["Arn"].rpartition(":")[2]
        if target.get("Input") is None and target.get("InputTransformer") is None:
            start = {"name": name, "event": dict(event), "rule": rule}
            client.call("codepipeline", "StartPipelineExecutionFromEvent", start)
            return
        given = _constant(target, text)
        params = {member: given[member] for member in _PIPELINE_INPUT if member in given}
        client.call("codepipeline", "StartPipelineExecution", {**params, "name": name, "clientRequestToken": token})

    @staticmethod
    def _build(client: Client, target: Mapping[str, Any], text: str, token: str) -> None:
        name = target["Arn"].partition("project/")[2]
        params = {**_constant(target, text), "projectName": name, "idempotencyToken": token[:64]}
        client.call("codebuild", "StartBuild", params)

    def _log(self, client: Client, arn: str, event: Mapping[str, Any], text: str) -> None:
        group = arn.partition(":log-group:")[2].removesuffix(":*")
        stream = str(event["id"])
        try:
            client.call("logs", "CreateLogStream", {"logGroupName": group, "logStreamName": stream})
        except AwsError as problem:
            if problem.code != "ResourceAlreadyExistsException":
                raise
        line = self._line(text)
        client.call("logs", "PutLogEvents", {"logGroupName": group, "logStreamName": stream, "logEvents": [line]})

    def _line(self, text: str) -> dict[str, Any]:
        now = self._kit.clock.now() // 1000
        given = _loaded(text)
        if (
            isinstance(given, dict)
            and isinstance(given.get("message"), str)
            and isinstance(given.get("timestamp"), int)
        ):
            return {"timestamp": given["timestamp"], "message": given["message"]}
        return {"timestamp": now, "message": text}


def _constant(target: Mapping[str, Any], text: str) -> dict[str, Any]:
    """What a rule's own input says; the event itself is no parameter."""
    if target.get("Input") is None and target.get("InputTransformer") is None:
        return {}
    given = _loaded(text)
    return given if isinstance(given, dict) else {}


def _loaded(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return None
