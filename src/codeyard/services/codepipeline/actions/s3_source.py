"""Source from S3: one version of one zip, copied to the artifact bucket by S3 itself. The bucket must be versioned."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from codeyard.services.codepipeline.actions.base import CONFIGURATION, Done, Failed, Outcome, Revision, Run

_SUMMARY = "codepipeline-artifact-revision-summary"


class S3Source:
    """Source / S3."""

    def start(self, run: Run) -> Outcome:
        """Find the version, copy it, and tell its variables."""
        bucket, key = run.configuration["S3Bucket"], self._key(run)
        head = run.client.call("s3", "HeadObject", self._wanted(run, bucket, key))
        version = head.get("VersionId") or ""
        if version in ("", "null"):
            return Failed(CONFIGURATION, f"The S3 bucket {bucket} is not versioned; a source bucket must be.")
        target = run.outputs[0]
        run.client.call(
            "s3",
            "CopyObject",
            {
                "Bucket": target.bucket,
                "Key": target.key,
                "CopySource": f"{bucket}/{quote(key)}?versionId={quote(version, safe='')}",
                **run.encryption,
            },
        )
        return self._done(run, bucket, key, version, head)

    def observe(self, run: Run) -> Outcome:
        """A source is done when it has started."""
        return Failed(CONFIGURATION, "A source action does not run elsewhere.")

    @staticmethod
    def _key(run: Run) -> str:
        if run.configuration.get("AllowOverrideForS3ObjectKey") == "true" and "S3_OBJECT_KEY" in run.pins:
            return run.pins["S3_OBJECT_KEY"]
        return run.configuration["S3ObjectKey"]

    @staticmethod
    def _wanted(run: Run, bucket: str, key: str) -> dict[str, str]:
        wanted = {"Bucket": bucket, "Key": key}
        if version := run.pins.get("S3_OBJECT_VERSION_ID"):
            wanted["VersionId"] = version
        return wanted

    @staticmethod
    def _done(run: Run, bucket: str, key: str, version: str, head: dict[str, Any]) -> Done:
        summary = str((head.get("Metadata") or {}).get(_SUMMARY, ""))[:2048]
        variables = {
            "VersionId": version,
            "ETag": str(head.get("ETag", "")).strip('"'),
            "BucketName": bucket,
            "ObjectKey": key,
        }
        revision = Revision(version, summary, "", run.started)
        return Done(version, "", summary, variables, revision)
