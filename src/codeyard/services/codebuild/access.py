"""What each operation needs: IAM actions on projects, the runner's protocol on runners."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from codeyard.contract import Access, Check, Params, Scope, anywhere, pass_role, text

TagsOf = Callable[[str, str, str], Mapping[str, str]]
_SERVICE = "codebuild.amazonaws.com"


def access(tags_of: TagsOf) -> dict[str, Access]:
    """The table; `tags_of(account, region, project)` feeds aws:ResourceTag."""

    def project(action: str, member: str) -> Access:
        return lambda scope, params: [_project(tags_of, scope, action, text(params, member))]

    def build(action: str, member: str) -> Access:
        return lambda scope, params: [_project(tags_of, scope, action, _project_name(text(params, member)))]

    def many(action: str, member: str, name_of: Callable[[str], str]) -> Access:
        def checks(scope: Scope, params: Params) -> Iterable[Check]:
            names = params.get(member)
            found = sorted({name_of(n) for n in names if isinstance(n, str)}) if isinstance(names, list) else []
            return [_project(tags_of, scope, action, name) for name in found or ["*"]]

        return checks

    return {
        "CreateProject": _storing_role(tags_of, "CreateProject"),
        "UpdateProject": _storing_role(tags_of, "UpdateProject"),
        "DeleteProject": project("codebuild:DeleteProject", "name"),
        "BatchGetProjects": many("codebuild:BatchGetProjects", "names", _last),
        "ListProjects": anywhere("codebuild:ListProjects"),
        "StartBuild": _start(tags_of),
        "StopBuild": build("codebuild:StopBuild", "id"),
        "RetryBuild": build("codebuild:RetryBuild", "id"),
        "BatchGetBuilds": many("codebuild:BatchGetBuilds", "ids", _project_name),
        "BatchDeleteBuilds": many("codebuild:BatchDeleteBuilds", "ids", _project_name),
        "ListBuilds": anywhere("codebuild:ListBuilds"),
        "ListBuildsForProject": project("codebuild:ListBuildsForProject", "projectName"),
        "ListCuratedEnvironmentImages": anywhere("codebuild:ListCuratedEnvironmentImages"),
    }


RUNNER_ACCESS: dict[str, Access] = {
    name: anywhere(f"codeyard-runner:{name}")
    for name in ("ClaimJob", "Heartbeat", "PutPhase", "PutLogs", "CompleteJob")
}


def _project(tags_of: TagsOf, scope: Scope, action: str, name: str) -> Check:
    tags = tags_of(scope.account, scope.region, name)
    keys: dict[str, Any] = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
    return Check(action, scope.arn("codebuild", f"project/{name or '*'}"), keys)


def _storing_role(tags_of: TagsOf, operation: str) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        found = [_project(tags_of, scope, f"codebuild:{operation}", text(params, "name"))]
        if text(params, "serviceRole"):
            found.append(pass_role(text(params, "serviceRole"), _SERVICE))
        return found

    return checks


def _start(tags_of: TagsOf) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        found = [_project(tags_of, scope, "codebuild:StartBuild", text(params, "projectName"))]
        if text(params, "serviceRoleOverride"):
            found.append(pass_role(text(params, "serviceRoleOverride"), _SERVICE))
        return found

    return checks


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _project_name(build_id: str) -> str:
    return _last(build_id).partition(":")[0]
