"""What the operations share: finding the secret that a request means, its versions in the clear, and pages."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.engine import Kit
from codeyard.formats import page_tokens
from codeyard.formats.moments import moment
from codeyard.platform.secretsmanager import model, sealing, store
from codeyard.platform.secretsmanager.errors import marked_for_deletion, no_secret
from codeyard.platform.secretsmanager.model import Secret, Version
from codeyard.platform.secretsmanager.sealing import Value


class Base:
    """The ports that every group of operations has."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def _found(self, ctx: Context, tx: Any, given: str) -> Secret:
        secret = store.find(tx, ctx.account, ctx.region, given)
        if secret is None:
            raise no_secret()
        return secret

    def _living(self, ctx: Context, tx: Any, given: str) -> Secret:
        secret = self._found(ctx, tx, given)
        if secret.deleted:
            raise marked_for_deletion()
        return secret

    def _put(
        self, tx: Any, secret: Secret, token: str, value: Value, labels: tuple[str, ...], now: int
    ) -> tuple[str, ...]:
        """Add a version under its token, or find that the same one is there; its stages."""
        known = store.version(tx, secret.arn, token)
        if known is not None:
            if not sealing.is_same(self._kit, secret, known, value):
                raise AwsError(
                    "ResourceExistsException",
                    f"You can't use ClientRequestToken {token} because that value is already in use for a version of "
                    f"secret {secret.arn}.",
                )
            return known.stages
        held = {one.id: one.stages for one in store.versions_of(tx, secret.arn)}
        after = model.with_new_version(held, token, labels)
        store.add_version(tx, secret.arn, Version(token, value.binary, value.stored, after[token], now))
        store.set_stages(tx, secret.arn, {one: stages for one, stages in after.items() if held.get(one) != stages})
        store.change(tx, secret.arn, changed=now)
        unused = [one for one in held if not after[one]]
        store.drop_versions(tx, secret.arn, unused[model.MAX_VERSIONS :])
        return after[token]

    def _seal(
        self, ctx: Context, secret: Secret, key_id: str, token: str, value: tuple[bool, bytes] | None
    ) -> Value | None:
        """A new value under the secret's key, before anything is written."""
        return None if value is None else sealing.seal(ctx, self._kit, secret.arn, key_id, token, value)

    def _open(self, ctx: Context, secret: Secret, version: Version) -> tuple[bool, bytes]:
        return version.binary, sealing.unseal(ctx, self._kit, secret, version)

    def _list(self, ctx: Context, req: Params) -> tuple[list[Secret], str | None]:
        by = {"name": "name", "last-changed-date": "changed"}.get(req.get("SortBy") or "", "created")
        down = (req.get("SortOrder") or "desc") == "desc"
        filters = req.get("Filters") or ()
        asked = (by, down, repr(filters), bool(req.get("IncludePlannedDeletion")))
        after = place(req.get("NextToken"), str, asked)
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


def shown(secret: Secret) -> dict[str, Any]:
    """A secret's facts as DescribeSecret and ListSecrets tell them."""
    facts: dict[str, Any] = {
        "ARN": secret.arn,
        "Name": secret.name,
        "LastChangedDate": moment(secret.changed),
        "CreatedDate": moment(secret.created),
        "Tags": [{"Key": key, "Value": value} for key, value in secret.tags.items()],
    }
    if secret.description:
        facts["Description"] = secret.description
    if secret.kms_key_id:
        facts["KmsKeyId"] = secret.kms_key_id
    if secret.deleted:
        facts["DeletedDate"] = moment(secret.deleted)
    return facts


def place(token: str | None, kind: type, asked: tuple[Any, ...]) -> Any:
    """Where a page token goes on, None for the first page; InvalidNextTokenException for another question's."""
    refusal = AwsError("InvalidNextTokenException", "The NextToken value is not valid for this request.")
    found = page_tokens.resume(token, (kind,), refusal, *asked)
    return None if found is None else found[0]
