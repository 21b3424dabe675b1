"""What each operation of Parameter Store needs."""

from __future__ import annotations

from collections.abc import Iterable

from codeyard.contract import Access, Check, Params, Scope, anywhere, request_tags, text


def arn_of(scope: Scope, name: str) -> str:
    """The ARN of a parameter named plainly, by path, by ARN, or with a selector behind."""
    if name.startswith("arn:"):
        parts = name.split(":")
        return ":".join(parts[:6])
    plain = name.partition(":")[0].lstrip("/")
    return scope.arn("ssm", f"parameter/{plain or '*'}")


def _on(operation: str, member: str = "Name") -> Access:
    return lambda scope, params: (Check(f"ssm:{operation}", arn_of(scope, text(params, member))),)


def _each(operation: str) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        given = params.get("Names")
        names = [name for name in given if isinstance(name, str)] if isinstance(given, list | tuple) else []
        return tuple(Check(f"ssm:{operation}", arn_of(scope, name)) for name in names or [""])

    return checks


def _put(scope: Scope, params: Params) -> Iterable[Check]:
    arn, keys = arn_of(scope, text(params, "Name")), request_tags(params)
    yield Check("ssm:PutParameter", arn, {**keys, "ssm:Overwrite": "true" if params.get("Overwrite") else "false"})
    if keys:
        yield Check("ssm:AddTagsToResource", arn, keys)


def _tagged(operation: str) -> Access:
    return lambda scope, params: (
        Check(f"ssm:{operation}", arn_of(scope, text(params, "ResourceId")), request_tags(params)),
    )


ACCESS: dict[str, Access] = {
    "PutParameter": _put,
    "GetParameter": _on("GetParameter"),
    "GetParameters": _each("GetParameters"),
    "GetParametersByPath": _on("GetParametersByPath", "Path"),
    "GetParameterHistory": _on("GetParameterHistory"),
    "DeleteParameter": _on("DeleteParameter"),
    "DeleteParameters": _each("DeleteParameters"),
    "DescribeParameters": anywhere("ssm:DescribeParameters"),
    "LabelParameterVersion": _on("LabelParameterVersion"),
    "UnlabelParameterVersion": _on("UnlabelParameterVersion"),
    "AddTagsToResource": _tagged("AddTagsToResource"),
    "RemoveTagsFromResource": _tagged("RemoveTagsFromResource"),
    "ListTagsForResource": _tagged("ListTagsForResource"),
}
