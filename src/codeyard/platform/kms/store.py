"""All SQL of KMS: keys, the generations of their material (sealed), aliases and grants."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from codeyard.engine.data_keys import CHANGED
from codeyard.platform.kms.model import CURRENT, Alias, Grant, Key, Material
from codeyard.storage import Key as TextKey
from codeyard.storage import dumps, loads, schema

keys = sa.Table(
    "kms_keys",
    schema,
    sa.Column("id", TextKey(), primary_key=True),
    sa.Column("account", TextKey(), nullable=False),
    sa.Column("region", TextKey(), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("usage", sa.Text, nullable=False),
    sa.Column("spec", sa.Text, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("manager", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("deletion_at", sa.BigInteger, nullable=False),
    sa.Column("deletion_days", sa.BigInteger, nullable=False),
    sa.Column("rotation_days", sa.BigInteger, nullable=False),
    sa.Column("rotation_at", sa.BigInteger, nullable=False),
    sa.Column("current", sa.Text, nullable=False),
    sa.Column("expires", sa.BigInteger, nullable=False),
    sa.Index("ix_kms_keys_place", "account", "region", "id"),
)
materials = sa.Table(
    "kms_materials",
    schema,
    sa.Column("key_id", TextKey(), primary_key=True),
    sa.Column("id", TextKey(), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("rotation", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("expires", sa.BigInteger, nullable=False),
)
aliases = sa.Table(
    "kms_aliases",
    schema,
    sa.Column("account", TextKey(), primary_key=True),
    sa.Column("region", TextKey(), primary_key=True),
    sa.Column("name", TextKey(), primary_key=True),
    sa.Column("key_id", TextKey(), nullable=False, index=True),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("updated", sa.BigInteger, nullable=False),
)
grants = sa.Table(
    "kms_grants",
    schema,
    sa.Column("id", TextKey(), primary_key=True),
    sa.Column("key_id", TextKey(), nullable=False, index=True),
    sa.Column("grantee", TextKey(), nullable=False),
    sa.Column("retiring", TextKey(), nullable=False, index=True),
    sa.Column("operations", sa.Text, nullable=False),
    sa.Column("constraints", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
)
_K, _M, _A, _G = keys.c, materials.c, aliases.c, grants.c
_ID: sa.BindParameter[str] = sa.bindparam("id")
_KEY = sa.select(keys).where(_K.id == _ID)
_MATERIAL = sa.select(materials).where(_M.key_id == _ID, _M.id == sa.bindparam("material"))
_ALIAS = sa.select(aliases).where(
    _A.account == sa.bindparam("account"), _A.region == sa.bindparam("region"), _A.name == sa.bindparam("name")
)
_NAMES = sa.select(aliases).where(_A.key_id == _ID).order_by(_A.name)
_GRANTS = sa.select(grants).where(_G.key_id == _ID).order_by(_G.id)


def _key(row: Any) -> Key:
    return Key(**{**row._mapping, "tags": loads(row.tags)})


def _material(row: Any) -> Material:
    return Material(**{**row._mapping, "sealed": bytes(row.sealed)})


def _alias(row: Any) -> Alias:
    return Alias(**row._mapping)


def _grant(row: Any) -> Grant:
    lists = {"operations": tuple(loads(row.operations)), "constraints": loads(row.constraints)}
    return Grant(**{**row._mapping, **lists})


def key(tx: Any, key_id: str) -> Key | None:
    """The key of an id."""
    row = tx.one(_KEY, {"id": key_id})
    return None if row is None else _key(row)


def key_ids(tx: Any, account: str, region: str, after: str, limit: int) -> list[str]:
    """Ids of an account's keys in order, behind `after`."""
    query = sa.select(_K.id).where(_K.account == account, _K.region == region, _K.id > after)
    return [row.id for row in tx.all(query.order_by(_K.id).limit(limit))]


def add_key(tx: Any, one: Key) -> None:
    """Insert a key."""
    tx.insert(keys, **{**asdict(one), "tags": dumps(one.tags)})


def change_key(tx: Any, key_id: str, **values: Any) -> None:
    """Set columns of a key."""
    tx.notify(CHANGED)
    if "tags" in values:
        values["tags"] = dumps(values["tags"])
    tx.execute(sa.update(keys).where(_K.id == key_id).values(**values))


def remove_key(tx: Any, key_id: str) -> None:
    """Drop a key with everything that hangs on it."""
    tx.notify(CHANGED)
    for table, column in ((materials, _M.key_id), (aliases, _A.key_id), (grants, _G.key_id), (keys, _K.id)):
        tx.execute(sa.delete(table).where(column == key_id))


