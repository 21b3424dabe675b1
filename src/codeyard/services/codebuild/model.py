"""Builds and projects: the rules. Pure: no clock, no random, no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from codeyard.contract import AwsError

PROJECT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-_]{1,149}\Z")
SOURCES = ("CODECOMMIT", "S3", "CODEPIPELINE", "NO_SOURCE")
NETWORKS = ("isolated", "none", "host")
NETWORK_TAG = "codeyard:network"
MINUTE = 60_000_000
TERMINAL = ("SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED")
PHASES = (
    "SUBMITTED",
    "QUEUED",
    "PROVISIONING",
    "DOWNLOAD_SOURCE",
    "INSTALL",
    "PRE_BUILD",
    "BUILD",
    "POST_BUILD",
    "UPLOAD_ARTIFACTS",
    "FINALIZING",
    "COMPLETED",
)
_VARIABLE_KINDS = ("PLAINTEXT", "PARAMETER_STORE", "SECRETS_MANAGER")


def invalid(message: str) -> AwsError:
    """InvalidInputException."""
    return AwsError("InvalidInputException", message)


def missing(what: str) -> AwsError:
    """ResourceNotFoundException."""
    return AwsError("ResourceNotFoundException", what)


def check_project(project: Mapping[str, Any]) -> None:
    """Cross-field rules of a project that the model does not state."""
    if not PROJECT_NAME.match(project.get("name", "")):
        raise invalid("Project name must match pattern: [A-Za-z0-9][A-Za-z0-9\\-_]{1,149}")
    check_source(project["source"])
    for source in project.get("secondarySources") or ():
        check_source(source)
        if not source.get("sourceIdentifier"):
            raise invalid("Invalid secondary source: sourceIdentifier is required")
    check_artifacts(project["artifacts"], project["source"])
    check_environment(project["environment"])
    for minutes, low, high in (
        (project.get("timeoutInMinutes"), 5, 2160),
        (project.get("queuedTimeoutInMinutes"), 5, 480),
    ):
        if minutes is not None and not low <= minutes <= high:
            raise invalid(f"Invalid timeout: must be between {low} and {high} minutes")


def check_source(source: Mapping[str, Any]) -> None:
    """A source that can be built here; the kinds that are not built are named."""
    kind = source["type"]
    if kind not in SOURCES:
        raise AwsError("NotImplemented", f"Codeyard does not build from {kind} sources yet.", status=501)
    location = source.get("location", "")
    if kind == "CODECOMMIT" and not repository_of(location):
        raise invalid("Invalid project source: location must be a valid CodeCommit repository clone URL")
    if kind == "S3" and len([p for p in location.split("/", 1) if p]) != 2:
        raise invalid("Invalid project source: location must be a valid S3 source location")
    if kind == "NO_SOURCE" and not source.get("buildspec"):
        raise invalid("Invalid project source: when source type is NO_SOURCE, a buildspec is required")


def check_artifacts(artifacts: Mapping[str, Any], source: Mapping[str, Any]) -> None:
    """Artifacts fit their source; S3 needs a bucket."""
    kind = artifacts["type"]
    if kind == "S3" and not artifacts.get("location"):
        raise invalid("Invalid artifacts: location is required when artifacts type is S3")
    if (kind == "CODEPIPELINE") and source["type"] != "CODEPIPELINE":
        raise invalid("Invalid artifacts: artifact type CODEPIPELINE should match the source type CODEPIPELINE")


def check_environment(environment: Mapping[str, Any]) -> None:
    """Linux containers only; variables are well named."""
    kind = environment["type"]
    if kind not in ("LINUX_CONTAINER", "ARM_CONTAINER"):
        raise AwsError("NotImplemented", f"Codeyard does not build on {kind} environments yet.", status=501)
    if environment.get("privilegedMode"):
        raise AwsError("NotImplemented", "Codeyard does not run privileged builds yet.", status=501)
    check_variables(environment.get("environmentVariables") or ())


def check_variables(variables: Any) -> None:
    """No reserved prefix, no empty name."""
    for variable in variables:
        if variable.get("type", "PLAINTEXT") not in _VARIABLE_KINDS:
            raise invalid(f"Invalid environment variable type: {variable['type']}")
        if variable["name"].startswith("CODEBUILD_"):
            raise invalid(f"Invalid environment variable {variable['name']}: the prefix CODEBUILD_ is reserved")


def repository_of(location: str) -> str:
    """The repository of a clone URL, or an empty string."""
    _, found, name = location.partition("/v1/repos/")
    return name if found and re.fullmatch(r"[\w.-]{1,100}", name) else ""


def network_of(tags: Any) -> str:
    """The network that the project's tag asks for: isolated unless it says none or host."""
    for tag in tags or ():
        if tag.get("key") == NETWORK_TAG:
            if tag.get("value") not in NETWORKS:
                raise invalid(f"Invalid tag {NETWORK_TAG}: use {', '.join(NETWORKS)}")
            return str(tag["value"])
    return "isolated"


