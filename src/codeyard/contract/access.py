"""What an operation needs before it may run: each service's access.py states it in this vocabulary.

An entry is a function from the request to Checks, evaluated before the parameters' constraints are: it must
survive missing and mistyped members (use `text(params, "name")`), and it must not raise "not found".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from codeyard.contract.principal import Principal

_NO_KEYS: Mapping[str, str | Sequence[str]] = MappingProxyType({})


class Check(NamedTuple):
    """One question to IAM: may the caller do `action` on `resource`?

    `keys` are the service's own condition keys and aws:ResourceTag/…, aws:RequestTag/…, aws:TagKeys;
    the gateway adds the global ones. `policy` is the resource's own policy document (JSON text), if it has one;
    `owner` the account that owns the resource where the ARN does not say so (S3). `granted`: the owner has allowed
    this to the caller beside the policy (a KMS grant); explicit denials and the caller's own limits still count.
    `shown`: what a refusal calls the resource, where its own name or facts would tell a stranger that it is there.
    """

    action: str
    resource: str
    keys: Mapping[str, str | Sequence[str]] = _NO_KEYS
    policy: str | None = None
    owner: str = ""
    granted: bool = False
    shown: str = ""


class Scope(NamedTuple):
    """What an access entry may look at besides the parameters; `via` are the services on the way."""

    principal: Principal
    account: str
    region: str
    partition: str = "aws"
    via: tuple[str, ...] = ()
    source_arn: str = ""

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of the caller's account in the request's region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


Params = Mapping[str, Any]
Access = Callable[[Scope, Params], Iterable[Check]]


def text(params: Params, name: str) -> str:
    """The string member `name`, or an empty string where it is missing or is not a string."""
    value = params.get(name)
    return value if isinstance(value, str) else ""


def request_tags(params: Params) -> dict[str, str | Sequence[str]]:
    """aws:RequestTag/… and aws:TagKeys of the tags, or of the names of tags, that a request carries.

    In every form that AWS's models have: objects with Key and Value or key and value, a map, a list of names. It
    survives whatever the request holds.
    """
    pairs: list[tuple[str, str]] = []
    names: list[object] = []
    for member in ("Tags", "tags"):
        given = params.get(member)
        if isinstance(given, Mapping):
            pairs += [(str(key), str(value)) for key, value in given.items()]
        elif isinstance(given, list | tuple):
            pairs += [_pair(one) for one in given if isinstance(one, Mapping)]
            names += given
    for member in ("TagKeys", "tagKeys"):
        given = params.get(member)
        names += given if isinstance(given, list | tuple) else ()
    keys: dict[str, str | Sequence[str]] = {f"aws:RequestTag/{key}": value for key, value in pairs if key}
    named = [key for key, _ in pairs if key] + [name for name in names if isinstance(name, str)]
    return keys | {"aws:TagKeys": named} if named else keys


def _pair(tag: Params) -> tuple[str, str]:
    return text(tag, "Key") or text(tag, "key"), text(tag, "Value") or text(tag, "value")


def anywhere(action: str) -> Access:
    """An operation that IAM knows no resource for: checked on `*`."""
    return lambda scope, params: (Check(action, "*"),)


def on(action: str, resource: str, member: str) -> Access:
    """An operation on one resource named by one member: `on("codecommit:GetBranch", "{}", "repositoryName")`.

    `resource` is the ARN's last part with `{}` for the member; the ARN's service is the action's prefix.
    """
    service = action.partition(":")[0]

    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        return (Check(action, scope.arn(service, resource.format(text(params, member) or "*"))),)

    return checks


def pass_role(role_arn: str, to_service: str) -> Check:
    """Storing a role for a service to use needs iam:PassRole on it."""
    return Check("iam:PassRole", role_arn or "*", {"iam:PassedToService": to_service})