def material(tx: Any, key_id: str, material_id: str) -> Material | None:
    """One generation of a key's material."""
    row = tx.one(_MATERIAL, {"id": key_id, "material": material_id})
    return None if row is None else _material(row)


def materials_of(tx: Any, key_id: str) -> list[Material]:
    """Every generation, oldest first."""
    return [_material(row) for row in tx.all(sa.select(materials).where(_M.key_id == key_id).order_by(_M.number))]


def add_material(tx: Any, one: Material) -> None:
    """Insert a generation."""
    tx.insert(materials, **asdict(one))


def change_material(tx: Any, key_id: str, material_id: str, **values: Any) -> None:
    """Set columns of a generation."""
    tx.notify(CHANGED)
    tx.execute(sa.update(materials).where(_M.key_id == key_id, _M.id == material_id).values(**values))


def make_current(tx: Any, key_id: str, material_id: str, *, rotation: str, at: int) -> None:
    """Let a generation be the one that encrypts; the one before it goes on decrypting."""
    was = sa.and_(_M.key_id == key_id, _M.state == CURRENT)
    tx.execute(sa.update(materials).where(was).values(state="NON_CURRENT"))
    change_material(tx, key_id, material_id, state=CURRENT, rotation=rotation, created=at)
    change_key(tx, key_id, current=material_id)


def alias(tx: Any, account: str, region: str, name: str) -> Alias | None:
    """The alias of a name."""
    row = tx.one(_ALIAS, {"account": account, "region": region, "name": name})
    return None if row is None else _alias(row)


def aliases_of(tx: Any, key_id: str) -> list[Alias]:
    """Every alias of a key, by name."""
    return [_alias(row) for row in tx.all(_NAMES, {"id": key_id})]


def alias_page(tx: Any, account: str, region: str, key_id: str, after: str, limit: int) -> list[Alias]:
    """An account's aliases, or those of one of its keys, by name behind `after`."""
    query = sa.select(aliases).where(_A.account == account, _A.region == region, _A.name > after)
    if key_id:
        query = query.where(_A.key_id == key_id)
    return [_alias(row) for row in tx.all(query.order_by(_A.name).limit(limit))]


def add_alias(tx: Any, one: Alias) -> None:
    """Insert an alias."""
    tx.insert(aliases, **asdict(one))


def point_alias(tx: Any, one: Alias, key_id: str, now: int) -> None:
    """Let an alias stand for another key."""
    where = sa.and_(_A.account == one.account, _A.region == one.region, _A.name == one.name)
    tx.execute(sa.update(aliases).where(where).values(key_id=key_id, updated=now))


def remove_alias(tx: Any, one: Alias) -> None:
    """Drop an alias."""
    where = sa.and_(_A.account == one.account, _A.region == one.region, _A.name == one.name)
    tx.execute(sa.delete(aliases).where(where))


def grants_of(tx: Any, key_id: str) -> list[Grant]:
    """Every grant on a key."""
    return [_grant(row) for row in tx.all(_GRANTS, {"id": key_id})]


def grant(tx: Any, grant_id: str) -> Grant | None:
    """The grant of an id."""
    row = tx.one(sa.select(grants).where(_G.id == grant_id))
    return None if row is None else _grant(row)


def retirable(tx: Any, principal: str, place: tuple[str, str], after: str, limit: int) -> list[tuple[Grant, Key]]:
    """The grants in a region that a principal may retire, with their keys, by id behind `after`.

    A person's are those of every account's keys, a service's those of the account's own.
    """
    account, region = place
    here = sa.select(_K.id).where(_K.region == region)
    if not principal.startswith("arn:"):
        here = here.where(_K.account == account)
    query = sa.select(grants).where(_G.retiring == principal, _G.id > after, _G.key_id.in_(here))
    found = [_grant(row) for row in tx.all(query.order_by(_G.id).limit(limit))]
    return [(one, its) for one in found if (its := key(tx, one.key_id)) is not None]


def add_grant(tx: Any, one: Grant) -> None:
    """Insert a grant."""
    tx.notify(CHANGED)
    lists = {"operations": dumps(one.operations), "constraints": dumps(one.constraints)}
    tx.insert(grants, **{**asdict(one), **lists})


def remove_grant(tx: Any, grant_id: str) -> None:
    """Drop a grant."""
    tx.notify(CHANGED)
    tx.execute(sa.delete(grants).where(_G.id == grant_id))
