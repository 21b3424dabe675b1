"""What a user proves itself by: access keys, service-specific credentials, SSH public keys, signing certificates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import sqlalchemy as sa

from codeyard.platform.iam.model import AccessKey, ServiceCredential, SigningCertificate, SshKey
from codeyard.platform.iam.store.tables import (
    CHANNEL,
    access_keys,
    credentials,
    roles,
    signing_certificates,
    ssh_keys,
    users,
)
from codeyard.storage import Row, Tx

UserKey = AccessKey | ServiceCredential | SshKey | SigningCertificate
T = TypeVar("T", bound=UserKey)
_TABLES: Mapping[type, sa.Table] = {
    AccessKey: access_keys,
    ServiceCredential: credentials,
    SshKey: ssh_keys,
    SigningCertificate: signing_certificates,
}


def _made(kind: type[T], row: Row) -> T:
    return kind(**{name: getattr(row, name) for name in kind.__slots__})


def one(tx: Tx, kind: type[T], key_id: str) -> T | None:
    """The key of that id."""
    table = _TABLES[kind]
    row = tx.one(sa.select(table).where(table.c.id == key_id))
    return None if row is None else _made(kind, row)


def any_access_key(tx: Tx) -> AccessKey | None:
    """Some access key of some account, if there is one."""
    row = tx.one(sa.select(access_keys).limit(1))
    return None if row is None else _made(AccessKey, row)


def of_user(tx: Tx, kind: type[T], user_id: str) -> list[T]:
    """A user's keys, in the order of their ids."""
    table = _TABLES[kind]
    return [_made(kind, row) for row in tx.all(sa.select(table).where(table.c.user_id == user_id).order_by(table.c.id))]


def ssh_keys_of(tx: Tx, fingerprint: str) -> list[SshKey]:
    """Every user's SSH keys of that fingerprint."""
    return [_made(SshKey, row) for row in tx.all(sa.select(ssh_keys).where(ssh_keys.c.fingerprint == fingerprint))]


def credential_named(tx: Tx, user_name: str) -> ServiceCredential | None:
    """The service-specific credential of that user name."""
    row = tx.one(sa.select(credentials).where(credentials.c.user_name == user_name))
    return None if row is None else _made(ServiceCredential, row)


def add(tx: Tx, key: UserKey) -> None:
    """Add a key."""
    tx.insert(_TABLES[type(key)], **{name: getattr(key, name) for name in type(key).__slots__})
    tx.notify(CHANNEL)


def update(tx: Tx, kind: type[T], key_id: str, **values: Any) -> None:
    """Change a key's columns."""
    table = _TABLES[kind]
    tx.execute(sa.update(table).where(table.c.id == key_id).values(**values))
    tx.notify(CHANNEL)


def delete(tx: Tx, kind: type[T], key_id: str) -> None:
    """Remove a key."""
    table = _TABLES[kind]
    tx.execute(sa.delete(table).where(table.c.id == key_id))
    tx.notify(CHANNEL)


def touch_key(tx: Tx, key_id: str, now: int, service: str, region: str) -> None:
    """Remember an access key's last use; no cache needs to hear of it."""
    values = {"used": now, "used_service": service, "used_region": region}
    tx.execute(sa.update(access_keys).where(access_keys.c.id == key_id).values(**values))


def touch_role(tx: Tx, role_id: str, now: int, region: str) -> None:
    """Remember a role's last use."""
    tx.execute(sa.update(roles).where(roles.c.id == role_id).values(used=now, used_region=region))


def touch_password(tx: Tx, user_id: str, now: int) -> None:
    """Remember a console sign-in."""
    tx.execute(sa.update(users).where(users.c.id == user_id).values(password_used=now))
