"""Resource policies of secrets, and random passwords."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params, not_implemented
from codeyard.platform.secretsmanager import model, store
from codeyard.platform.secretsmanager.api.base import Base


class Policies(Base):
    """Operations on policies, and the one that needs no secret."""

    def put_resource_policy(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Attach a policy to the secret."""
        _unnamed(req)
        model.check_policy(req["ResourcePolicy"], block_public=bool(req.get("BlockPublicPolicy")))
        return self._set_policy(ctx, req, req["ResourcePolicy"])

    def delete_resource_policy(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take the secret's policy off."""
        _unnamed(req)
        return self._set_policy(ctx, req, "")

    def _set_policy(self, ctx: Context, req: Params, policy: str) -> dict[str, Any]:
        def write(tx: Any) -> dict[str, Any]:
            secret = self._living(ctx, tx, req["SecretId"])
            store.change(tx, secret.arn, policy=policy)
            return {"ARN": secret.arn, "Name": secret.name}

        return ctx.write(write)

    def get_resource_policy(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The secret's policy, when it has one."""
        _unnamed(req)
        secret = self._kit.db.read(lambda tx: self._living(ctx, tx, req["SecretId"]))
        answer = {"ARN": secret.arn, "Name": secret.name}
        return {**answer, "ResourcePolicy": secret.policy} if secret.policy else answer

    def validate_resource_policy(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Whether a policy is well formed and does not let everybody in."""
        if req.get("SecretId"):
            self._kit.db.read(lambda tx: self._living(ctx, tx, req["SecretId"]))
        try:
            model.check_policy(req["ResourcePolicy"], block_public=True)
        except AwsError as problem:
            if problem.code != "PublicPolicyException":
                raise
            found = {"CheckName": "PUBLIC_POLICY", "ErrorMessage": problem.message}
            return {"PolicyValidationPassed": False, "ValidationErrors": [found]}
        return {"PolicyValidationPassed": True, "ValidationErrors": []}

    def get_random_password(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A random password of the asked length and character types."""
        kinds, length, ids = model.alphabets(req), req.get("PasswordLength") or 32, self._kit.ids
        needed = [ids.token(1, kind) for kind in kinds] if req.get("RequireEachIncludedType", True) else []
        rest = ids.token(length - len(needed), "".join(kinds))
        keyed = sorted((ids.bytes(8), number, char) for number, char in enumerate((*needed, *rest)))
        return {"RandomPassword": "".join(char for _, _, char in keyed)}


def _unnamed(req: Params) -> None:
    if req.get("PolicyName"):
        raise not_implemented("secretsmanager", "several resource policies for one secret")
