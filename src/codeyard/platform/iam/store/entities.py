"""Users, groups, roles and instance profiles: what they share is found, listed and changed here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from codeyard.platform.iam.model import Group, InstanceProfile, Role, Tags, User
from codeyard.platform.iam.store.tables import CHANNEL, accounts, groups, memberships, profiles, roles, users
from codeyard.storage import Row, Tx, dumps, loads

T = TypeVar("T")


def tags_text(tags: Tags) -> str:
    """Tags as the store keeps them."""
    return dumps([list(tag) for tag in tags])


def tags_of(text: str) -> Tags:
    """Tags as the store keeps them, read back."""
    return tuple((key, value) for key, value in loads(text))


def user_of(row: Row) -> User:
    """A user of its row."""
    return User(
        row.id,
        row.account,
        row.name,
        row.path,
        row.created,
        row.boundary,
        tags_of(row.tags),
        row.password,
        row.password_created,
        bool(row.password_reset),
        row.password_used,
    )


def group_of(row: Row) -> Group:
    """A group of its row."""
    return Group(row.id, row.account, row.name, row.path, row.created)


def role_of(row: Row) -> Role:
    """A role of its row."""
    return Role(
        row.id,
        row.account,
        row.name,
        row.path,
        row.created,
        row.boundary,
        tags_of(row.tags),
        row.trust,
        row.description,
        row.max_session,
        row.used,
        row.used_region,
    )


def profile_of(row: Row) -> InstanceProfile:
    """An instance profile of its row."""
    return InstanceProfile(row.id, row.account, row.name, row.path, row.created, row.role_id, tags_of(row.tags))


def _named(tx: Tx, table: sa.Table, account: str, name: str, make: Callable[[Row], T]) -> T | None:
    row = tx.one(sa.select(table).where(table.c.account == account, table.c.key == name.lower()))
    return None if row is None else make(row)


def _by_id(tx: Tx, table: sa.Table, unique_id: str, make: Callable[[Row], T]) -> T | None:
    row = tx.one(sa.select(table).where(table.c.id == unique_id))
    return None if row is None else make(row)


def user(tx: Tx, account: str, name: str) -> User | None:
    """The user of that name."""
    return _named(tx, users, account, name, user_of)


def user_by_id(tx: Tx, user_id: str) -> User | None:
    """The user of that unique id."""
    return _by_id(tx, users, user_id, user_of)


def group(tx: Tx, account: str, name: str) -> Group | None:
    """The group of that name."""
    return _named(tx, groups, account, name, group_of)


def role(tx: Tx, account: str, name: str) -> Role | None:
    """The role of that name."""
    return _named(tx, roles, account, name, role_of)


def role_by_id(tx: Tx, role_id: str) -> Role | None:
    """The role of that unique id."""
    return _by_id(tx, roles, role_id, role_of)


def profile(tx: Tx, account: str, name: str) -> InstanceProfile | None:
    """The instance profile of that name."""
    return _named(tx, profiles, account, name, profile_of)


def page(tx: Tx, table: sa.Table, account: str, prefix: str, after: str, limit: int) -> list[Row]:
    """Rows under a path prefix in the order of their names, from behind `after`; one more than `limit` if there is."""
    query = sa.select(table).where(table.c.account == account, table.c.key > after)
    if prefix not in ("", "/"):
        query = query.where(sa.func.substr(table.c.path + table.c.name, 1, len(prefix)) == prefix)
    return tx.all(query.order_by(table.c.key).limit(limit + 1))


def count(tx: Tx, table: sa.Table, account: str) -> int:
    """How many the account has."""
    return int(tx.scalar(sa.select(sa.func.count()).select_from(table).where(table.c.account == account)) or 0)


def insert(tx: Tx, table: sa.Table, **values: Any) -> None:
    """Add an entity."""
    if "tags" in values:
        values["tags"] = tags_text(values["tags"])
    tx.insert(table, key=values["name"].lower(), **values)
    tx.notify(CHANNEL)


def update(tx: Tx, table: sa.Table, entity_id: str, **values: Any) -> None:
    """Change an entity's columns."""
    if "tags" in values:
        values["tags"] = tags_text(values["tags"])
    if "name" in values:
        values["key"] = values["name"].lower()
    tx.execute(sa.update(table).where(table.c.id == entity_id).values(**values))
    tx.notify(CHANNEL)


