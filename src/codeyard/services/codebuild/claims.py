"""What a runner is told with its claim: the build's spec, its variables with secrets resolved, its short-lived keys.

Everything is fetched as the project's service role: what the role may not read, the build does not get.
"""

from __future__ import annotations

import datetime
import json
from typing import Any

from codeyard.contract import Client
from codeyard.engine import Kit
from codeyard.formats.buildspec import Buildspec, BuildspecError, parse
from codeyard.services.codebuild.model import invalid

_SERVICE = "codebuild.amazonaws.com"
_HOUR = 3600


class Claims:
    """Resolves builds for runners."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def role(self, doc: dict[str, Any]) -> Client:
        """A client as the build's service role."""
        return self._kit.clients.as_role(
            doc["spec"]["serviceRole"],
            service=_SERVICE,
            region=doc["region"],
            session_name=f"AWSCodeBuild-{doc['logStream']}",
            source_arn=doc["arn"].replace(":build/", ":project/").partition(f":{doc['logStream']}")[0],
        )

    def work(self, doc: dict[str, Any]) -> dict[str, Any]:
        """Everything that a runner needs; AwsError where the role may not."""
        spec = doc["spec"]
        return {
            "id": doc["id"],
            "arn": doc["arn"],
            "number": doc["number"],
            "project": doc["project"],
            "region": doc["region"],
            "created": doc["created"],
            "initiator": doc["initiator"],
            "network": doc["network"],
            "source": spec["source"],
            "sourceVersion": doc["sourceVersion"],
            "secondarySources": spec.get("secondarySources") or [],
            "secondarySourceVersions": spec.get("secondarySourceVersions") or [],
            "artifacts": spec["artifacts"],
            "secondaryArtifacts": spec.get("secondaryArtifacts") or [],
            "environment": spec["environment"],
            "encryptionKey": spec.get("encryptionKey", ""),
            "timeoutSeconds": spec.get("timeoutInMinutes", 60) * 60,
            "logGroup": doc["logGroup"],
            "credentials": self.credentials(doc),
            **self._variables(doc),
        }

    def credentials(self, doc: dict[str, Any]) -> dict[str, str]:
        """The build's own keys; they outlive its timeout by little."""
        seconds = min(12 * _HOUR, max(900, doc["spec"].get("timeoutInMinutes", 60) * 60 + 300))
        keys = self._kit.clients.credentials_for(
            doc["spec"]["serviceRole"],
            service=_SERVICE,
            region=doc["region"],
            session_name=f"AWSCodeBuild-{doc['logStream']}",
            duration_s=seconds,
        )
        return {
            name: value.isoformat() if isinstance(value, datetime.datetime) else value for name, value in keys.items()
        }

    def resolve(self, doc: dict[str, Any], text: str) -> dict[str, Any]:
        """The buildspec's own parameter-store and secrets-manager variables."""
        try:
            spec = parse(text)
        except BuildspecError:
            return {"variables": {}, "secrets": []}  # the runner parses it again and says what is wrong with it
        return self._from_buildspec(self.role(doc), spec)

    def _variables(self, doc: dict[str, Any]) -> dict[str, Any]:
        client = self.role(doc)
        values: dict[str, str] = {}
        secrets: list[str] = []
        for variable in doc["spec"]["environment"].get("environmentVariables") or ():
            kind = variable.get("type", "PLAINTEXT")
            if kind == "PLAINTEXT":
                values[variable["name"]] = variable["value"]
                continue
            value = (
                self._secret(client, variable["value"])
                if kind == "SECRETS_MANAGER"
                else self._parameter(client, variable["value"])
            )
            values[variable["name"]] = value
            secrets.append(value)
        return {"variables": values, "secrets": secrets}

    def _from_buildspec(self, client: Client, spec: Buildspec) -> dict[str, Any]:
        values = {name: self._parameter(client, where) for name, where in spec.parameter_store.items()}
        values |= {name: self._secret(client, where) for name, where in spec.secrets_manager.items()}
        return {"variables": values, "secrets": list(values.values())}

    @staticmethod
    def _parameter(client: Client, name: str) -> str:
        found = client.call("ssm", "GetParameter", {"Name": name, "WithDecryption": True})
        return str(found["Parameter"]["Value"])

    @staticmethod
    def _secret(client: Client, reference: str) -> str:
        """`secret-id[:json-key[:version-stage[:version-id]]]`, where the id may be an ARN full of colons."""
        parts = reference.split(":")
        count = 7 if reference.startswith("arn:") else 1
        name, rest = ":".join(parts[:count]), [*parts[count:], "", "", ""]
        request = {"SecretId": name}
        if rest[1]:
            request["VersionStage"] = rest[1]
        if rest[2]:
            request["VersionId"] = rest[2]
        text = str(client.call("secretsmanager", "GetSecretValue", request).get("SecretString", ""))
        return text if not rest[0] else _member(text, rest[0], name)


def _member(text: str, key: str, name: str) -> str:
    try:
        value = json.loads(text)[key]
    except (ValueError, KeyError, TypeError):
        raise invalid(f"The secret {name} has no JSON key {key}") from None
    return value if isinstance(value, str) else json.dumps(value)


__all__ = ["Claims"]
