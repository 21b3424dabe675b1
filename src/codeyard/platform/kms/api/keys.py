"""Keys themselves: their making, facts, listings and tags."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Check, Context, Params, not_implemented
from codeyard.formats.moments import moment
from codeyard.platform.kms import finding, material, model, policy, store
from codeyard.platform.kms import usage as last_use
from codeyard.platform.kms.api.base import Base, page, resume
from codeyard.platform.kms.errors import invalid, malformed_policy
from codeyard.platform.kms.model import CURRENT, DELETING, ENABLED, EXTERNAL, OWN, WAITING, Key
from codeyard.platform.kms.specs import SYMMETRIC, spec_named, usage_for
from codeyard.storage import loads


class Keys(Base):
    """Operations on keys as such."""

    def create_key(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Make a key; with Origin EXTERNAL one that waits for its material to be imported."""
        _refuse_unbuilt(req)
        spec = spec_named(_spec_asked(req))
        usage = usage_for(spec, req.get("KeyUsage"))
        tags = model.tags_of(req.get("Tags") or ())
        origin = req.get("Origin") or OWN
        key = Key(
            id=self._kit.ids.uuid(),
            account=ctx.account,
            region=ctx.region,
            description=req.get("Description") or "",
            usage=usage,
            spec=spec.name,
            origin=origin,
            manager="CUSTOMER",
            state=WAITING if origin == EXTERNAL else ENABLED,
            policy=req.get("Policy") or policy.default(ctx.account),
            tags=tags,
            created=ctx.now,
        )
        if req.get("Policy") is not None:
            self._check_policy(ctx, key.arn, key.policy, bypass=bool(req.get("BypassPolicyLockoutSafetyCheck")))
        return self._make(ctx, key)

    def _make(self, ctx: Context, key: Key) -> dict[str, Any]:
        first = None
        if key.origin == OWN:
            secret = material.generate(key.kind, self._kit.ids)
            first = finding.sealed_material(self._kit, key.id, secret, 1, CURRENT)

        def write(tx: Any) -> dict[str, Any]:
            if first is None:
                store.add_key(tx, key)
            else:
                finding.add_with_material(tx, key, first)
            made = store.key(tx, key.id)
            assert made is not None
            return {"KeyMetadata": model.metadata(made)}

        return ctx.write(write)

    def _check_policy(self, ctx: Context, arn: str, text: str, *, bypass: bool) -> None:
        """Refuse a policy that is malformed, or by which its author could not change it again."""
        policy.check(text)
        if bypass or policy.delegates(text, ctx.account):
            return
        if ctx.refusal(Check("kms:PutKeyPolicy", arn, {"kms:CallerAccount": ctx.account}, text)) is not None:
            raise malformed_policy("The new key policy will not allow you to update the key policy in the future.")

    def describe_key(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A key's facts; an AWS managed key is made when its alias is first described."""
        self._check_tokens(req)
        return {"KeyMetadata": model.metadata(self._read_key(ctx, req["KeyId"], aliases=True))}

    def list_keys(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The account's keys in this region."""
        limit, place = req.get("Limit") or 100, (ctx.account, ctx.region)
        if "SELF" not in (req.get("ResourceOwners") or ["SELF"]):
            return {"Keys": [], "Truncated": False}
        after = resume(req, "keys", *place)
        ids = self._kit.db.read(lambda tx: store.key_ids(tx, *place, after, limit + 1))

        def shown(key_id: str) -> dict[str, str]:
            return {"KeyId": key_id, "KeyArn": ctx.arn(f"key/{key_id}", "kms")}

        return page("Keys", ids, limit, str, shown, "keys", *place)

    def update_key_description(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Replace a key's description."""

        def write(tx: Any) -> dict[str, Any]:
            key = self._key(ctx, tx, req["KeyId"])
            model.check_not(key, DELETING)
            store.change_key(tx, key.id, description=req["Description"])
            return {}

        return ctx.write(write)

    def get_key_last_usage(self, ctx: Context, req: Params) -> dict[str, Any]:
        """When the key was last used and for what, as the trail has it."""
        key = self._read_key(ctx, req["KeyId"])
        facts = {"KeyId": key.id, "TrackingStartDate": moment(key.created), "KeyCreationDate": moment(key.created)}
        record = self._kit.db.read(lambda tx: last_use.newest(tx, key.arn))
        if record is None:
            return facts
        found = loads(record.record)
        used = {
            "Operation": found["eventName"],
            "Timestamp": moment(record.time),
            "CloudTrailEventId": found["eventID"],
            "KmsRequestId": found["requestID"],
        }
        return {**facts, "KeyLastUsage": used}

    def tag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Add or replace tags."""
        added = model.tags_of(req["Tags"])
        return self._change_tags(ctx, req, lambda tags: {**tags, **added})

    def untag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take tags off; those that are not there are no error."""
        gone = set(req["TagKeys"])
        return self._change_tags(ctx, req, lambda tags: {key: tags[key] for key in tags if key not in gone})

    def _change_tags(self, ctx: Context, req: Params, change: Any) -> dict[str, Any]:
        def write(tx: Any) -> dict[str, Any]:
            key = self._key(ctx, tx, req["KeyId"])
            model.check_not(key, DELETING)
            tags = change(dict(key.tags))
            model.check_tags(tags)
            store.change_key(tx, key.id, tags=tags)
            return {}

        return ctx.write(write)

    def list_resource_tags(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A key's tags."""
        key, limit = self._read_key(ctx, req["KeyId"]), req.get("Limit") or 50
        after = resume(req, "tags", key.id)
        rest = [pair for pair in sorted(key.tags.items()) if pair[0] > after]

        def shown(pair: tuple[str, str]) -> dict[str, str]:
            return {"TagKey": pair[0], "TagValue": pair[1]}

        return page("Tags", rest, limit, lambda pair: pair[0], shown, "tags", key.id)


def _spec_asked(req: Params) -> str:
    newer, older = req.get("KeySpec"), req.get("CustomerMasterKeySpec")
    if newer and older:
        raise invalid("You cannot specify KeySpec and CustomerMasterKeySpec in the same request.")
    return newer or older or SYMMETRIC


def _refuse_unbuilt(req: Params) -> None:
    if req.get("MultiRegion"):
        raise not_implemented("kms", "CreateKey with MultiRegion")
    if (req.get("Origin") or OWN) not in (OWN, EXTERNAL) or req.get("CustomKeyStoreId") or req.get("XksKeyId"):
        raise not_implemented("kms", "CreateKey in a custom key store")
