"""Key policies: one for each key, named default."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.platform.kms import policy, store
from codeyard.platform.kms.api.base import resume
from codeyard.platform.kms.api.keys import Keys


class Policies(Keys):
    """Operations on key policies."""

    def get_key_policy(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The key's policy."""
        _check_name(req)
        return {"Policy": self._read_key(ctx, req["KeyId"]).policy, "PolicyName": policy.NAME}

    def put_key_policy(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Replace the key's policy, unless by the new one its author could not do so again."""
        _check_name(req)
        key = self._read_key(ctx, req["KeyId"])
        bypass = bool(req.get("BypassPolicyLockoutSafetyCheck"))
        self._check_policy(ctx, key.arn, req["Policy"], bypass=bypass)

        def write(tx: Any) -> dict[str, Any]:
            store.change_key(tx, self._key(ctx, tx, req["KeyId"]).id, policy=req["Policy"])
            return {}

        return ctx.write(write)

    def list_key_policies(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The names of the key's policies, which is one."""
        key = self._read_key(ctx, req["KeyId"])
        resume(req, "policies", key.id)
        return {"PolicyNames": [policy.NAME], "Truncated": False}


def _check_name(req: Params) -> None:
    if req.get("PolicyName", policy.NAME) != policy.NAME:
        raise AwsError("NotFoundException", "No such policy exists")
