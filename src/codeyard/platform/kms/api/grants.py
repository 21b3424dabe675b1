"""Grants: permissions to use a key that stand beside its policy."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.platform.kms import grants, model, store, tokens
from codeyard.platform.kms.api.base import Base, dry, page, resume
from codeyard.platform.kms.errors import invalid, limit
from codeyard.platform.kms.model import MAX_GRANTS, Grant, Key


class Grants(Base):
    """Operations on grants."""

    def create_grant(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Let a principal use a key; the same named grant again is the same grant."""
        self._check_tokens(req)
        key = self._read_key(ctx, req["KeyId"])
        model.check_usable(key)
        made = self._new(ctx, req, key)
        dry(req)

        def write(tx: Any) -> dict[str, Any]:
            held = store.grants_of(tx, key.id)
            same = next((one for one in held if made.name and _content(one) == _content(made)), None)
            if same is None:
                if len(held) >= MAX_GRANTS:
                    raise limit(f"The key {key.arn} has {MAX_GRANTS} grants, which is the most that a key can have.")
                store.add_grant(tx, made)
            grant_id = (same or made).id
            return {"GrantId": grant_id, "GrantToken": tokens.grant_token(self._kit.sealer, grant_id)}

        return ctx.write(write)

    def _new(self, ctx: Context, req: Params, key: Key) -> Grant:
        constraints = {name: value for name, value in (req.get("Constraints") or {}).items() if value}
        operations = tuple(dict.fromkeys(req["Operations"]))
        if not operations:
            raise invalid("A grant needs at least one operation.")
        grants.check_operations(key, operations)
        grants.check_constraints(key, constraints)
        grantee = _principal(req, "Grantee")
        if not grantee:
            raise invalid("A grant needs a GranteePrincipal or a GranteeServicePrincipal.")
        return Grant(
            id=self._kit.ids.bytes(32).hex(),
            key_id=key.id,
            grantee=grantee,
            retiring=_principal(req, "Retiring"),
            operations=operations,
            constraints=constraints,
            name=req.get("Name") or "",
            issuer=ctx.account,
            created=ctx.now,
        )

    def list_grants(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A key's grants, all or those of one id or one grantee."""
        key, size = self._read_key(ctx, req["KeyId"]), req.get("Limit") or 50
        grantee, grant_id = _principal(req, "Grantee", check=False), req.get("GrantId")
        question = ("grants", key.id, grantee, grant_id)
        after = resume(req, *question)
        held = self._kit.db.read(lambda tx: store.grants_of(tx, key.id))
        rows = [
            one
            for one in held
            if one.id > after and (not grantee or one.grantee == grantee) and (not grant_id or one.id == grant_id)
        ]
        return page("Grants", rows, size, lambda one: one.id, lambda one: model.shown_grant(one, key.arn), *question)

    def list_retirable_grants(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The grants that a principal of this account may retire, whosever the keys are."""
        principal, size = _principal(req, "Retiring"), req.get("Limit") or 50
        if not principal:
            raise invalid("RetiringPrincipal or RetiringServicePrincipal is needed.")
        if principal.startswith("arn:") and principal.split(":")[4] != ctx.account:
            raise AwsError("AccessDeniedException", "The retiring principal must be of your own account.", status=403)
        question = ("retirable", ctx.account, ctx.region, principal)
        after = resume(req, *question)

        place = (ctx.account, ctx.region)
        rows = self._kit.db.read(lambda tx: store.retirable(tx, principal, place, after, size + 1))
        return page(
            "Grants", rows, size, lambda row: row[0].id, lambda row: model.shown_grant(row[0], row[1].arn), *question
        )

    def revoke_grant(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take a grant back."""
        key = self._read_key(ctx, req["KeyId"])
        self._kit.db.read(lambda tx: _grant(tx, req["GrantId"], key))
        dry(req)

        def write(tx: Any) -> dict[str, Any]:
            store.remove_grant(tx, _grant(tx, req["GrantId"], key).id)
            return {}

        return ctx.write(write)

    def retire_grant(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Give a grant up, by its token or by key and id."""
        token, grant_id = req.get("GrantToken"), req.get("GrantId")
        if bool(token) == bool(req.get("KeyId") and grant_id):
            raise invalid("Either a GrantToken or both a KeyId and a GrantId are needed.")
        wanted = tokens.granted_by(self._kit.sealer, token) if token else str(grant_id)
        key = None if token else self._read_key(ctx, req["KeyId"])
        self._kit.db.read(lambda tx: _grant(tx, wanted, key))
        dry(req)

        def write(tx: Any) -> dict[str, Any]:
            store.remove_grant(tx, _grant(tx, wanted, key).id)
            return {}

        return ctx.write(write)


def _grant(tx: Any, grant_id: str, key: Key | None) -> Grant:
    found = store.grant(tx, grant_id)
    if found is None or (key is not None and found.key_id != key.id):
        raise AwsError("NotFoundException", f"Grant ID {grant_id} not found")
    return found


def _principal(req: Params, side: str, *, check: bool = True) -> str:
    """The principal of a side, an ARN or a service's host name; empty where none is named."""
    arn, service = req.get(f"{side}Principal"), req.get(f"{side}ServicePrincipal")
    if arn and service:
        raise invalid(f"Only one of {side}Principal and {side}ServicePrincipal can be named.")
    if arn and check and not arn.endswith(".amazonaws.com"):
        grants.check_principal(arn)
    return str(arn or service or "")


def _content(one: Grant) -> tuple[Any, ...]:
    return one.grantee, one.retiring, set(one.operations), dict(one.constraints), one.name, one.issuer
