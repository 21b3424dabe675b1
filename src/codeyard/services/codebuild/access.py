"""Which action on which resource each operation needs. A build is checked on its project, as on AWS."""

from __future__ import annotations

from collections.abc import Iterable

from codeyard.contract import Access, Check, Params, Scope, anywhere, on, pass_role, request_tags, text

SERVICE = "codebuild.amazonaws.com"


def _project_of(build: str) -> str:
    """The project's name in a build's id or ARN."""
    return build.rpartition("build/")[2].partition(":")[0] or "*"


def _project_arn(scope: Scope, name: str) -> str:
    return name if name.startswith("arn:") else scope.arn("codebuild", f"project/{name or '*'}")


def _on_project(action: str, member: str) -> Access:
    return lambda scope, params: (Check(action, _project_arn(scope, text(params, member))),)


def _on_build(action: str) -> Access:
    return lambda scope, params: (Check(action, scope.arn("codebuild", f"project/{_project_of(text(params, 'id'))}")),)


def _on_each(action: str, member: str, *, builds: bool) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        given = params.get(member)
        names = {n for n in given if isinstance(n, str)} if isinstance(given, list | tuple) else set()
        found = {_project_of(n) if builds else n for n in names} or {"*"}
        return [Check(action, _project_arn(scope, name)) for name in sorted(found)]

    return checks


def _storing(action: str) -> Access:
    """Creating or updating a project passes its role to CodeBuild."""

    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        yield Check(action, scope.arn("codebuild", f"project/{text(params, 'name') or '*'}"), request_tags(params))
        if text(params, "serviceRole"):
            yield pass_role(text(params, "serviceRole"), SERVICE)

    return checks


def _starting(scope: Scope, params: Params) -> Iterable[Check]:
    yield Check("codebuild:StartBuild", _project_arn(scope, text(params, "projectName")))
    if text(params, "serviceRoleOverride"):
        yield pass_role(text(params, "serviceRoleOverride"), SERVICE)


ACCESS: dict[str, Access] = {
    "CreateProject": _storing("codebuild:CreateProject"),
    "UpdateProject": _storing("codebuild:UpdateProject"),
    "DeleteProject": on("codebuild:DeleteProject", "project/{}", "name"),
    "BatchGetProjects": _on_each("codebuild:BatchGetProjects", "names", builds=False),
    "ListProjects": anywhere("codebuild:ListProjects"),
    "StartBuild": _starting,
    "StopBuild": _on_build("codebuild:StopBuild"),
    "RetryBuild": _on_build("codebuild:RetryBuild"),
    "BatchGetBuilds": _on_each("codebuild:BatchGetBuilds", "ids", builds=True),
    "BatchDeleteBuilds": _on_each("codebuild:BatchDeleteBuilds", "ids", builds=True),
    "ListBuilds": anywhere("codebuild:ListBuilds"),
    "ListBuildsForProject": _on_project("codebuild:ListBuildsForProject", "projectName"),
    "ListCuratedEnvironmentImages": anywhere("codebuild:ListCuratedEnvironmentImages"),
}
