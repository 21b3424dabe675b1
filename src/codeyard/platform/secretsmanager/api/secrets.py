"""Secrets themselves: their life, facts and tags."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params, not_implemented
from codeyard.formats.moments import moment
from codeyard.platform.secretsmanager import model, sealing, store
from codeyard.platform.secretsmanager.api.base import Base, shown
from codeyard.platform.secretsmanager.errors import invalid, marked_for_deletion, no_secret
from codeyard.platform.secretsmanager.model import CURRENT, Secret, Version
from codeyard.platform.secretsmanager.sealing import Value

PURGE = "secretsmanager.purge"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Secrets(Base):
    """Operations on secrets."""

    def create_secret(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Create a secret, with a first version when a value is given; again with the same token: the same answer."""
        for member in ("AddReplicaRegions", "CrossAccountPrimaryARN", "Type"):
            if req.get(member):
                raise not_implemented("secretsmanager", f"CreateSecret with {member}")
        model.check_name(req["Name"])
        value, tags = model.value_of(req, needed=False), model.tags_of(req.get("Tags") or ())
        token = req.get("ClientRequestToken") or self._kit.ids.uuid()
        made = Secret(
            arn=ctx.arn(f"secret:{req['Name']}-{self._kit.ids.token(6, _SUFFIX)}"),
            account=ctx.account,
            region=ctx.region,
            name=req["Name"],
            description=req.get("Description", ""),
            kms_key_id=req.get("KmsKeyId") or "",
            tags=tags,
            policy="",
            created=ctx.now,
            changed=ctx.now,
            deleted=0,
            purge_at=0,
        )
        new = self._seal(ctx, made, made.kms_key_id, token, value)

        def write(tx: Any) -> dict[str, Any]:
            there = store.find(tx, ctx.account, ctx.region, req["Name"])
            if there is not None:
                return self._again(tx, there, token, new)
            store.add(tx, made)
            answer = {"ARN": made.arn, "Name": made.name}
            if new is not None:
                self._put(tx, made, token, new, (CURRENT,), ctx.now)
                answer["VersionId"] = token
            return answer

        return ctx.write(write)

    def _again(self, tx: Any, there: Secret, token: str, value: Value | None) -> dict[str, Any]:
        if there.deleted:
            raise AwsError(
                "InvalidRequestException",
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            )
        known = store.version(tx, there.arn, token)
        if known is not None and value is not None and not sealing.is_same(self._kit, there, known, value):
            raise AwsError(
                "ResourceExistsException",
                f"You can't use ClientRequestToken {token} because that value is already in use for a version of "
                f"secret {there.arn}.",
            )
        if known is None or value is None:
            raise AwsError(
                "ResourceExistsException", f"The operation failed because the secret {there.name} already exists."
            )
        return {"ARN": there.arn, "Name": there.name, "VersionId": token}

    def update_secret(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Change description or key, and add a current version when a value is given."""
        if req.get("Type"):
            raise not_implemented("secretsmanager", "UpdateSecret with Type")
        value = model.value_of(req, needed=False)
        token = req.get("ClientRequestToken") or self._kit.ids.uuid()
        changes: dict[str, Any] = {"changed": ctx.now}
        if req.get("Description") is not None:
            changes["description"] = req["Description"]
        before = self._kit.db.read(lambda tx: self._living(ctx, tx, req["SecretId"]))
        key = before.kms_key_id if req.get("KmsKeyId") is None else req["KmsKeyId"]
        if key != before.kms_key_id:
            changes["kms_key_id"] = key
        moved = self._under(ctx, before, key) if key != before.kms_key_id else {}
        new = self._seal(ctx, before, key, token, value)

        def write(tx: Any) -> dict[str, Any]:
            secret = self._living(ctx, tx, before.arn)
            store.change(tx, secret.arn, **changes)
            store.reseal(tx, secret.arn, moved)
            answer = {"ARN": secret.arn, "Name": secret.name}
            if new is not None:
                self._put(tx, secret, token, new, (CURRENT,), ctx.now)
                answer["VersionId"] = token
            return answer

        return ctx.write(write)

    def _under(self, ctx: Context, secret: Secret, key_id: str) -> dict[str, bytes]:
        """The versions in use, by id, sealed anew under another key."""
        versions = self._kit.db.read(lambda tx: store.versions_of(tx, secret.arn))
        used = [one for one in versions if any(stage.startswith("AWS") for stage in one.stages)]
        opened = [(one, self._open(ctx, secret, one)) for one in used]
        return {one.id: sealing.seal(ctx, self._kit, secret.arn, key_id, one.id, value).stored for one, value in opened}

    def describe_secret(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A secret's facts and which version holds which stage, without values."""

        def read(tx: Any) -> tuple[Secret, list[Version]]:
            secret = self._found(ctx, tx, req["SecretId"])
            return secret, store.versions_of(tx, secret.arn)

        secret, versions = self._kit.db.read(read)
        stages = {one.id: list(one.stages) for one in versions if one.stages}
        return {**shown(secret), **({"VersionIdsToStages": stages} if stages else {})}

    def delete_secret(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Schedule a secret's deletion, or delete it at once with ForceDeleteWithoutRecovery."""
        days = model.recovery_window(req)

        def write(tx: Any) -> dict[str, Any]:
            secret = store.find(tx, ctx.account, ctx.region, req["SecretId"])
            if secret is None and days == 0:
                return {"Name": req["SecretId"][:256], "DeletionDate": moment(ctx.now)}
            if secret is None:
                raise no_secret()
            if days == 0:
                store.remove(tx, secret.arn)
                tx.cancel_timer(PURGE, secret.arn)
            elif secret.deleted:
                raise marked_for_deletion()
            else:
                at = ctx.now + days * model.DAY
                store.change(tx, secret.arn, deleted=ctx.now, purge_at=at)
                tx.timer(PURGE, secret.arn, at)
            return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": moment(ctx.now + days * model.DAY)}

        return ctx.write(write)

    def restore_secret(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Cancel a scheduled deletion."""

        def write(tx: Any) -> dict[str, Any]:
            secret = self._found(ctx, tx, req["SecretId"])
            store.change(tx, secret.arn, deleted=0, purge_at=0)
            tx.cancel_timer(PURGE, secret.arn)
            return {"ARN": secret.arn, "Name": secret.name}

        return ctx.write(write)

    def _purge(self, arn: str) -> None:
        now = self._kit.clock.now()

        def write(tx: Any) -> None:
            secret = store.by_arn(tx, arn)
            if secret is not None and secret.deleted and secret.purge_at <= now:
                store.remove(tx, arn)

        self._kit.db.write(write)

    def tag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Add or replace tags."""
        added = model.tags_of(req["Tags"])

        def write(tx: Any) -> dict[str, Any]:
            secret = self._living(ctx, tx, req["SecretId"])
            tags = {**secret.tags, **added}
            if len(tags) > model.MAX_TAGS:
                raise invalid("A secret can have at most 50 tags.")
            store.change(tx, secret.arn, tags=tags, changed=ctx.now)
            return {}

        return ctx.write(write)

    def untag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take tags off; those that are not there are no error."""

        def write(tx: Any) -> dict[str, Any]:
            secret = self._living(ctx, tx, req["SecretId"])
            tags = {key: value for key, value in secret.tags.items() if key not in req["TagKeys"]}
            store.change(tx, secret.arn, tags=tags, changed=ctx.now)
            return {}

        return ctx.write(write)
