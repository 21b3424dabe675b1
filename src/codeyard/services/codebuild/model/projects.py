"""What a project may be, and what CodeBuild fills in. Pure; refusals are messages of InvalidInputException."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from codeyard.formats import arns, buildspec

SOURCES = ("CODECOMMIT", "CODEPIPELINE", "S3", "NO_SOURCE")
ENVIRONMENTS = ("LINUX_CONTAINER", "ARM_CONTAINER", "LINUX_EC2", "ARM_EC2")
NETWORK_TAG = "codeyard:network"
NETWORKS = ("isolated", "none", "host")
MEMBERS = (
    "description",
    "source",
    "secondarySources",
    "sourceVersion",
    "secondarySourceVersions",
    "artifacts",
    "secondaryArtifacts",
    "cache",
    "environment",
    "serviceRole",
    "timeoutInMinutes",
    "queuedTimeoutInMinutes",
    "encryptionKey",
    "tags",
    "vpcConfig",
    "badgeEnabled",
    "logsConfig",
    "fileSystemLocations",
    "buildBatchConfig",
    "concurrentBuildLimit",
    "autoRetryLimit",
)
_REPOSITORY = re.compile(r"https?://[^/]+/v1/repos/([\w.-]{1,100})/?", re.ASCII)
_VARIABLE = re.compile(r"[^=\0]{1,}")
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}|[A-Za-z0-9_-]{1,128}")
_COMPUTE_DEFAULT = 60


class Refused(ValueError):
    """The project or the build's overrides cannot be; the message is the caller's."""


class Unbuilt(ValueError):
    """AWS could, Codeyard cannot: the message says what."""


def completed(given: Mapping[str, Any], *, key: str) -> dict[str, Any]:
    """A project's document: what was given, with CodeBuild's defaults, checked."""
    document = {name: given[name] for name in MEMBERS if given.get(name) is not None}
    document.setdefault("timeoutInMinutes", _COMPUTE_DEFAULT)
    document.setdefault("queuedTimeoutInMinutes", 480)
    document.setdefault("cache", {"type": "NO_CACHE"})
    document.setdefault("encryptionKey", key)
    document["source"] = _source(document["source"])
    document["environment"] = _environment(document["environment"])
    document["artifacts"] = _artifact_defaults(document["artifacts"], str(given.get("name", "")))
    check(document)
    return document


def merged(document: Mapping[str, Any], changes: Mapping[str, Any], *, key: str) -> dict[str, Any]:
    """A project's document after UpdateProject: a member that is given replaces the old one."""
    fresh = {**document, **{name: changes[name] for name in MEMBERS if changes.get(name) is not None}}
    if changes.get("concurrentBuildLimit") == -1:
        fresh.pop("concurrentBuildLimit", None)
    return completed({**fresh, "name": changes.get("name", "")}, key=key)


def check(document: Mapping[str, Any]) -> None:
    """Refused where the members do not fit each other, Unbuilt where Codeyard cannot do what they ask."""
    _check_sources(document)
    _check_artifacts(document)
    _check_environment(document["environment"])
    if not arns.is_role(document["serviceRole"]):
        raise Refused("Invalid service role: Service role must be a valid IAM role ARN")
    if document.get("concurrentBuildLimit", 1) < 1:
        raise Refused("Invalid concurrent build limit: must be at least 1")
    network(document)
    for member in ("vpcConfig", "fileSystemLocations", "buildBatchConfig"):
        if document.get(member):
            raise Unbuilt(f"a project with {member}")
    if document["cache"]["type"] != "NO_CACHE":
        raise Unbuilt(f"a project with cache type {document['cache']['type']}")
    if document.get("autoRetryLimit") or document.get("badgeEnabled"):
        raise Unbuilt("a project with autoRetryLimit or badgeEnabled")
    s3_logs = (document.get("logsConfig") or {}).get("s3Logs") or {}
    if s3_logs.get("status") == "ENABLED":
        raise Unbuilt("a project with s3Logs")


def network(document: Mapping[str, Any]) -> str:
    """How the project's builds reach the network: its tag `codeyard:network`, isolated where it has none."""
    tags = {tag.get("key"): tag.get("value") for tag in document.get("tags") or ()}
    asked = str(tags.get(NETWORK_TAG) or "isolated")
    if asked not in NETWORKS:
        raise Refused(f"Invalid tag {NETWORK_TAG}: {asked}. Expecting: {', '.join(NETWORKS)}")
    return asked


def repository_of(location: str) -> str:
    """The repository's name in a CODECOMMIT location; empty where it is none."""
    found = _REPOSITORY.fullmatch(location)
    return found[1] if found else ""


def _source(source: Mapping[str, Any]) -> dict[str, Any]:
    return {"insecureSsl": False, "gitCloneDepth": 0, **source} if source["type"] == "CODECOMMIT" else dict(source)


