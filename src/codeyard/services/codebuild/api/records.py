"""What a build's record holds when the build is started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeyard.contract import Context
from codeyard.services.codebuild.model.builds import Course

_KEPT = (
    "source",
    "secondarySources",
    "secondarySourceVersions",
    "cache",
    "environment",
    "serviceRole",
    "timeoutInMinutes",
    "queuedTimeoutInMinutes",
    "encryptionKey",
    "sourceVersion",
)


def new_record(ctx: Context, unique: str, name: str, number: int, document: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a build that was just submitted."""
    record: dict[str, Any] = {
        "id": f"{name}:{unique}",
        "arn": ctx.arn(f"build/{name}:{unique}", "codebuild"),
        "buildNumber": number,
        "startTime": ctx.now,
        "currentPhase": "SUBMITTED",
        "buildStatus": "IN_PROGRESS",
        "projectName": name,
        "phases": [],
        **{member: document[member] for member in _KEPT if document.get(member)},
        "artifacts": _built_artifact(document["artifacts"], name, unique),
        "secondaryArtifacts": [_built_artifact(a, name, unique) for a in document.get("secondaryArtifacts") or ()],
        "logs": _logs(ctx, document, name, unique),
        "buildComplete": False,
        "initiator": _initiator(ctx),
    }
    course = Course(record)
    course.enter("SUBMITTED", ctx.now)
    return course.record


def _built_artifact(artifact: Mapping[str, Any], name: str, unique: str) -> dict[str, Any]:
    """BuildArtifacts as they stand before anything was uploaded."""
    said: dict[str, Any] = {
        k: artifact[k]
        for k in ("overrideArtifactName", "encryptionDisabled", "artifactIdentifier", "bucketOwnerAccess")
        if artifact.get(k) is not None
    }
    if artifact["type"] == "S3":
        middle = [artifact.get("path", "").strip("/"), unique if artifact.get("namespaceType") == "BUILD_ID" else ""]
        key = "/".join(part for part in (*middle, artifact.get("name", name).lstrip("/")) if part)
        said["location"] = f"arn:aws:s3:::{artifact['location']}/{key}"
    elif artifact["type"] == "CODEPIPELINE" and artifact.get("location"):
        said["location"] = f"arn:aws:s3:::{artifact['location']}/{artifact.get('name', '')}"
    return said


def _logs(ctx: Context, document: Mapping[str, Any], name: str, unique: str) -> dict[str, Any]:
    config = (document.get("logsConfig") or {}).get("cloudWatchLogs") or {"status": "ENABLED"}
    said: dict[str, Any] = {"cloudWatchLogs": config}
    if config["status"] == "DISABLED":
        return said
    group = config.get("groupName") or f"/aws/codebuild/{name}"
    stream = f"{config['streamName']}/{unique}" if config.get("streamName") else unique
    arn = ctx.arn(f"log-group:{group}:log-stream:{stream}", "logs")
    link = f"https://console.aws.amazon.com/cloudwatch/home?region={ctx.region}#logsV2:log-groups/log-group/"
    said.update(groupName=group, streamName=stream, cloudWatchLogsArn=arn)
    said["deepLink"] = link + group.replace("/", "$252F") + "/log-events/" + stream
    return said


def _initiator(ctx: Context) -> str:
    """`codepipeline/<name>` for a pipeline's session, the user's name, or role/session."""
    who = ctx.principal
    if who.kind == "role":
        if who.invoked_by.startswith("codepipeline"):
            return f"codepipeline/{who.session_name}"
        return f"{who.name}/{who.session_name}"
    return who.name or ("root" if who.kind == "root" else who.arn)
