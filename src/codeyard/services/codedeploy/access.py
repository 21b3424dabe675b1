"""Which action on which resource each operation needs (IAM's service authorization page for CodeDeploy)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from codeyard.contract import Access, Check, Params, Scope, anywhere, on, pass_role, request_tags, text

SERVICE = "codedeploy.amazonaws.com"
# (region, deployment id) -> "application/group", empty where there is none
Locate = Callable[[str, str, str], str]


def access(locate: Locate) -> dict[str, Access]:
    """The table. Operations on a deployment are checked on its group, which `locate` finds."""
    table: dict[str, Access] = {}
    for name in ("CreateApplication", "DeleteApplication", "GetApplication", "UpdateApplication"):
        table[name] = _tagged(on(f"codedeploy:{name}", "application:{}", "applicationName"))
    for name in (
        "ListDeploymentGroups",
        "RegisterApplicationRevision",
        "GetApplicationRevision",
        "BatchGetApplicationRevisions",
        "ListApplicationRevisions",
    ):
        table[name] = on(f"codedeploy:{name}", "application:{}", "applicationName")
    for name in ("CreateDeploymentConfig", "DeleteDeploymentConfig", "GetDeploymentConfig"):
        table[name] = on(f"codedeploy:{name}", "deploymentconfig:{}", "deploymentConfigName")
    for name in ("RegisterOnPremisesInstance", "DeregisterOnPremisesInstance", "GetOnPremisesInstance"):
        table[name] = on(f"codedeploy:{name}", "instance:{}", "instanceName")
    for name in ("AddTagsToOnPremisesInstances", "RemoveTagsFromOnPremisesInstances", "BatchGetOnPremisesInstances"):
        table[name] = _each(f"codedeploy:{name}", "instance:{}", "instanceNames")
    for name in ("ListApplications", "ListDeploymentConfigs", "ListOnPremisesInstances"):
        table[name] = anywhere(f"codedeploy:{name}")
    table["BatchGetApplications"] = _each("codedeploy:BatchGetApplications", "application:{}", "applicationNames")
    return table | _groups() | _deployments(locate) | _tags()


def _groups() -> dict[str, Access]:
    return {
        "CreateDeploymentGroup": _tagged(_with_role(_group("CreateDeploymentGroup", "deploymentGroupName"))),
        "UpdateDeploymentGroup": _with_role(_group("UpdateDeploymentGroup", "currentDeploymentGroupName")),
        "GetDeploymentGroup": _group("GetDeploymentGroup", "deploymentGroupName"),
        "DeleteDeploymentGroup": _group("DeleteDeploymentGroup", "deploymentGroupName"),
        "CreateDeployment": _group("CreateDeployment", "deploymentGroupName"),
        "ListDeployments": _group("ListDeployments", "deploymentGroupName"),
        "BatchGetDeploymentGroups": _every_group,
    }


def _deployments(locate: Locate) -> dict[str, Access]:
    names = (
        "GetDeployment",
        "StopDeployment",
        "ListDeploymentInstances",
        "GetDeploymentInstance",
        "BatchGetDeploymentInstances",
        "ListDeploymentTargets",
        "GetDeploymentTarget",
        "BatchGetDeploymentTargets",
    )
    table: dict[str, Access] = {name: _of_deployment(name, locate) for name in names}

    def batch(scope: Scope, params: Params) -> Iterable[Check]:
        ids = _texts(params, "deploymentIds")
        places = {locate(scope.account, scope.region, one) for one in ids} or {""}
        return [_on_group("BatchGetDeployments", scope, place) for place in sorted(places)]

    return table | {"BatchGetDeployments": batch}


def _tags() -> dict[str, Access]:
    def checks(action: str) -> Access:
        return lambda scope, params: (
            Check(f"codedeploy:{action}", text(params, "ResourceArn") or "*", request_tags(params)),
        )

    return {name: checks(name) for name in ("ListTagsForResource", "TagResource", "UntagResource")}


def _group(action: str, member: str) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        application, group = text(params, "applicationName") or "*", text(params, member) or "*"
        return (_on_group(action, scope, f"{application}/{group}"),)

    return checks


def _every_group(scope: Scope, params: Params) -> Iterable[Check]:
    application = text(params, "applicationName") or "*"
    names = _texts(params, "deploymentGroupNames") or ["*"]
    return [_on_group("BatchGetDeploymentGroups", scope, f"{application}/{name or '*'}") for name in names]


def _of_deployment(action: str, locate: Locate) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        place = locate(scope.account, scope.region, text(params, "deploymentId"))
        return (_on_group(action, scope, place),)

    return checks


def _on_group(action: str, scope: Scope, place: str) -> Check:
    return Check(f"codedeploy:{action}", scope.arn("codedeploy", f"deploymentgroup:{place or '*/*'}"))


def _each(action: str, resource: str, member: str) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        names = _texts(params, member) or ["*"]
        return [Check(action, scope.arn("codedeploy", resource.format(name or "*"))) for name in names]

    return checks


def _with_role(inner: Access) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        role = text(params, "serviceRoleArn")
        return [*inner(scope, params), *([pass_role(role, SERVICE)] if role else [])]

    return checks


def _tagged(inner: Access) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        keys = request_tags(params)
        found = inner(scope, params)
        return [Check(c.action, c.resource, keys) if c.action.startswith("codedeploy:") and keys else c for c in found]

    return checks


def _texts(params: Params, member: str) -> list[str]:
    value = params.get(member)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
