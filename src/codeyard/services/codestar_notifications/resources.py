"""What rules are bound to: four kinds of resources, looked up as the caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from codeyard.contract import AwsError, Client, Context
from codeyard.services.codestar_notifications.errors import invalid


class Kind(NamedTuple):
    """How a resource's ARN ends, and the call that shows it."""

    prefix: str
    operation: str
    params: Callable[[str], dict[str, Any]]


_KINDS = {
    "codebuild": Kind("project/", "BatchGetProjects", lambda name: {"names": [name]}),
    "codecommit": Kind("", "GetRepository", lambda name: {"repositoryName": name}),
    "codedeploy": Kind("application:", "GetApplication", lambda name: {"applicationName": name}),
    "codepipeline": Kind("", "GetPipeline", lambda name: {"name": name}),
}


def check(ctx: Context, arn: str) -> None:
    """Refuse a resource of another kind, account or region, one that is not there, or that the caller may not see."""
    _, _, service, _, _, rest = arn.split(":", 5)
    kind = _KINDS.get(service)
    if kind is None or not rest.startswith(kind.prefix) or not rest.removeprefix(kind.prefix):
        raise invalid(f"The resource {arn} is not a repository, build project, deployment application or pipeline.")
    if arn != ctx.arn(rest, service):
        raise invalid(f"The resource {arn} is not in this account and region.")
    if not _is_there(ctx.forward(), service, kind, rest.removeprefix(kind.prefix), arn):
        raise invalid(f"The resource {arn} does not exist.")


def _is_there(client: Client, service: str, kind: Kind, name: str, arn: str) -> bool:
    try:
        found = client.call(service, kind.operation, kind.params(name))
    except AwsError as error:
        if error.code.startswith("AccessDenied"):
            text = f"You do not have sufficient permissions for the resource {arn}: {error.message}"
            raise AwsError("AccessDeniedException", text) from None
        if (error.status or 400) >= 500:
            raise
        return False
    return not found.get("projectsNotFound")