def _environment(environment: Mapping[str, Any]) -> dict[str, Any]:
    variables = [{"type": "PLAINTEXT", **v} for v in environment.get("environmentVariables") or ()]
    defaults = {"privilegedMode": False, "imagePullCredentialsType": "CODEBUILD"}
    return {**defaults, **environment, "environmentVariables": variables}


def _artifact_defaults(artifacts: Mapping[str, Any], project: str) -> dict[str, Any]:
    if artifacts["type"] != "S3":
        return dict(artifacts)
    defaults = {"name": project, "namespaceType": "NONE", "packaging": "NONE", "encryptionDisabled": False}
    return {**{k: v for k, v in defaults.items() if v != ""}, **artifacts}


def _check_sources(document: Mapping[str, Any]) -> None:
    others = document.get("secondarySources") or []
    for source in (document["source"], *others):
        kind, location = source["type"], source.get("location") or ""
        if kind not in SOURCES:
            raise Unbuilt(f"a source of type {kind}")
        if kind in ("CODECOMMIT", "S3") and not location:
            raise Refused(f"Invalid project source: location is required for type {kind}")
        if kind == "CODECOMMIT" and not repository_of(location):
            raise Refused("Invalid project source: location must be a valid CodeCommit HTTPS clone URL")
        if kind == "S3" and not all(arns.s3_place(location)):
            raise Refused("Invalid project source: location must be a bucket and a path, separated by a slash")
        if kind == "NO_SOURCE" and location:
            raise Refused("Invalid project source: location must not be set for type NO_SOURCE")
        if (source.get("gitSubmodulesConfig") or {}).get("fetchSubmodules"):
            raise Unbuilt("a source with gitSubmodulesConfig")
    _check_spec(document["source"])
    _check_identifiers([s.get("sourceIdentifier") for s in others], "sourceIdentifier", "secondary source")
    if document["source"].get("sourceIdentifier"):
        raise Refused("Invalid project source: sourceIdentifier must not be set for the primary source")


def _check_spec(source: Mapping[str, Any]) -> None:
    spec = source.get("buildspec") or ""
    if "\n" in spec:
        try:
            buildspec.parse(spec)
        except buildspec.BuildSpecError as error:
            raise Refused(f"Invalid buildspec provided: {error}") from None
    elif source["type"] == "NO_SOURCE" and not spec.startswith("arn:"):
        raise Refused("Source type NO_SOURCE requires a valid YAML buildspec")


def _check_identifiers(names: list[Any], member: str, what: str) -> None:
    if any(not name or not _IDENTIFIER.fullmatch(name) for name in names):
        raise Refused(f"Invalid {what}: {member} is required and must be made of letters, digits and underscores")
    if len(set(names)) != len(names):
        raise Refused(f"Invalid {what}: {member} must be unique")


def _check_artifacts(document: Mapping[str, Any]) -> None:
    others = document.get("secondaryArtifacts") or []
    source, primary = document["source"]["type"], document["artifacts"]
    if (primary["type"] == "CODEPIPELINE") and source != "CODEPIPELINE":
        raise Refused("Invalid artifacts: artifact type CODEPIPELINE requires source type CODEPIPELINE")
    if source == "CODEPIPELINE" and primary["type"] == "S3":
        raise Refused("Invalid artifacts: source type CODEPIPELINE requires artifact type CODEPIPELINE")
    for artifact in (primary, *others):
        if artifact["type"] == "S3" and not artifact.get("location"):
            raise Refused("Invalid artifacts: location is required for artifact type S3")
        if artifact["type"] == "S3" and not arns.s3_place(artifact["location"])[0]:
            raise Refused("Invalid artifacts: location must be the name of a bucket")
        if artifact["type"] == "NO_ARTIFACTS" and artifact.get("location"):
            raise Refused("Invalid artifacts: location must not be set for artifact type NO_ARTIFACTS")
    _check_identifiers([a.get("artifactIdentifier") for a in others], "artifactIdentifier", "secondary artifact")


def _check_environment(environment: Mapping[str, Any]) -> None:
    if environment["type"] not in ENVIRONMENTS:
        raise Unbuilt(f"an environment of type {environment['type']}")
    if environment.get("fleet"):
        raise Unbuilt("an environment with a fleet")
    if environment.get("privilegedMode"):
        raise Unbuilt("an environment with privilegedMode")
    names = [v["name"] for v in environment.get("environmentVariables") or ()]
    for variable in environment.get("environmentVariables") or ():
        if not _VARIABLE.fullmatch(variable["name"]) or "\0" in variable["value"]:
            raise Refused(f"Invalid environment variable: {variable['name'][:100]!r}")
        if variable["name"].startswith("CODEBUILD_"):
            raise Refused("Invalid environment variable: names that begin with CODEBUILD_ are reserved")
    if len(set(names)) != len(names):
        raise Refused("Duplicate environment variable names are not allowed")
