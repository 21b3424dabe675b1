"""The operations of Secrets Manager."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params, not_implemented
from codeyard.formats import page_tokens
from codeyard.formats.moments import moment
from codeyard.platform.secretsmanager import model, store
from codeyard.platform.secretsmanager.errors import invalid, marked_for_deletion, no_secret, no_value
from codeyard.platform.secretsmanager.model import CURRENT, Secret, Version
from codeyard.platform.secretsmanager.policies import Policies

PURGE = "secretsmanager.purge"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class SecretsManager(Policies):
    """One method an operation."""

    def create_secret(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Create a secret, with a first version when a value is given; again with the same token: the same answer."""
        for member in ("AddReplicaRegions", "CrossAccountPrimaryARN", "Type"):
            if req.get(member):
                raise not_implemented("secretsmanager", f"CreateSecret with {member}")
        model.check_name(req["Name"])
        value, tags = model.value_of(req, needed=False), model.tags_of(req.get("Tags") or ())
        key, suffix = model.check_key(req.get("KmsKeyId")), self._kit.ids.token(6, _SUFFIX)
        token = req.get("ClientRequestToken") or self._kit.ids.uuid()
        arn = ctx.arn(f"secret:{req['Name']}-{suffix}")

        def write(tx: Any) -> dict[str, Any]:
            there = store.find(tx, ctx.account, ctx.region, req["Name"])
            if there is not None:
                return self._again(tx, there, token, value)
            made = Secret(
                arn,
                ctx.account,
                ctx.region,
                req["Name"],
                req.get("Description", ""),
                key,
                tags,
                "",
                ctx.now,
                ctx.now,
                0,
                0,
            )
            store.add(tx, made)
            answer = {"ARN": arn, "Name": made.name}
            if value is not None:
                self._put(tx, made, token, value, (CURRENT,), ctx.now)
                answer["VersionId"] = token
            return answer

        return ctx.write(write)

    def _again(self, tx: Any, there: Secret, token: str, value: tuple[bool, bytes] | None) -> dict[str, Any]:
        if there.deleted:
            raise AwsError(
                "InvalidRequestException",
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            )
        known = store.version(tx, there.arn, token)
        if known is None or value is None or self._open(there, known) != value:
            raise AwsError(
                "ResourceExistsException", f"The operation failed because the secret {there.name} already exists."
            )
        return {"ARN": there.arn, "Name": there.name, "VersionId": token}

    def get_secret_value(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The value of a version, by id, by stage, or the current one."""

        def read(tx: Any) -> tuple[Secret, Version]:
            secret = self._living(ctx, tx, req["SecretId"])
            return secret, self._wanted(tx, secret, req.get("VersionId"), req.get("VersionStage"))

        secret, version = self._kit.db.read(read)
        binary, value = self._open(secret, version)
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

        def write(tx: Any) -> dict[str, Any]:
            secret = self._living(ctx, tx, req["SecretId"])
            stages = self._put(tx, secret, token, value, labels, ctx.now)
            return {"ARN": secret.arn, "Name": secret.name, "VersionId": token, "VersionStages": list(stages)}

        return ctx.write(write)

    def update_secret(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Change description or key, and add a current version when a value is given."""
        if req.get("Type"):
            raise not_implemented("secretsmanager", "UpdateSecret with Type")
        value = model.value_of(req, needed=False)
        token = req.get("ClientRequestToken") or self._kit.ids.uuid()
        changes: dict[str, Any] = {"changed": ctx.now}
        if req.get("Description") is not None:
            changes["description"] = req["Description"]
        if req.get("KmsKeyId") is not None:
            changes["kms_key_id"] = model.check_key(req["KmsKeyId"])

        def write(tx: Any) -> dict[str, Any]:
            secret = self._living(ctx, tx, req["SecretId"])
            store.change(tx, secret.arn, **changes)
            answer = {"ARN": secret.arn, "Name": secret.name}
            if value is not None:
                self._put(tx, secret, token, value, (CURRENT,), ctx.now)
                answer["VersionId"] = token
            return answer

        return ctx.write(write)

    def _put(
        self, tx: Any, secret: Secret, token: str, value: tuple[bool, bytes] | None, labels: tuple[str, ...], now: int
    ) -> tuple[str, ...]:
        """Add a version under its token, or find that the same one is there; its stages."""
        assert value is not None
        known = store.version(tx, secret.arn, token)
        if known is not None:
            if self._open(secret, known) != value:
                raise AwsError(
                    "ResourceExistsException",
                    f"You can't use ClientRequestToken {token} because that value is already in use for a version of "
                    f"secret {secret.arn}.",
                )
            return known.stages
        held = {one.id: one.stages for one in store.versions_of(tx, secret.arn)}
        after = model.with_new_version(held, token, labels)
        sealed = self._kit.sealer.seal(value[1], f"secretsmanager:{secret.arn}:{token}")
        store.add_version(tx, secret.arn, Version(token, value[0], sealed, after[token], now))
        store.set_stages(tx, secret.arn, {one: stages for one, stages in after.items() if held.get(one) != stages})
        store.change(tx, secret.arn, changed=now)
        unused = [one for one in held if not after[one]]
        store.drop_versions(tx, secret.arn, unused[model.MAX_VERSIONS :])
        return after[token]

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

    def describe_secret(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A secret's facts and which version holds which stage, without values."""

        def read(tx: Any) -> tuple[Secret, list[Version]]:
            secret = self._found(ctx, tx, req["SecretId"])
            return secret, store.versions_of(tx, secret.arn)

        secret, versions = self._kit.db.read(read)
        stages = {one.id: list(one.stages) for one in versions if one.stages}
        return {**_shown(secret), **({"VersionIdsToStages": stages} if stages else {})}

    def list_secrets(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The secrets of the account and region; those scheduled for deletion only when asked for."""
        page, token = self._list(ctx, req)

        def read(tx: Any) -> dict[str, list[Version]]:
            return {secret.arn: store.versions_of(tx, secret.arn) for secret in page}

        versions = self._kit.db.read(read)
        shown = []
        for secret in page:
            stages = {one.id: list(one.stages) for one in versions[secret.arn] if one.stages}
            shown.append({**_shown(secret), **({"SecretVersionsToStages": stages} if stages else {})})
        answer: dict[str, Any] = {"SecretList": shown}
        return {**answer, "NextToken": token} if token else answer

    def _list(self, ctx: Context, req: Params) -> tuple[list[Secret], str | None]:
        by = {"name": "name", "last-changed-date": "changed"}.get(req.get("SortBy") or "", "created")
        down = (req.get("SortOrder") or "desc") == "desc"
        filters = req.get("Filters") or ()
        asked = (by, down, repr(filters), bool(req.get("IncludePlannedDeletion")))
        after = _place(req.get("NextToken"), str, asked)
        rows = self._kit.db.read(lambda tx: store.listing(tx, ctx.account, ctx.region))
        wanted = [one for one in rows if (not one.deleted or asked[3]) and model.matches(one, filters)]
        wanted.sort(key=lambda one: (getattr(one, by), one.arn), reverse=down)
        start = 0
        if after is not None:
            start = next((number + 1 for number, one in enumerate(wanted) if one.arn == after), len(wanted))
        limit = req.get("MaxResults") or 100
        page = wanted[start : start + limit]
        more = len(wanted) > start + limit
        return page, page_tokens.encode((page[-1].arn,), *asked) if more else None

    def list_secret_version_ids(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The versions that hold a stage; the others too with IncludeDeprecated."""
        asked = (req["SecretId"], bool(req.get("IncludeDeprecated")))
        after = _place(req.get("NextToken"), str, asked)

        def read(tx: Any) -> tuple[Secret, list[Version]]:
            secret = self._found(ctx, tx, req["SecretId"])
            return secret, store.versions_of(tx, secret.arn)

        secret, versions = self._kit.db.read(read)
        wanted = [one for one in versions if one.stages or asked[1]]
        start = 0
        if after is not None:
            start = next((number + 1 for number, one in enumerate(wanted) if one.id == after), len(wanted))
        limit = req.get("MaxResults") or 100
        page = wanted[start : start + limit]
        answer: dict[str, Any] = {"Versions": [_version(one) for one in page], "ARN": secret.arn, "Name": secret.name}
        if len(wanted) > start + limit:
            answer["NextToken"] = page_tokens.encode((page[-1].id,), *asked)
        return answer

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

    def _open(self, secret: Secret, version: Version) -> tuple[bool, bytes]:
        plain = self._kit.sealer.open(version.sealed, f"secretsmanager:{secret.arn}:{version.id}")
        return version.binary, plain


def _shown(secret: Secret) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "ARN": secret.arn,
        "Name": secret.name,
        "LastChangedDate": moment(secret.changed),
        "CreatedDate": moment(secret.created),
        "Tags": [{"Key": key, "Value": value} for key, value in secret.tags.items()],
    }
    if secret.description:
        shown["Description"] = secret.description
    if secret.kms_key_id:
        shown["KmsKeyId"] = secret.kms_key_id
    if secret.deleted:
        shown["DeletedDate"] = moment(secret.deleted)
    return shown


def _version(one: Version) -> dict[str, Any]:
    return {
        "VersionId": one.id,
        "VersionStages": list(one.stages),
        "CreatedDate": moment(one.created),
        "KmsKeyIds": ["DefaultEncryptionKey"],
    }


def _place(token: str | None, kind: type, asked: tuple[Any, ...]) -> Any:
    refusal = AwsError("InvalidNextTokenException", "The NextToken value is not valid for this request.")
    place = page_tokens.resume(token, (kind,), refusal, *asked)
    return None if place is None else place[0]
