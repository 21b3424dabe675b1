"""The variables of a build: what its author set, what they refer to, and what CodeBuild itself says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from codeyard.formats.buildspec import BuildSpec, Secret, secret
from codeyard.runner.client import AWAY, Refused, Server

PARAMETERS, SECRETS = "Decrypted Variables Error", "Secrets Manager Error"


class Unresolved(Exception):
    """A variable's value could not be had: the phase's status code, and why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Secondary(NamedTuple):
    """A secondary source as the build's variables tell of it; `resolved` is empty where there is no such version."""

    identifier: str
    folder: str
    location: str
    version: str
    resolved: str

    def variables(self) -> dict[str, str]:
        """CodeBuild's variables of sources, each with the source's identifier behind its name."""
        found = {
            "CODEBUILD_SRC_DIR": self.folder,
            "CODEBUILD_SOURCE_REPO_URL": self.location,
            "CODEBUILD_SOURCE_VERSION": self.version,
        }
        found |= {"CODEBUILD_RESOLVED_SOURCE_VERSION": self.resolved} if self.resolved else {}
        return {f"{name}_{self.identifier}": value for name, value in found.items()}


def resolve(server: Server, project: Iterable[Mapping[str, str]], spec: BuildSpec) -> tuple[dict[str, str], set[str]]:
    """(variables, their secret values), read as the build's role. The project's win over the buildspec's."""
    plain, parameters, secrets = dict(spec.variables), dict(spec.parameter_store), dict(spec.secrets_manager)
    for variable in project:
        name, value = variable["name"], variable["value"]
        for others in (plain, parameters, secrets):
            others.pop(name, None)
        kind = variable.get("type") or "PLAINTEXT"
        if kind == "PARAMETER_STORE":
            parameters[name] = value
        elif kind == "SECRETS_MANAGER":
            secrets[name] = secret(value)
        else:
            plain[name] = value
    found = {name: _parameter(server, where) for name, where in parameters.items()}
    found |= {name: _secret(server, where) for name, where in secrets.items()}
    return {**plain, **found}, set(found.values())


def own(job: Mapping[str, Any], source_dir: str, resolved: str, extra: Iterable[Secondary]) -> dict[str, str]:
    """What CodeBuild sets; nobody's variables change it. `extra` are the secondary sources."""
    build, document = job["build"], job["document"]
    found = {
        "AWS_REGION": job["region"],
        "AWS_DEFAULT_REGION": job["region"],
        "CODEBUILD_BUILD_ARN": build["arn"],
        "CODEBUILD_BUILD_ID": build["id"],
        "CODEBUILD_BUILD_IMAGE": build["environment"]["image"],
        "CODEBUILD_BUILD_NUMBER": str(build["buildNumber"]),
        "CODEBUILD_BUILD_SUCCEEDING": "1",
        "CODEBUILD_INITIATOR": build["initiator"],
        "CODEBUILD_KMS_KEY_ID": document.get("encryptionKey", ""),
        "CODEBUILD_LOG_PATH": job["logs"].get("streamName", ""),
        "CODEBUILD_SOURCE_REPO_URL": document["source"].get("location", ""),
        "CODEBUILD_SOURCE_VERSION": document.get("sourceVersion", ""),
        "CODEBUILD_SRC_DIR": source_dir,
        "CODEBUILD_START_TIME": str(build["startTime"] // 1000),
        **{name: value for one in extra for name, value in one.variables().items()},
    }
    return found | ({"CODEBUILD_RESOLVED_SOURCE_VERSION": resolved} if resolved else {})


def exportable(spec: BuildSpec, project: Iterable[Mapping[str, str]]) -> list[str]:
    """The exported variables that may be exported: no secrets, nothing of AWS_*."""
    hidden = {*spec.parameter_store, *spec.secrets_manager}
    hidden |= {v["name"] for v in project if v.get("type", "PLAINTEXT") != "PLAINTEXT"}
    return [n for n in dict.fromkeys(spec.exported) if n.isidentifier() and n not in hidden and n[:4] != "AWS_"]


def _parameter(server: Server, name: str) -> str:
    """Read with GetParameters, which is the permission that AWS's documentation has roles given."""
    found = _ask(server, PARAMETERS, "ssm", "GetParameters", {"Names": [name], "WithDecryption": True})
    values = found.get("Parameters") or []
    if not values:
        raise Unresolved(PARAMETERS, f"parameter does not exist: {name}")
    return str(values[0]["Value"])


def _secret(server: Server, wanted: Secret) -> str:
    request = {"SecretId": wanted.secret_id, "VersionStage": wanted.stage, "VersionId": wanted.version}
    given = {name: value for name, value in request.items() if value}
    text = str(_ask(server, SECRETS, "secretsmanager", "GetSecretValue", given).get("SecretString") or "")
    if not wanted.json_key:
        return text
    try:
        value = json.loads(text)[wanted.json_key]
    except (ValueError, KeyError, TypeError):
        raise Unresolved(SECRETS, f"the secret {wanted.secret_id} has no JSON key {wanted.json_key}") from None
    return value if isinstance(value, str) else json.dumps(value)


def _ask(server: Server, code: str, service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return server.call(service, operation, params)
    except Refused as refused:
        raise Unresolved(code, f"{refused.code}: {refused.message}") from None
    except AWAY as problem:
        raise Unresolved(code, f"the server cannot be reached: {problem}") from None
