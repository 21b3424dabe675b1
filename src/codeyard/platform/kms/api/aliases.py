"""Aliases: names that can be pointed at another key."""

from __future__ import annotations

import re
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import moment
from codeyard.platform.kms import model, store
from codeyard.platform.kms.api.base import Base, page, resume
from codeyard.platform.kms.errors import invalid, limit, no_alias
from codeyard.platform.kms.model import DELETING, MAX_ALIASES, Alias, Key

_NAME = re.compile(r"alias/[a-zA-Z0-9/_-]+")


class Aliases(Base):
    """Operations on aliases."""

    def create_alias(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Give a key a name; AlreadyExistsException where the name is taken."""
        name = _checked(req["AliasName"])
        made = Alias(ctx.account, ctx.region, name, "", ctx.now, ctx.now)

        def write(tx: Any) -> dict[str, Any]:
            key = self._target(ctx, tx, req["TargetKeyId"])
            if store.alias(tx, ctx.account, ctx.region, name) is not None:
                raise AwsError("AlreadyExistsException", f"An alias with the name {made.arn} already exists")
            _check_room(tx, key)
            store.add_alias(tx, Alias(ctx.account, ctx.region, name, key.id, ctx.now, ctx.now))
            return {}

        return ctx.write(write)

    def update_alias(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Point a name at another key of the same kind and usage."""

        def write(tx: Any) -> dict[str, Any]:
            alias = self._alias(ctx, tx, req["AliasName"])
            key = self._target(ctx, tx, req["TargetKeyId"])
            before = store.key(tx, alias.key_id)
            if before is not None and (before.usage, _family(before)) != (key.usage, _family(key)):
                raise invalid(f"Alias {alias.arn} can only be moved to a key of the same type and usage.")
            if before is None or before.id != key.id:
                _check_room(tx, key)
            store.point_alias(tx, alias, key.id, ctx.now)
            return {}

        return ctx.write(write)

    def delete_alias(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take a name away; its key stays as it is."""

        def write(tx: Any) -> dict[str, Any]:
            store.remove_alias(tx, self._alias(ctx, tx, req["AliasName"]))
            return {}

        return ctx.write(write)

    def list_aliases(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The account's aliases in this region, or those of one key."""
        size = req.get("Limit") or 50
        key_id = self._read_key(ctx, req["KeyId"]).id if req.get("KeyId") else ""
        question = ("aliases", ctx.account, ctx.region, key_id)
        after = resume(req, *question)
        rows = self._kit.db.read(lambda tx: store.alias_page(tx, ctx.account, ctx.region, key_id, after, size + 1))
        return page("Aliases", rows, size, lambda one: one.name, _shown, *question)

    def _target(self, ctx: Context, tx: Any, given: str) -> Key:
        if given.startswith("alias/") or ":alias/" in given:
            raise invalid("Aliases must refer to keys. Not aliases")
        key = self._key(ctx, tx, given)
        model.check_not(key, DELETING)
        return key

    @staticmethod
    def _alias(ctx: Context, tx: Any, name: str) -> Alias:
        found = store.alias(tx, ctx.account, ctx.region, name)
        if found is None:
            raise no_alias(ctx.arn(name, "kms"))
        return found


def _checked(name: str) -> str:
    if not name.startswith("alias/"):
        raise invalid('Alias must start with the prefix "alias/".')
    if name.startswith("alias/aws/") or not _NAME.fullmatch(name):
        raise AwsError("InvalidAliasNameException", f"{name} is not a valid alias name.")
    return name


def _check_room(tx: Any, key: Key) -> None:
    if len(store.aliases_of(tx, key.id)) >= MAX_ALIASES:
        raise limit(f"The key {key.arn} has {MAX_ALIASES} aliases, which is the most that a key can have.")


def _family(key: Key) -> str:
    return key.kind.family if not key.kind.asymmetric else "asymmetric"


def _shown(alias: Alias) -> dict[str, Any]:
    return {
        "AliasName": alias.name,
        "AliasArn": alias.arn,
        "TargetKeyId": alias.key_id,
        "CreationDate": moment(alias.created),
        "LastUpdatedDate": moment(alias.updated),
    }
