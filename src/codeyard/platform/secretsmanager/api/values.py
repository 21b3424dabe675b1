"""The values of secrets, by version and stage."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params, not_implemented
from codeyard.formats.moments import moment
from codeyard.platform.secretsmanager import model, store
from codeyard.platform.secretsmanager.api.base import Base
from codeyard.platform.secretsmanager.errors import invalid, no_value
from codeyard.platform.secretsmanager.model import CURRENT, Secret, Version


class Values(Base):
    """Operations on versions and their stages."""

    def get_secret_value(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The value of a version, by id, by stage, or the current one."""

        def read(tx: Any) -> tuple[Secret, Version]:
            secret = self._living(ctx, tx, req["SecretId"])
            return secret, self._wanted(tx, secret, req.get("VersionId"), req.get("VersionStage"))

        secret, version = self._kit.db.read(read)
        binary, value = self._open(ctx, secret, version)
        return {
            "ARN": secret.arn,
            "Name": secret.name,
            "VersionId": version.id,
            **({"SecretBinary": value} if binary else {"SecretString": value.decode()}),
            "VersionStages": list(version.stages),
            "CreatedDate": moment(version.created),
        }

    @staticmethod
    def _wanted(tx: Any, secret: Secret, version_id: str | None, stage: str | None) -> Version:
        if version_id is not None:
            found = store.version(tx, secret.arn, version_id)
            if found is None:
                raise no_value(f"VersionId: {version_id}")
            if stage is not None and stage not in found.stages:
                raise AwsError(
                    "InvalidRequestException",
                    "You provided a VersionStage that is not associated to the provided VersionId.",
                )
            return found
        wanted = stage or CURRENT
        found = next((one for one in store.versions_of(tx, secret.arn) if wanted in one.stages), None)
        if found is None:
            raise no_value(f"staging label: {wanted}")
        return found

    def batch_get_secret_value(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The current values of several secrets; each is asked for as the caller, refusals are listed."""
        ids, filters = req.get("SecretIdList"), req.get("Filters")
        if bool(ids) == bool(filters):
            raise invalid("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
        if ids and (req.get("MaxResults") or req.get("NextToken")):
            raise invalid("MaxResults and NextToken can only be used with Filters.")
        token = None
        if not ids:
            wanted = {"Filters": filters, "MaxResults": req.get("MaxResults") or 20, "NextToken": req.get("NextToken")}
            page, token = self._list(ctx, wanted)
            ids = [secret.arn for secret in page]
        found, errors = self._values(ctx, list(dict.fromkeys(ids)))
        answer: dict[str, Any] = {"SecretValues": found, "Errors": errors}
        return {**answer, "NextToken": token} if token else answer

    @staticmethod
    def _values(ctx: Context, ids: list[str]) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
        client, found, errors = ctx.forward(), [], []
        for one in ids:
            try:
                found.append(client.call("secretsmanager", "GetSecretValue", {"SecretId": one}))
            except AwsError as error:
                errors.append({"SecretId": one, "ErrorCode": error.code, "Message": error.message})
        return found, errors

    def put_secret_value(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Add a version; AWSCURRENT moves to it unless other stages are named."""
        if req.get("RotationToken"):
            raise not_implemented("secretsmanager", "PutSecretValue with RotationToken")
        value = model.value_of(req, needed=True)
        token = req.get("ClientRequestToken") or self._kit.ids.uuid()
        labels = tuple(req.get("VersionStages") or (CURRENT,))
        model.check_stages(labels)
        before = self._kit.db.read(lambda tx: self._living(ctx, tx, req["SecretId"]))
        new = self._seal(ctx, before, before.kms_key_id, token, value)
        assert new is not None

        def write(tx: Any) -> dict[str, Any]:
            secret = self._living(ctx, tx, before.arn)
            stages = self._put(tx, secret, token, new, labels, ctx.now)
            return {"ARN": secret.arn, "Name": secret.name, "VersionId": token, "VersionStages": list(stages)}

        return ctx.write(write)

    def update_secret_version_stage(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Move a staging label from one version to another, or take it off."""

        def write(tx: Any) -> dict[str, Any]:
            secret = self._living(ctx, tx, req["SecretId"])
            held = {one.id: one.stages for one in store.versions_of(tx, secret.arn)}
            after = self._moved(held, req)
            store.set_stages(tx, secret.arn, {one: stages for one, stages in after.items() if held[one] != stages})
            store.change(tx, secret.arn, changed=ctx.now)
            return {"ARN": secret.arn, "Name": secret.name}

        return ctx.write(write)

    @staticmethod
    def _moved(held: dict[str, tuple[str, ...]], req: Params) -> dict[str, tuple[str, ...]]:
        label, source, target = req["VersionStage"], req.get("RemoveFromVersionId"), req.get("MoveToVersionId")
        for one in (source, target):
            if one is not None and one not in held:
                raise no_value(f"VersionId: {one}")
        holder = next((one for one, stages in held.items() if label in stages), None)
        if source is not None and source != holder:
            raise invalid(f"The staging label {label} isn't currently attached to version {source}.")
        if holder is not None and source is None and target != holder:
            raise invalid(
                f"The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to "
                f"version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
            )
        if target is None and label == CURRENT:
            raise invalid(
                "You can only move staging label AWSCURRENT to a different secret version. "
                "It can't be completely removed."
            )
        if target is None and source is None:
            raise invalid("RemoveFromVersionId or MoveToVersionId is needed.")
        if holder == target:
            return held
        if target is not None:
            model.check_stages((*held[target], label))
        return model.move(held, (label,), target)
