"""What each operation needs. Pipelines, stages and actions are resources; a pipeline's tags are aws:ResourceTag."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from codeyard.contract import Access, Check, Params, Scope, anywhere, pass_role, request_tags, text

HOST = "codepipeline.amazonaws.com"
Tags = Callable[[str, str, str], Mapping[str, str]]
_LISTS = ("ListPipelines", "ListActionTypes", "ListWebhooks")
_ON_ACTION = ("PutApprovalResult", "PutActionRevision")
_OF_JOBS = ("AcknowledgeJob", "GetJobDetails", "PutJobSuccessResult", "PutJobFailureResult")
START_FROM_EVENT = "StartPipelineExecutionFromEvent"
START_FROM_WEBHOOK = "StartPipelineExecutionFromWebhook"


class _Entries:
    """Makes access entries that know the tags of pipelines."""

    def __init__(self, tags_of: Tags) -> None:
        self._tags_of = tags_of

    def _keys(self, scope: Scope, name: str) -> dict[str, str | list[str]]:
        tags = self._tags_of(scope.account, scope.region, name)
        return {f"aws:ResourceTag/{key}": value for key, value in tags.items()}

    def on(self, action: str, member: str = "name", *more: str) -> Access:
        """An action on a pipeline, or on the stage or action that further members name."""

        def checks(scope: Scope, params: Params) -> Iterable[Check]:
            name = text(params, member) or "*"
            path = "/".join((name, *(text(params, m) or "*" for m in more)))
            yield Check(f"codepipeline:{action}", scope.arn("codepipeline", path), self._keys(scope, name))

        return checks

    def declared(self, action: str) -> Access:
        """An action on the pipeline that the request declares; its roles must be allowed to be passed."""

        def checks(scope: Scope, params: Params) -> Iterable[Check]:
            declaration = params.get("pipeline")
            declaration = declaration if isinstance(declaration, Mapping) else {}
            name = text(declaration, "name") or "*"
            keys = self._keys(scope, name) if action == "UpdatePipeline" else request_tags(params)
            yield Check(f"codepipeline:{action}", scope.arn("codepipeline", name), keys)
            for role in _roles(declaration):
                yield pass_role(role, HOST)

        return checks

    def typed(self, action: str, member: str = "") -> Access:
        """An action on a custom action type, which the request (or its `member`) names."""

        def checks(scope: Scope, params: Params) -> Iterable[Check]:
            kind = params.get(member) if member else params
            kind = kind if isinstance(kind, Mapping) else {}
            parts = (text(kind, part) or "*" for part in ("category", "provider", "version"))
            owner = text(kind, "owner") or "Custom"
            category, provider, version = parts
            arn = scope.arn("codepipeline", f"actiontype:{owner}/{category}/{provider}/{version}")
            yield Check(f"codepipeline:{action}", arn, request_tags(params))

        return checks

    def hooked(self, action: str) -> Access:
        """An action on a webhook, and on the pipeline that its definition names."""

        def checks(scope: Scope, params: Params) -> Iterable[Check]:
            declared = params.get("webhook")
            declared = declared if isinstance(declared, Mapping) else params
            name, pipeline = text(declared, "name") or "*", text(declared, "targetPipeline")
            yield Check(f"codepipeline:{action}", scope.arn("codepipeline", f"webhook:{name}"), request_tags(params))
            if pipeline:
                arn = scope.arn("codepipeline", pipeline)
                yield Check(f"codepipeline:{action}", arn, self._keys(scope, pipeline) | request_tags(params))

        return checks

    def tagged(self, action: str) -> Access:
        """An action on the tags of a resource."""

        def checks(scope: Scope, params: Params) -> Iterable[Check]:
            arn = text(params, "resourceArn") or "*"
            of_resource = self._keys(scope, arn.rpartition(":")[2])
            yield Check(f"codepipeline:{action}", arn, of_resource | request_tags(params))

        return checks


def access_table(tags_of: Tags) -> dict[str, Access]:
    """The access entries; `tags_of(account, region, name)` gives a pipeline's tags (empty where there is none)."""
    entry = _Entries(tags_of)
    on_pipeline = ("GetPipelineExecution", "ListPipelineExecutions", "ListActionExecutions", "StopPipelineExecution")
    on_stage = ("RetryStageExecution", "RollbackStage", "EnableStageTransition", "DisableStageTransition")
    by_name = ("GetPipeline", "DeletePipeline", "StartPipelineExecution", "GetPipelineState")
    return {
        **{name: entry.on(name) for name in by_name},
        **{name: entry.on(name, "pipelineName") for name in on_pipeline},
        **{name: entry.on(name, "pipelineName", "stageName") for name in on_stage},
        **{name: entry.declared(name) for name in ("CreatePipeline", "UpdatePipeline")},
        **{name: entry.tagged(name) for name in ("TagResource", "UntagResource", "ListTagsForResource")},
        **{name: anywhere(f"codepipeline:{name}") for name in (*_LISTS, *_OF_JOBS)},
        **{name: entry.typed(name) for name in ("CreateCustomActionType", "DeleteCustomActionType")},
        "PollForJobs": entry.typed("PollForJobs", "actionTypeId"),
        **{name: entry.hooked(name) for name in ("PutWebhook", "DeleteWebhook")},
        START_FROM_WEBHOOK: entry.on("StartPipelineExecution"),
        START_FROM_EVENT: entry.on("StartPipelineExecution"),
        **{name: entry.on(name, "pipelineName", "stageName", "actionName") for name in _ON_ACTION},
    }


def _roles(declaration: Mapping[str, object]) -> list[str]:
    """Every role that the declaration hands over: the pipeline's, and those of actions."""
    roles = {text(declaration, "roleArn") or "*"}
    for stage in _maps(declaration.get("stages")):
        roles |= {text(action, "roleArn") for action in _maps(stage.get("actions"))}
    return sorted(role for role in roles if role)


def _maps(value: object) -> list[Mapping[str, object]]:
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []
