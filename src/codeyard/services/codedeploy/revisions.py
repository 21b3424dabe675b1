"""What a revision's location must look like. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeyard.contract import AwsError, not_implemented
from codeyard.storage import dumps


def checked(location: Mapping[str, Any] | None) -> dict[str, Any]:
    """The location, with its type; InvalidRevisionException where it does not name one revision."""
    if not location:
        raise AwsError("RevisionRequiredException", "A revision is required")
    kind = location.get("revisionType") or ("S3" if location.get("s3Location") else "")
    if kind == "S3":
        return {"revisionType": "S3", "s3Location": _s3(location.get("s3Location") or {})}
    if kind == "GitHub":
        return {"revisionType": "GitHub", "gitHubLocation": _github(location.get("gitHubLocation") or {})}
    raise AwsError("InvalidRevisionException", "A revision for the Server compute platform is of type S3 or GitHub")


def deployable(location: Mapping[str, Any]) -> dict[str, Any]:
    """A location that hosts can fetch: S3; GitHub is not built."""
    found = checked(location)
    if found["revisionType"] != "S3":
        raise not_implemented("codedeploy", "deployments of GitHub revisions")
    return found


def key(location: Mapping[str, Any]) -> str:
    """The text that two equal locations share."""
    parts = location.get("s3Location") or location.get("gitHubLocation") or {}
    return dumps([location.get("revisionType"), sorted((k, v) for k, v in parts.items() if v)])


def _s3(place: Mapping[str, Any]) -> dict[str, Any]:
    bundle = place.get("bundleType")
    if not place.get("bucket") or not place.get("key") or bundle not in ("tar", "tgz", "zip"):
        raise AwsError(
            "InvalidRevisionException", "An S3 revision needs bucket, key and a bundleType of tar, tgz or zip"
        )
    return {name: place[name] for name in ("bucket", "key", "bundleType", "version", "eTag") if place.get(name)}


def _github(place: Mapping[str, Any]) -> dict[str, Any]:
    if not place.get("repository") or not place.get("commitId") or place["repository"].count("/") != 1:
        raise AwsError("InvalidRevisionException", "A GitHub revision needs repository (OWNER/NAME) and commitId")
    return {"repository": place["repository"], "commitId": place["commitId"]}
