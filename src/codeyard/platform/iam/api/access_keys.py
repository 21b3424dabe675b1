"""Access keys. The secret is told once, at creation, and kept sealed: signatures need it in clear."""

from __future__ import annotations

from codeyard.contract import Context, Params
from codeyard.formats.moments import whole_second
from codeyard.platform.iam import errors, model
from codeyard.platform.iam.api.base import Answer, Room, find_user, sliced, user_name
from codeyard.platform.iam.fresh import key_context
from codeyard.platform.iam.model import AccessKey
from codeyard.platform.iam.store import entities, keys
from codeyard.storage import Tx


class AccessKeys(Room):
    """Operations on access keys."""

    def create_access_key(self, ctx: Context, req: Params) -> Answer:
        """Make a key for a user, two at most; the only time that its secret is told."""
        name = user_name(ctx, req)
        key_id = model.access_key_id(self.kit.ids, "AKIA", ctx.account)
        secret = self.kit.ids.token(40, model.SECRET)
        sealed = self.kit.sealer.seal(secret.encode("ascii"), key_context(key_id))

        def make(tx: Tx) -> Answer:
            user = find_user(tx, ctx, name)
            if len(keys.of_user(tx, AccessKey, user.id)) >= model.ACCESS_KEYS_PER_USER:
                raise errors.limit("AccessKeysPerUser", model.ACCESS_KEYS_PER_USER)
            keys.add(tx, AccessKey(key_id, user.id, ctx.account, "Active", sealed, ctx.now))
            found = {
                "UserName": user.name,
                "AccessKeyId": key_id,
                "Status": "Active",
                "SecretAccessKey": secret,
                "CreateDate": whole_second(ctx.now),
            }
            return {"AccessKey": found}

        return ctx.write(make)

    def list_access_keys(self, ctx: Context, req: Params) -> Answer:
        """A user's keys, without secrets."""
        name = user_name(ctx, req)

        def get(tx: Tx) -> tuple[str, list[AccessKey]]:
            user = find_user(tx, ctx, name)
            return user.name, keys.of_user(tx, AccessKey, user.id)

        owner, found = self._read(get)
        shown, more = sliced(req, found, lambda key: key.id)
        listed = [
            {"UserName": owner, "AccessKeyId": key.id, "Status": key.status, "CreateDate": whole_second(key.created)}
            for key in shown
        ]
        return {"AccessKeyMetadata": listed, **more}

    def update_access_key(self, ctx: Context, req: Params) -> Answer:
        """Activate or deactivate a key; it counts on the next call."""
        name = user_name(ctx, req)
        if req["Status"] not in ("Active", "Inactive"):
            raise errors.invalid(f"A key cannot be given the status {req['Status']}.")

        def change(tx: Tx) -> Answer:
            keys.update(tx, AccessKey, _key(tx, ctx, name, req["AccessKeyId"]).id, status=req["Status"])
            return {}

        return ctx.write(change)

    def delete_access_key(self, ctx: Context, req: Params) -> Answer:
        """Delete a key; it counts on the next call."""
        name = user_name(ctx, req)

        def remove(tx: Tx) -> Answer:
            keys.delete(tx, AccessKey, _key(tx, ctx, name, req["AccessKeyId"]).id)
            return {}

        return ctx.write(remove)

    def get_access_key_last_used(self, ctx: Context, req: Params) -> Answer:
        """When, where and for which service a key was last used (told to the minute)."""

        def get(tx: Tx) -> Answer:
            key = keys.one(tx, AccessKey, req["AccessKeyId"])
            user = None if key is None else entities.user_by_id(tx, key.user_id)
            if key is None or user is None or key.account != ctx.account:
                raise errors.no_such(f"The Access Key with id {req['AccessKeyId']} cannot be found")
            last: Answer = {"ServiceName": key.used_service or "N/A", "Region": key.used_region or "N/A"}
            if key.used:
                last["LastUsedDate"] = whole_second(key.used)
            return {"UserName": user.name, "AccessKeyLastUsed": last}

        return self._read(get)


def _key(tx: Tx, ctx: Context, name: str, key_id: str) -> AccessKey:
    user, key = find_user(tx, ctx, name), keys.one(tx, AccessKey, key_id)
    if key is None or key.user_id != user.id:
        raise errors.no_such(f"The Access Key with id {key_id} cannot be found.")
    return key
