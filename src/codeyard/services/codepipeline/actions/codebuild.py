"""Build and Test with CodeBuild: StartBuild with the input artifacts as sources and the outputs as artifacts.

The artifacts go by StartBuild's own overrides, type CODEPIPELINE: a source's location is "bucket/key", an artifact's
location is the bucket and its name the key. The first source is the primary; the others carry their artifact's name as
identifier. The idempotency token is the action execution id, so a second start finds the first build.
"""

from __future__ import annotations

import json
from typing import Any

from codeyard.services.codepipeline.actions.base import (
    CONFIGURATION,
    JOB_FAILED,
    Done,
    Failed,
    Outcome,
    Run,
    Running,
)
from codeyard.services.codepipeline.artifacts import Artifact


class CodeBuild:
    """Build and Test / CodeBuild."""

    def start(self, run: Run) -> Outcome:
        """Start the build."""
        try:
            request = build_request(run)
        except ValueError as error:
            return Failed(CONFIGURATION, str(error))
        return self._outcome(run, run.client.call("codebuild", "StartBuild", request)["build"])

    def observe(self, run: Run) -> Outcome:
        """Ask how the build stands."""
        builds = run.client.call("codebuild", "BatchGetBuilds", {"ids": [run.external_id]}).get("builds", [])
        if not builds:
            return Failed(JOB_FAILED, f"The build {run.external_id} does not exist any more.", run.external_id)
        return self._outcome(run, builds[0])

    @staticmethod
    def _outcome(run: Run, build: dict[str, Any]) -> Outcome:
        url = f"{run.console}/builds/{build['id']}"
        status, log = build.get("buildStatus", "IN_PROGRESS"), _log_stream(build)
        if status == "IN_PROGRESS":
            return Running(build["id"], url)
        if status == "SUCCEEDED":
            exported = build.get("exportedEnvironmentVariables") or []
            values = {v["name"]: v.get("value", "") for v in exported}
            return Done(build["id"], url, "", values, log_stream=log)
        return Failed(JOB_FAILED, f"Build terminated with state: {status}{_why(build)}", build["id"], url, log)


def _log_stream(build: dict[str, Any]) -> str:
    return str((build.get("logs") or {}).get("cloudWatchLogsArn") or "")[:250]


def _why(build: dict[str, Any]) -> str:
    for phase in build.get("phases") or ():
        if phase.get("phaseStatus") in ("FAILED", "FAULT", "TIMED_OUT", "STOPPED"):
            context = (phase.get("contexts") or [{}])[0]
            words = ": ".join(w for w in (context.get("statusCode"), context.get("message")) if w)
            return f". Phase: {phase['phaseType']}" + (f", {words}" if words else "")
    return ""


def build_request(run: Run) -> dict[str, Any]:
    """StartBuild's parameters; ValueError where EnvironmentVariables is not what it must be."""
    primary, others = _sources(run)
    request: dict[str, Any] = {
        "projectName": run.configuration["ProjectName"],
        "idempotencyToken": run.id,
        "sourceTypeOverride": "CODEPIPELINE",
        "sourceLocationOverride": _location(primary),
        "sourceVersion": f"arn:aws:s3:::{_location(primary)}",
        "secondarySourcesOverride": [
            {"type": "CODEPIPELINE", "location": _location(a), "sourceIdentifier": a.name} for a in others
        ],
        **_outputs(run),
    }
    if run.key:
        request["encryptionKeyOverride"] = run.key
    if environment := _environment(run.configuration.get("EnvironmentVariables", "")):
        request["environmentVariablesOverride"] = environment
    return request


def _sources(run: Run) -> tuple[Artifact, list[Artifact]]:
    name = run.configuration.get("PrimarySource", "")
    primary = next((a for a in run.inputs if a.name == name), run.inputs[0])
    return primary, [a for a in run.inputs if a is not primary]


def _outputs(run: Run) -> dict[str, Any]:
    """One output is the build's artifact; of several, each is the secondary artifact of its name, as on AWS."""
    if len(run.outputs) == 1:
        return {"artifactsOverride": _artifact(run.outputs[0]), "secondaryArtifactsOverride": []}
    named = [_artifact(a) | {"artifactIdentifier": a.name} for a in run.outputs]
    return {"artifactsOverride": {"type": "NO_ARTIFACTS"}, "secondaryArtifactsOverride": named}


def _location(artifact: Artifact) -> str:
    return f"{artifact.bucket}/{artifact.key}"


def _artifact(artifact: Artifact) -> dict[str, Any]:
    return {"type": "CODEPIPELINE", "location": artifact.bucket, "name": artifact.key, "packaging": "ZIP"}


def _environment(text: str) -> list[dict[str, str]]:
    if not text:
        return []
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("EnvironmentVariables is not valid JSON") from None
    if not isinstance(parsed, list):
        raise ValueError("EnvironmentVariables must be a JSON list of name, value and type")
    return [_variable(v) for v in parsed]


def _variable(entry: Any) -> dict[str, str]:
    if not isinstance(entry, dict) or set(entry) - {"name", "value", "type"}:
        raise ValueError("EnvironmentVariables must be a JSON list of name, value and type")
    name, value, kind = entry.get("name"), entry.get("value"), entry.get("type", "PLAINTEXT")
    if not isinstance(name, str) or not name or not isinstance(value, str):
        raise ValueError("EnvironmentVariables: each entry needs a name and a value, both text")
    if kind not in ("PLAINTEXT", "PARAMETER_STORE", "SECRETS_MANAGER"):
        raise ValueError(f"EnvironmentVariables: the type of {name} is not one that CodeBuild knows")
    return {"name": name, "value": value, "type": kind}
