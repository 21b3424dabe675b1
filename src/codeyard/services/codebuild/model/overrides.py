"""StartBuild's overrides: a project's document as one build sees it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeyard.services.codebuild.model import projects

# member of StartBuild -> (part of the document, member of that part)
_INSIDE = {
    "sourceTypeOverride": ("source", "type"),
    "sourceLocationOverride": ("source", "location"),
    "sourceAuthOverride": ("source", "auth"),
    "gitCloneDepthOverride": ("source", "gitCloneDepth"),
    "gitSubmodulesConfigOverride": ("source", "gitSubmodulesConfig"),
    "buildspecOverride": ("source", "buildspec"),
    "insecureSslOverride": ("source", "insecureSsl"),
    "reportBuildStatusOverride": ("source", "reportBuildStatus"),
    "buildStatusConfigOverride": ("source", "buildStatusConfig"),
    "environmentTypeOverride": ("environment", "type"),
    "imageOverride": ("environment", "image"),
    "computeTypeOverride": ("environment", "computeType"),
    "certificateOverride": ("environment", "certificate"),
    "privilegedModeOverride": ("environment", "privilegedMode"),
    "registryCredentialOverride": ("environment", "registryCredential"),
    "imagePullCredentialsTypeOverride": ("environment", "imagePullCredentialsType"),
    "fleetOverride": ("environment", "fleet"),
    "hostKernelOverride": ("environment", "hostKernel"),
}
_WHOLE = {
    "secondarySourcesOverride": "secondarySources",
    "secondarySourcesVersionOverride": "secondarySourceVersions",
    "sourceVersion": "sourceVersion",
    "artifactsOverride": "artifacts",
    "secondaryArtifactsOverride": "secondaryArtifacts",
    "cacheOverride": "cache",
    "serviceRoleOverride": "serviceRole",
    "timeoutInMinutesOverride": "timeoutInMinutes",
    "queuedTimeoutInMinutesOverride": "queuedTimeoutInMinutes",
    "encryptionKeyOverride": "encryptionKey",
    "logsConfigOverride": "logsConfig",
    "autoRetryLimitOverride": "autoRetryLimit",
}


def applied(document: Mapping[str, Any], request: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The document with a build's overrides, checked; the overriding variables come last and win."""
    fresh: dict[str, Any] = {**document, "source": dict(document["source"])}
    fresh["environment"] = dict(document["environment"])
    if request.get("sourceTypeOverride") not in (None, document["source"]["type"]):
        fresh["source"].pop("location", None)
        if document["source"]["type"] == "CODEPIPELINE" and not request.get("artifactsOverride"):
            fresh["artifacts"] = {"type": "NO_ARTIFACTS"}
    for member, (part, inner) in _INSIDE.items():
        if request.get(member) is not None:
            fresh[part][inner] = request[member]
    for member, whole in _WHOLE.items():
        if request.get(member) is not None:
            fresh[whole] = request[member]
    given = request.get("environmentVariablesOverride") or ()
    theirs = {v["name"] for v in given}
    kept = [v for v in fresh["environment"].get("environmentVariables") or () if v["name"] not in theirs]
    fresh["environment"]["environmentVariables"] = [*kept, *given]
    if request.get("debugSessionEnabled"):
        raise projects.Unbuilt("a build with debugSessionEnabled")
    return projects.completed({**fresh, "name": name}, key=fresh["encryptionKey"])
