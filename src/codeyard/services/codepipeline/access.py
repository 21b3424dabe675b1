"""What each operation needs. Pipelines, stages and actions are resources; a pipeline's tags are aws:ResourceTag."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from codeyard.contract import Access, Check, Params, Scope, anywhere, pass_role, text

HOST = "codepipeline.amazonaws.com"
Tags = Callable[[str, str, str], Mapping[str, str]]
START_FROM_EVENT = "StartPipelineExecutionFromEvent"


def access_table(tags_of: Tags) -> dict[str, Access]:
    """The access entries; `tags_of(account, region, name)` gives a pipeline's tags (empty where there is none)."""

    def keys(scope: Scope, name: str) -> dict[str, str | list[str]]:
        return {f"aws:ResourceTag/{k}": v for k, v in tags_of(scope.account, scope.region, name).items()}

    def pipeline(action: str, member: str = "name", *more: str) -> Access:
        def checks(scope: Scope, params: Params) -> Iterable[Check]:
            name = text(params, member) or "*"
            path = "/".join((name, *(text(params, m) or "*" for m in more)))
            yield Check(f"codepipeline:{action}", scope.arn("codepipeline", path), keys(scope, name))

        return checks

    def declared(action: str) -> Access:
        def checks(scope: Scope, params: Params) -> Iterable[Check]:
            declaration = params.get("pipeline")
            declaration = declaration if isinstance(declaration, Mapping) else {}
            name = text(declaration, "name") or "*"
            tags = keys(scope, name) if action == "UpdatePipeline" else _requested(params)
            yield Check(f"codepipeline:{action}", scope.arn("codepipeline", name), tags)
            for role in _roles(declaration):
                yield pass_role(role, HOST)

        return checks

    def tagged(action: str) -> Access:
        def checks(scope: Scope, params: Params) -> Iterable[Check]:
            arn = text(params, "resourceArn") or "*"
            of_resource = keys(scope, arn.rpartition(":")[2])
            yield Check(f"codepipeline:{action}", arn, of_resource | _requested(params))

        return checks

    of_stage = ("pipelineName", "stageName")
    return {
        "CreatePipeline": declared("CreatePipeline"),
        "UpdatePipeline": declared("UpdatePipeline"),
        "GetPipeline": pipeline("GetPipeline"),
        "DeletePipeline": pipeline("DeletePipeline"),
        "ListPipelines": anywhere("codepipeline:ListPipelines"),
        "ListActionTypes": anywhere("codepipeline:ListActionTypes"),
        "StartPipelineExecution": pipeline("StartPipelineExecution"),
        START_FROM_EVENT: pipeline("StartPipelineExecution"),
        "GetPipelineState": pipeline("GetPipelineState"),
        "GetPipelineExecution": pipeline("GetPipelineExecution", "pipelineName"),
        "ListPipelineExecutions": pipeline("ListPipelineExecutions", "pipelineName"),
        "ListActionExecutions": pipeline("ListActionExecutions", "pipelineName"),
        "StopPipelineExecution": pipeline("StopPipelineExecution", "pipelineName"),
        "RetryStageExecution": pipeline("RetryStageExecution", *of_stage),
        "EnableStageTransition": pipeline("EnableStageTransition", *of_stage),
        "DisableStageTransition": pipeline("DisableStageTransition", *of_stage),
        "PutApprovalResult": pipeline("PutApprovalResult", *of_stage, "actionName"),
        "TagResource": tagged("TagResource"),
        "UntagResource": tagged("UntagResource"),
        "ListTagsForResource": tagged("ListTagsForResource"),
    }


def _roles(declaration: Mapping[str, object]) -> list[str]:
    """Every role that the declaration hands over: the pipeline's, and those of actions."""
    roles = {text(declaration, "roleArn") or "*"}
    for stage in _maps(declaration.get("stages")):
        roles |= {text(action, "roleArn") for action in _maps(stage.get("actions"))}
    return sorted(role for role in roles if role)


def _requested(params: Params) -> dict[str, str | list[str]]:
    """aws:RequestTag/… and aws:TagKeys of the tags or tag keys that the request carries."""
    tags = {text(t, "key"): text(t, "value") for t in _maps(params.get("tags"))}
    given = params.get("tagKeys")
    names = [*tags, *(k for k in (given if isinstance(given, list) else ()) if isinstance(k, str))]
    found: dict[str, str | list[str]] = {f"aws:RequestTag/{k}": v for k, v in tags.items()}
    return found | {"aws:TagKeys": names} if names else found


def _maps(value: object) -> list[Mapping[str, object]]:
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []
