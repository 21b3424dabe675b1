"""A pipeline's declaration as the engine reads it: frozen, with every default filled in.

The declaration itself is kept as the user sent it (plus AWS's defaults); these views are made from it when needed.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action declaration."""

    name: str
    category: str
    owner: str
    provider: str
    version: str
    run_order: int
    configuration: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    namespace: str
    region: str
    timeout_minutes: int | None

    @property
    def type_id(self) -> dict[str, str]:
        """The action's type as the API shows it."""
        return {
            "category": self.category,
            "owner": self.owner,
            "provider": self.provider,
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One stage declaration."""

    name: str
    actions: tuple[ActionSpec, ...]

    def action(self, name: str) -> ActionSpec | None:
        """The action of that name, or None."""
        return next((a for a in self.actions if a.name == name), None)


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of a pipeline."""

    name: str
    role_arn: str
    version: int
    mode: str
    pipeline_type: str
    buckets: Mapping[str, str]
    keys: Mapping[str, str]
    stages: tuple[StageSpec, ...]
    variables: Mapping[str, str | None]

    def bucket(self, region: str) -> str:
        """The artifact bucket for a region; the key "" is the one store of a single-region pipeline."""
        return self.buckets.get(region) or self.buckets[""]

    def key(self, region: str) -> str:
        """The KMS key of that bucket's artifacts; empty where none is named."""
        return self.keys[region if region in self.buckets else ""]

    def stage(self, name: str) -> StageSpec | None:
        """The stage of that name, or None."""
        return next((s for s in self.stages if s.name == name), None)

    def sources(self) -> tuple[tuple[StageSpec, ActionSpec], ...]:
        """Every source action, with its stage."""
        return tuple((s, a) for s in self.stages for a in s.actions if a.category == "Source")


def normalized(pipeline: Mapping[str, Any], version: int) -> dict[str, Any]:
    """The declaration as GetPipeline shows it: what the user sent, with AWS's defaults and our version."""
    result: dict[str, Any] = copy.deepcopy(dict(pipeline))
    result["version"] = version
    result.setdefault("executionMode", "SUPERSEDED")
    result.setdefault("pipelineType", "V1")
    for stage in result["stages"]:
        for action in stage["actions"]:
            action.setdefault("runOrder", 1)
            action.setdefault("configuration", {})
            action.setdefault("inputArtifacts", [])
            action.setdefault("outputArtifacts", [])
    return result


def parse(declaration: Mapping[str, Any]) -> Definition:
    """The frozen view of a normalized declaration."""
    stores = declaration.get("artifactStores") or {"": declaration.get("artifactStore") or {"location": ""}}
    return Definition(
        name=declaration["name"],
        role_arn=declaration["roleArn"],
        version=declaration["version"],
        mode=declaration["executionMode"],
        pipeline_type=declaration["pipelineType"],
        buckets={region: store["location"] for region, store in stores.items()},
        keys={region: (store.get("encryptionKey") or {}).get("id", "") for region, store in stores.items()},
        stages=tuple(_stage(s) for s in declaration["stages"]),
        variables={v["name"]: v.get("defaultValue") for v in declaration.get("variables", ())},
    )


def _stage(stage: Mapping[str, Any]) -> StageSpec:
    return StageSpec(stage["name"], tuple(action_spec(a) for a in stage["actions"]))


def action_spec(action: Mapping[str, Any]) -> ActionSpec:
    """The frozen view of one action declaration."""
    kind = action["actionTypeId"]
    return ActionSpec(
        name=action["name"],
        category=kind["category"],
        owner=kind["owner"],
        provider=kind["provider"],
        version=kind["version"],
        run_order=action.get("runOrder", 1),
        configuration=action.get("configuration", {}),
        inputs=tuple(a["name"] for a in action.get("inputArtifacts", ())),
        outputs=tuple(a["name"] for a in action.get("outputArtifacts", ())),
        namespace=action.get("namespace", ""),
        region=action.get("region", ""),
        timeout_minutes=action.get("timeoutInMinutes"),
    )
