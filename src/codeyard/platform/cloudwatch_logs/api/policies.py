"""Resource policies: which services may write to the account's groups."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params, not_implemented
from codeyard.formats import page_tokens, resource_policies
from codeyard.formats.resource_policies import PolicyFault
from codeyard.platform.cloudwatch_logs import store
from codeyard.platform.cloudwatch_logs.api.base import Base
from codeyard.platform.cloudwatch_logs.errors import invalid

_MAX = 10


class Policies(Base):
    """Operations on resource policies of the account; policies of single groups are not built."""

    def put_resource_policy(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Create or replace a policy; ten an account and region."""
        name, document = _name(req), req.get("policyDocument") or ""
        _check(document)

        def write(tx: Any) -> dict[str, Any]:
            held = [row.name for row in store.policies(tx, ctx.account, ctx.region)]
            if name not in held and len(held) >= _MAX:
                raise AwsError("LimitExceededException", "Resource limit exceeded.")
            store.put_policy(tx, ctx.account, ctx.region, name, document, ctx.now // 1000)
            return {"resourcePolicy": _shown(name, document, ctx.now // 1000)}

        return ctx.write(write)

    def describe_resource_policies(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The account's policies."""
        if req.get("resourceArn") or req.get("policyScope") == "RESOURCE":
            raise not_implemented("logs", "resource policies of single log groups")
        place = self._place(req, (str,), "policies")
        rows = self._kit.db.read(lambda tx: store.policies(tx, ctx.account, ctx.region))
        rest = [row for row in rows if place is None or row.name > place[0]]
        limit = req.get("limit") or 50
        shown = [_shown(row.name, row.document, row.updated) for row in rest[:limit]]
        answer: dict[str, Any] = {"resourcePolicies": shown}
        if len(rest) > limit:
            answer["nextToken"] = page_tokens.encode((rest[limit - 1].name,), "policies")
        return answer

    def delete_resource_policy(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a policy."""
        name = _name(req)

        def write(tx: Any) -> dict[str, Any]:
            if not store.delete_policy(tx, ctx.account, ctx.region, name):
                raise AwsError("ResourceNotFoundException", "Policy with this name does not exist.")
            return {}

        return ctx.write(write)


def _name(req: Params) -> str:
    if req.get("resourceArn"):
        raise not_implemented("logs", "resource policies of single log groups")
    if not req.get("policyName"):
        raise invalid("policyName is required.")
    return str(req["policyName"])


def _check(document: str) -> None:
    try:
        resource_policies.check(document, vendor="logs")
    except PolicyFault:
        raise invalid("Invalid policy document.") from None


def _shown(name: str, document: str, updated: int) -> dict[str, Any]:
    return {"policyName": name, "policyDocument": document, "lastUpdatedTime": updated, "policyScope": "ACCOUNT"}
