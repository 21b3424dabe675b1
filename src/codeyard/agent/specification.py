"""What the server says is to be deployed, checked before anything is made of it (names become paths)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SAFE = re.compile(r"[A-Za-z0-9+=,.@_-]{1,128}")


class SpecificationError(ValueError):
    """The specification cannot be used."""


@dataclass(frozen=True, slots=True)
class Specification:
    """One deployment as this host sees it."""

    deployment: str
    group: str
    group_name: str
    application: str
    appspec: str
    revision: Mapping[str, Any]
    behavior: str | None
    tree: dict[str, Any]


def read(content: bytes) -> Specification:
    """The specification in an envelope's content."""
    try:
        tree = json.loads(content)
    except ValueError as error:
        raise SpecificationError("The deployment specification is not JSON") from error
    if not isinstance(tree, dict):
        raise SpecificationError("The deployment specification is not a JSON object")
    return of(tree)


def of(tree: dict[str, Any]) -> Specification:
    """The specification of a parsed object."""
    revision = tree.get("Revision")
    place = revision.get("S3Revision") if isinstance(revision, dict) else None
    if not isinstance(place, dict) or not all(isinstance(place.get(n), str) for n in ("Bucket", "Key", "BundleType")):
        raise SpecificationError("The deployment specification names no S3 revision")
    overrides = (tree.get("AgentActionOverrides") or {}).get("AgentOverrides") or {}
    return Specification(
        deployment=_name(tree, "DeploymentId", last=True),
        group=_name(tree, "DeploymentGroupId"),
        group_name=_name(tree, "DeploymentGroupName"),
        application=_name(tree, "ApplicationName"),
        appspec=_name({"AppSpecFilename": tree.get("AppSpecFilename") or "appspec.yml"}, "AppSpecFilename"),
        revision=place,
        behavior=overrides.get("FileExistsBehavior"),
        tree=tree,
    )


def _name(tree: Mapping[str, Any], member: str, *, last: bool = False) -> str:
    value = tree.get(member)
    text = value.rpartition("/")[2] if isinstance(value, str) and last else value
    if not isinstance(text, str) or not _SAFE.fullmatch(text) or text in (".", ".."):
        raise SpecificationError(f"The deployment specification has no usable {member}")
    return text