def delete(tx: Tx, table: sa.Table, entity_id: str) -> None:
    """Remove an entity."""
    tx.execute(sa.delete(table).where(table.c.id == entity_id))
    tx.notify(CHANNEL)


def join(tx: Tx, user_id: str, group_id: str) -> None:
    """Put a user into a group; nothing happens when it is there already."""
    tx.upsert(memberships, {"user_id": user_id, "group_id": group_id}, {})
    tx.notify(CHANNEL)


def leave(tx: Tx, user_id: str, group_id: str) -> bool:
    """Take a user out of a group; whether it was in."""
    where = sa.and_(memberships.c.user_id == user_id, memberships.c.group_id == group_id)
    tx.notify(CHANNEL)
    return bool(tx.execute(sa.delete(memberships).where(where)).rowcount)


def groups_of(tx: Tx, user_id: str) -> list[Group]:
    """The groups that a user is in, by name."""
    query = sa.select(groups).join(memberships, memberships.c.group_id == groups.c.id)
    return [group_of(row) for row in tx.all(query.where(memberships.c.user_id == user_id).order_by(groups.c.key))]


def members(tx: Tx, group_id: str) -> list[User]:
    """The users in a group, by name."""
    query = sa.select(users).join(memberships, memberships.c.user_id == users.c.id)
    return [user_of(row) for row in tx.all(query.where(memberships.c.group_id == group_id).order_by(users.c.key))]


def profiles_of_role(tx: Tx, role_id: str) -> list[InstanceProfile]:
    """The instance profiles that hold a role, by name."""
    query = sa.select(profiles).where(profiles.c.role_id == role_id).order_by(profiles.c.key)
    return [profile_of(row) for row in tx.all(query)]


def account_alias(tx: Tx, account: str) -> str | None:
    """The account's alias, empty when it has none; None when there is no such account."""
    found = tx.scalar(sa.select(accounts.c.alias).where(accounts.c.id == account))
    return None if found is None else str(found)


def account_by_alias(tx: Tx, alias: str) -> str | None:
    """The account of an alias."""
    found = tx.scalar(sa.select(accounts.c.id).where(accounts.c.alias == alias)) if alias else None
    return None if found is None else str(found)


def account_named(tx: Tx, given: str) -> str | None:
    """The number of an account that is there, by its alias or number."""
    return account_by_alias(tx, given) or (given if account_alias(tx, given) is not None else None)


def account_created(tx: Tx, account: str) -> int:
    """When the account was opened."""
    return int(tx.scalar(sa.select(accounts.c.created).where(accounts.c.id == account)) or 0)


def add_account(tx: Tx, account: str, alias: str, now: int) -> None:
    """Open an account."""
    tx.insert(accounts, id=account, alias=alias, created=now)


def set_alias(tx: Tx, account: str, alias: str) -> None:
    """Name an account."""
    tx.execute(sa.update(accounts).where(accounts.c.id == account).values(alias=alias))
    tx.notify(CHANNEL)


def users_of(tx: Tx, account: str) -> list[User]:
    """Every user of the account, by name."""
    return [user_of(row) for row in tx.all(sa.select(users).where(users.c.account == account).order_by(users.c.key))]


def retarget_trust(tx: Tx, old: str, new: str) -> None:
    """Trust policies mean a principal, not its name: they follow it when it is renamed, and keep its unique id when
    it goes, so that whoever gets the name next is not let in."""
    for row in tx.all(sa.select(roles.c.id, roles.c.trust)):
        changed = row.trust.replace(f'"{old}"', f'"{new}"')
        if changed != row.trust:
            tx.execute(sa.update(roles).where(roles.c.id == row.id).values(trust=changed))
    tx.notify(CHANNEL)