_OVERRIDES = {
    "sourceTypeOverride": ("source", "type"),
    "sourceLocationOverride": ("source", "location"),
    "sourceAuthOverride": ("source", "auth"),
    "gitCloneDepthOverride": ("source", "gitCloneDepth"),
    "buildspecOverride": ("source", "buildspec"),
    "insecureSslOverride": ("source", "insecureSsl"),
    "environmentTypeOverride": ("environment", "type"),
    "imageOverride": ("environment", "image"),
    "computeTypeOverride": ("environment", "computeType"),
    "certificateOverride": ("environment", "certificate"),
    "privilegedModeOverride": ("environment", "privilegedMode"),
}
_WHOLE = {
    "artifactsOverride": "artifacts",
    "secondaryArtifactsOverride": "secondaryArtifacts",
    "secondarySourcesOverride": "secondarySources",
    "secondarySourcesVersionOverride": "secondarySourceVersions",
    "cacheOverride": "cache",
    "logsConfigOverride": "logsConfig",
    "serviceRoleOverride": "serviceRole",
    "timeoutInMinutesOverride": "timeoutInMinutes",
    "queuedTimeoutInMinutesOverride": "queuedTimeoutInMinutes",
    "encryptionKeyOverride": "encryptionKey",
}
NOT_BUILT = ("fleetOverride", "registryCredentialOverride", "debugSessionEnabled", "hostKernelOverride")


def with_overrides(project: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """The project as this one build sees it."""
    for name in NOT_BUILT:
        if request.get(name):
            raise AwsError("NotImplemented", f"Codeyard does not implement StartBuild's {name} yet.", status=501)
    result = {**project, "source": dict(project["source"]), "environment": dict(project["environment"])}
    for name, (part, member) in _OVERRIDES.items():
        if request.get(name) is not None:
            result[part][member] = request[name]
    for name, member in _WHOLE.items():
        if request.get(name) is not None:
            result[member] = request[name]
    if request.get("environmentVariablesOverride"):
        check_variables(request["environmentVariablesOverride"])
        before = {v["name"]: v for v in project["environment"].get("environmentVariables") or ()}
        before.update({v["name"]: v for v in request["environmentVariablesOverride"]})
        result["environment"]["environmentVariables"] = list(before.values())
    if result["source"]["type"] == "CODEPIPELINE" and not result["source"].get("location"):
        raise invalid("Build input artifact location is required: this project is built by CodePipeline")
    check_source(result["source"])
    check_environment(result["environment"])
    return result


def phase_record(kind: str, start: int, end: int | None = None, status: str = "", context: str = "") -> dict[str, Any]:
    """One phase of a build row; times in microseconds."""
    record: dict[str, Any] = {"phaseType": kind, "startTime": start}
    if end is not None:
        record |= {"endTime": end, "durationInSeconds": max(0, (end - start) // 1_000_000), "phaseStatus": status}
        code, _, message = context.partition(": ")
        record["contexts"] = [{"statusCode": code if message else "", "message": message or context}]
    return record
