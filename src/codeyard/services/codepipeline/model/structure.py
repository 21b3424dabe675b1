"""The rules a pipeline's declaration must keep, each with AWS's exception. Pure: declaration in, AwsError out.

The shapes (lengths, patterns, enums) are the gateway's business; here is what the model cannot say. What AWS knows
and Codeyard has not built is refused here too, in words, so that no declaration is accepted and then not honoured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from codeyard.contract import AwsError
from codeyard.services.codepipeline import variables
from codeyard.services.codepipeline.model import catalog, custom
from codeyard.services.codepipeline.model.definition import ActionSpec, action_spec

MAX_STAGES, MAX_ACTIONS, MAX_PER_STAGE = 50, 500, 100
MAX_PARALLEL, MAX_SEQUENTIAL = 50, 50

Declaration = Mapping[str, Any]


def check(pipeline: Declaration, region: str, kinds: catalog.Kinds = catalog.find) -> None:
    """Raise the exception of the first rule that the declaration breaks; `kinds` finds its action types."""
    _check_stores(pipeline, region)
    _check_mode(pipeline)
    _check_variables(pipeline)
    _check_unbuilt(pipeline)
    _check_stages(pipeline["stages"])
    for stage in pipeline["stages"]:
        for action in stage["actions"]:
            _check_action(action, region, kinds)
    _check_source_stage(pipeline["stages"])
    _check_namespaces(pipeline["stages"])
    _check_flow(pipeline, kinds)


def _structure(message: str) -> AwsError:
    return AwsError("InvalidStructureException", message)


def _stage_error(message: str) -> AwsError:
    return AwsError("InvalidStageDeclarationException", message)


def _action_error(message: str) -> AwsError:
    return AwsError("InvalidActionDeclarationException", message)


def _check_stores(pipeline: Declaration, region: str) -> None:
    one, many = pipeline.get("artifactStore"), pipeline.get("artifactStores")
    if (one is None) == (many is None):
        raise _structure("Exactly one of artifactStore and artifactStores must be specified in the pipeline")
    if many is not None:
        if region not in many:
            raise _structure(f"The pipeline must have an artifact store in its own region {region}")
        if len(many) > 1:
            raise _structure("Artifact stores in other regions (cross-region actions) are not built in Codeyard yet")


def _check_mode(pipeline: Declaration) -> None:
    if pipeline.get("pipelineType", "V1") == "V2":
        return
    if pipeline.get("executionMode", "SUPERSEDED") != "SUPERSEDED":
        raise _structure(f"Execution mode {pipeline['executionMode']} is only supported for V2 pipelines")
    for member in ("variables", "triggers"):
        if pipeline.get(member):
            raise _structure(f"Pipeline {member} are only supported for V2 pipelines")


def _check_variables(pipeline: Declaration) -> None:
    names = [v["name"] for v in pipeline.get("variables", ())]
    if repeated := _repeated(names):
        raise _structure(f"Pipeline variable names must be unique; {repeated} is declared more than once")


def _check_unbuilt(pipeline: Declaration) -> None:
    if pipeline.get("triggers"):
        raise _structure("Pipeline triggers are not built in Codeyard yet")
    for stage in pipeline["stages"]:
        for member in ("beforeEntry", "onSuccess", "onFailure"):
            if stage.get(member):
                raise _structure(f"Stage '{stage['name']}': {member} is not built in Codeyard yet")
        if stage.get("blockers"):
            raise AwsError("InvalidBlockerDeclarationException", "Blockers are reserved and cannot be declared")


def _check_stages(stages: Sequence[Declaration]) -> None:
    if len(stages) < 2:
        raise _structure("Pipeline has only one stage(s). There should be a minimum of two stages in a pipeline")
    if len(stages) > MAX_STAGES:
        raise AwsError("LimitExceededException", f"A pipeline can have up to {MAX_STAGES} stages")
    if repeated := _repeated([s["name"] for s in stages]):
        raise _structure(f"Stage names must be unique in a pipeline. The stage name '{repeated}' is used twice")
    if sum(len(s["actions"]) for s in stages) > MAX_ACTIONS:
        raise AwsError("LimitExceededException", f"A pipeline can have up to {MAX_ACTIONS} actions")
    for stage in stages:
        _check_stage(stage)


def _check_stage(stage: Declaration) -> None:
    name, actions = stage["name"], stage["actions"]
    if not actions:
        raise _stage_error(f"Stage '{name}' should contain at least one action")
    if repeated := _repeated([a["name"] for a in actions]):
        raise _stage_error(f"Action names must be unique in a stage. Stage '{name}' uses '{repeated}' more than once")
    orders = [a.get("runOrder", 1) for a in actions]
    if max(orders.count(o) for o in orders) > MAX_PARALLEL or len(set(orders)) > MAX_SEQUENTIAL:
        raise AwsError("LimitExceededException", f"Stage '{name}' has more than 50 parallel or sequential actions")


def _check_source_stage(stages: Sequence[Declaration]) -> None:
    first, rest = stages[0], stages[1:]
    if any(a["actionTypeId"]["category"] != "Source" for a in first["actions"]):
        raise _structure("Pipeline should start with a stage that only contains source actions")
    for stage in rest:
        for action in stage["actions"]:
            if action["actionTypeId"]["category"] == "Source":
                raise _structure(
                    f"Source action '{action['name']}' in stage '{stage['name']}': source actions can only be in "
                    "the first stage"
                )


def _check_action(action: Declaration, region: str, kinds: catalog.Kinds) -> None:
    spec = action_spec(action)
    kind = _action_type(action, kinds)
    _check_unbuilt_members(spec, action, region)
    _check_count("input", spec, len(spec.inputs), kind.inputs)
    _check_count("output", spec, len(spec.outputs), kind.outputs)
    _check_configuration(spec, kind)
    if spec.timeout_minutes is not None and spec.category != "Approval":
        raise _action_error(f"Action '{spec.name}': timeoutInMinutes is only supported for manual approval actions")


def _action_type(action: Declaration, kinds: catalog.Kinds) -> catalog.ActionType:
    kind = action["actionTypeId"]
    found = kinds(kind)
    if found is not None:
        return found
    words = ", ".join(f"{k}: '{kind[k]}'" for k in ("category", "provider", "owner", "version"))
    if kind["owner"] == "ThirdParty" or (kind["owner"] == "AWS" and kind["provider"] in catalog.UNBUILT_PROVIDERS):
        raise _action_error(f"Action '{action['name']}': the action type ({words}) is not built in Codeyard yet")
    raise _action_error(f"ActionType ({words}) in action '{action['name']}' is not available")


def _check_unbuilt_members(spec: ActionSpec, action: Declaration, region: str) -> None:
    if spec.region and spec.region != region:
        raise _action_error(f"Action '{spec.name}': cross-region actions are not built in Codeyard yet")
    if action.get("roleArn"):
        raise _action_error(f"Action '{spec.name}': a role of its own (roleArn) is not built in Codeyard yet")
    for member in ("commands", "outputVariables", "environmentVariables"):
        if action.get(member):
            raise _action_error(f"Action '{spec.name}': {member} is only supported for Commands actions")
    if any(a.get("files") for a in action.get("outputArtifacts", ())):
        raise _action_error(f"Action '{spec.name}': files is only supported for Commands actions")


def _check_count(which: str, spec: ActionSpec, count: int, bounds: tuple[int, int]) -> None:
    low, high = bounds
    if count < low:
        raise _structure(
            f"Pipeline action '{spec.name}' declares {count} {which} artifacts, which is fewer than the minimum "
            f"count of {low} for the action type"
        )
    if count > high:
        raise _structure(
            f"Pipeline action '{spec.name}' declares {count} {which} artifacts, which is more than the maximum "
            f"count of {high} for the action type"
        )


# Keys that AWS knows for a type we run, whose meaning is not built: refused, never ignored. A value that asks for
# nothing is let through.
_UNBUILT_KEYS = {
    ("CodeCommit", "OutputArtifactFormat"): frozenset({"CODE_ZIP"}),
    ("CodeBuild", "BatchEnabled"): frozenset({"false"}),
    ("CodeBuild", "CombineArtifacts"): frozenset({"false"}),
}


def _check_configuration(spec: ActionSpec, kind: catalog.ActionType) -> None:
    known = {p.name for p in kind.properties}
    for key, value in spec.configuration.items():
        harmless = _UNBUILT_KEYS.get((spec.provider, key)) if spec.owner == "AWS" else None
        if harmless is not None and value not in harmless:
            raise _action_error(f"Action '{spec.name}': {key} '{value}' is not built in Codeyard yet")
        if harmless is None and key not in known:
            raise _action_error(f"Action configuration for action '{spec.name}' contains unknown configuration '{key}'")
    for prop in kind.properties:
        if prop.required and prop.name not in spec.configuration:
            raise _action_error(
                f"Action configuration for action '{spec.name}' is missing required configuration '{prop.name}'"
            )
    if spec.owner == "AWS":
        _check_values(spec)
    elif wrong := custom.check_values(kind, spec.configuration):
        raise _action_error(f"Action '{spec.name}': {wrong}")


def _check_values(spec: ActionSpec) -> None:
    configuration = spec.configuration
    for key in ("PollForSourceChanges", "Extract", "AllowOverrideForS3ObjectKey"):
        value = configuration.get(key, "true")
        if value not in ("true", "false") and not variables.references(value):
            raise _action_error(f"Action '{spec.name}': {key} must be true or false, not '{value}'")
    if spec.provider == "S3" and configuration.get("Extract") == "false" and not configuration.get("ObjectKey"):
        raise _action_error(f"Action '{spec.name}': ObjectKey is required when Extract is false")
    if spec.provider == "CodeBuild" and len(spec.inputs) > 1:
        primary = configuration.get("PrimarySource")
        if primary not in spec.inputs and not variables.references(primary or ""):
            raise _action_error(f"Action '{spec.name}': PrimarySource must name one of the action's input artifacts")


def _check_namespaces(stages: Sequence[Declaration]) -> None:
    spaces = [a["namespace"] for _, a in _actions(stages) if a.get("namespace")]
    if repeated := _repeated(spaces):
        raise _structure(f"Namespaces must be unique in a pipeline. The namespace '{repeated}' is used more than once")
    artifacts = {o["name"] for _, a in _actions(stages) for o in a.get("outputArtifacts", ())}
    reserved = {variables.PIPELINE_NAMESPACE, variables.VARIABLES_NAMESPACE}
    for space in spaces:
        if space in artifacts:
            raise _structure(f"The namespace '{space}' cannot be the same as the name of an artifact")
        if space in reserved:
            raise _structure(f"The namespace '{space}' is reserved")


def _check_flow(pipeline: Declaration, kinds: catalog.Kinds) -> None:
    """Artifacts and variables must come from an earlier stage, or a lower runOrder of the same stage."""
    made: set[str] = set()
    spaces: dict[str, tuple[str, ...] | None] = {}
    declared = {v["name"] for v in pipeline.get("variables", ())}
    for stage in pipeline["stages"]:
        specs = sorted((action_spec(a) for a in stage["actions"]), key=lambda s: s.run_order)
        for order in sorted({s.run_order for s in specs}):
            group = [s for s in specs if s.run_order == order]
            for spec in group:
                _check_inputs(spec, made)
                _check_references(spec, spaces, declared)
            for spec in group:
                _add_outputs(spec, made)
                if spec.namespace:
                    kind = kinds(spec.type_id)
                    spaces[spec.namespace] = kind.variables if kind else ()


def _check_inputs(spec: ActionSpec, made: set[str]) -> None:
    if repeated := _repeated(spec.inputs):
        raise _action_error(f"Action '{spec.name}' declares the input artifact '{repeated}' more than once")
    for name in spec.inputs:
        if name not in made:
            raise _structure(
                f"Input Artifact Bundle {name} in action {spec.name} is not declared as an output artifact of an "
                "earlier action in the pipeline"
            )


def _add_outputs(spec: ActionSpec, made: set[str]) -> None:
    for name in spec.outputs:
        if name in made:
            raise _structure(f"Output Artifact Bundle name must be unique within the pipeline. {name} is used twice")
        made.add(name)


def _check_references(spec: ActionSpec, spaces: Mapping[str, tuple[str, ...] | None], declared: set[str]) -> None:
    for value in spec.configuration.values():
        for namespace, key in variables.references(value):
            if not _provided(namespace, key, spaces, declared):
                raise _action_error(
                    f"Action '{spec.name}' refers to the variable '#{{{namespace}.{key}}}', which no earlier action "
                    "provides"
                )


def _provided(namespace: str, key: str, spaces: Mapping[str, tuple[str, ...] | None], declared: set[str]) -> bool:
    if namespace == variables.PIPELINE_NAMESPACE:
        return key == "PipelineExecutionId"
    if namespace == variables.VARIABLES_NAMESPACE:
        return key in declared
    if namespace not in spaces:
        return False
    known = spaces[namespace]
    return known is None or key in known


def _actions(stages: Sequence[Declaration]) -> Iterator[tuple[Declaration, Declaration]]:
    return ((stage, action) for stage in stages for action in stage["actions"])


def _repeated(names: Sequence[str]) -> str | None:
    return next((n for i, n in enumerate(names) if n in names[:i]), None)
