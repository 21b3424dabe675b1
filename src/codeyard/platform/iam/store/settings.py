"""What an account has set, by name, as JSON; and the passwords that its users had before."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from codeyard.platform.iam.store.tables import CHANNEL
from codeyard.storage import Key, Tx, dumps, loads, schema

REMEMBERED = 24  # AWS's longest PasswordReusePrevention

settings = sa.Table(
    "iam_settings",
    schema,
    sa.Column("account", Key(), primary_key=True),
    sa.Column("name", Key(), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

passwords = sa.Table(
    "iam_passwords",
    schema,
    sa.Column("user_id", Key(), primary_key=True),
    sa.Column("created", sa.BigInteger, primary_key=True),
    sa.Column("hash", sa.Text, nullable=False),
)


def get(tx: Tx, account: str, name: str) -> Any:
    """A setting's value, None where it is not set."""
    found = tx.scalar(sa.select(settings.c.value).where(settings.c.account == account, settings.c.name == name))
    return None if found is None else loads(found)


def put(tx: Tx, account: str, name: str, value: Any) -> None:
    """Set a value."""
    tx.upsert(settings, {"account": account, "name": name}, {"value": dumps(value)})
    tx.notify(CHANNEL)


def drop(tx: Tx, account: str, name: str) -> bool:
    """Take a setting away; whether it was there."""
    tx.notify(CHANNEL)
    where = sa.and_(settings.c.account == account, settings.c.name == name)
    return bool(tx.execute(sa.delete(settings).where(where)).rowcount)


def account_with(tx: Tx, name: str, value: Any) -> str | None:
    """The account that has set this very value."""
    query = sa.select(settings.c.account).where(settings.c.name == name, settings.c.value == dumps(value))
    found = tx.scalar(query)
    return None if found is None else str(found)


def past_passwords(tx: Tx, user_id: str, most: int = REMEMBERED) -> list[tuple[int, str]]:
    """(when it was set, hash) of a user's passwords, newest first, the present one included."""
    query = sa.select(passwords).where(passwords.c.user_id == user_id).order_by(passwords.c.created.desc())
    return [(row.created, row.hash) for row in tx.all(query.limit(most))]


def remember_password(tx: Tx, user_id: str, now: int, hashed: str) -> None:
    """A user has a new password; the oldest ones are forgotten."""
    tx.upsert(passwords, {"user_id": user_id, "created": now}, {"hash": hashed})
    kept = past_passwords(tx, user_id)
    if len(kept) == REMEMBERED:
        old = sa.and_(passwords.c.user_id == user_id, passwords.c.created < kept[-1][0])
        tx.execute(sa.delete(passwords).where(old))


def forget_passwords(tx: Tx, user_id: str) -> None:
    """The user is gone."""
    tx.execute(sa.delete(passwords).where(passwords.c.user_id == user_id))


def password_set_at(tx: Tx, user_id: str, made: int) -> int:
    """When the user's present password was set; `made` is when the login profile was."""
    kept = past_passwords(tx, user_id, 1)
    return max(kept[0][0], made) if kept else made
