"""Where a build's artifacts go: their keys, and the calls that put them there with the build's own session."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from codeyard.formats import arns
from codeyard.formats.buildspec import Artifacts, BuildSpec
from codeyard.runner.artifacts import Collector
from codeyard.runner.client import Server
from codeyard.runner.log import BuildLog


class Uploader:
    """Uploads the artifacts of one build. `expand` is the build's shell, which an artifact's name is expanded by."""

    def __init__(
        self, server: Server, job: Mapping[str, Any], collector: Collector, log: BuildLog, expand: Callable[[str], str]
    ) -> None:
        self._server, self._job, self._collector, self._log, self._expand = server, job, collector, log, expand

    def upload(self, spec: BuildSpec, source_dir: str, folder: Path) -> list[dict[str, str]]:
        """Upload everything that the project keeps; what was made, for the build's record."""
        document = self._job["document"]
        made = []
        others = document.get("secondaryArtifacts") or []
        for number, declared in enumerate((document["artifacts"], *others)):
            if declared["type"] == "NO_ARTIFACTS":
                continue
            identifier = declared.get("artifactIdentifier") or ""
            chosen = _chosen(spec, identifier, primary=number == 0)
            made.append(self._one(declared, chosen, source_dir, folder / f"artifact-{number}.zip", number > 0))
        return made

    def _one(
        self, declared: Mapping[str, Any], artifact: Artifacts, source_dir: str, target: Path, secondary: bool
    ) -> dict[str, str]:
        bucket, key = arns.s3_place(declared["location"])[0], self._key(declared, artifact)
        self._log.line(f"Expanding base directory path: {artifact.base_directory or '.'}")
        self._log.line("Assembling file list")
        for pattern in artifact.files:
            self._log.line(f"Expanding {pattern}")
        headers = {"x-amz-meta-codebuild-buildarn": self._job["build"]["arn"], **self._encryption(declared)}
        made = {"location": f"arn:aws:s3:::{bucket}/{key}"}
        if declared["type"] == "S3" and declared.get("packaging", "NONE") == "NONE":
            names = []
            for name, file, size in self._collector.each(source_dir, artifact):
                self._server.upload(bucket, f"{key}/{name}", file, size, headers)
                names.append(name)
            count = len(names)
        else:
            packed, count = self._collector.pack(source_dir, artifact, target)
            headers |= {"content-type": "application/zip", "x-amz-meta-codebuild-content-md5": packed.md5}
            headers["x-amz-meta-codebuild-content-sha256"] = packed.sha256
            with packed.path.open("rb") as file:
                self._server.upload(bucket, key, file, packed.size, headers)
            packed.path.unlink()
            made |= {"md5sum": packed.md5, "sha256sum": packed.sha256}
        self._log.line(f"Found {count} file(s)")
        return made | ({"artifactIdentifier": declared["artifactIdentifier"]} if secondary else {})

    def _encryption(self, declared: Mapping[str, Any]) -> dict[str, str]:
        """Artifacts are under the project's key, by default that of S3, unless it says that they shall not be."""
        key = self._job["document"].get("encryptionKey")
        if not key or declared.get("encryptionDisabled"):
            return {}
        return {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": key}

    def _key(self, declared: Mapping[str, Any], artifact: Artifacts) -> str:
        if declared["type"] == "CODEPIPELINE":
            return str(declared["name"])
        build = self._job["build"]
        name = declared.get("name") or build["projectName"]
        if declared.get("overrideArtifactName") and artifact.name:
            name = self._expand(artifact.name) or name
        unique = build["id"].rpartition(":")[2] if declared.get("namespaceType") == "BUILD_ID" else ""
        parts = (declared.get("path") or "", artifact.s3_prefix, unique, name)
        whole = "/".join(part.strip("/") for part in parts if part.strip("/"))
        return posixpath.normpath(whole).lstrip("./") or build["projectName"]


def _chosen(spec: BuildSpec, identifier: str, *, primary: bool) -> Artifacts:
    """What the buildspec says of an artifact; with several sources of names, the identifier decides."""
    if identifier in spec.secondary_artifacts:
        return spec.secondary_artifacts[identifier]
    return (spec.artifacts if primary else None) or Artifacts()
