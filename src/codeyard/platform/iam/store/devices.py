"""Virtual MFA devices. A device is a user's while `user_id` names one; its seed is sealed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from codeyard.platform.iam.model import Tags
from codeyard.platform.iam.store import entities
from codeyard.platform.iam.store.tables import CHANNEL
from codeyard.storage import Key, Row, Tx, schema

devices = sa.Table(
    "iam_mfa_devices",
    schema,
    sa.Column("serial", Key(), primary_key=True),
    sa.Column("account", Key(), nullable=False, index=True),
    sa.Column("seed", sa.LargeBinary, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("user_id", Key(), nullable=False, index=True),
    sa.Column("enabled", sa.BigInteger, nullable=False),
    sa.Column("drift", sa.BigInteger, nullable=False),
    sa.Column("last_step", sa.BigInteger, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Device:
    """A virtual MFA device. `drift` is by how many steps its clock is off, `last_step` that of the last code used."""

    serial: str
    account: str
    seed: bytes
    created: int
    user_id: str
    enabled: int
    drift: int
    last_step: int
    tags: Tags


def _device(row: Row) -> Device:
    return Device(
        row.serial,
        row.account,
        row.seed,
        row.created,
        row.user_id,
        row.enabled,
        row.drift,
        row.last_step,
        entities.tags_of(row.tags),
    )


def device(tx: Tx, serial: str) -> Device | None:
    """The device of that serial number."""
    row = tx.one(sa.select(devices).where(devices.c.serial == serial))
    return None if row is None else _device(row)


def of_user(tx: Tx, user_id: str) -> list[Device]:
    """A user's devices, by serial number."""
    query = sa.select(devices).where(devices.c.user_id == user_id).order_by(devices.c.serial)
    return [_device(row) for row in tx.all(query)]


def of_account(tx: Tx, account: str) -> list[Device]:
    """Every device of the account, by serial number."""
    query = sa.select(devices).where(devices.c.account == account).order_by(devices.c.serial)
    return [_device(row) for row in tx.all(query)]


def add(tx: Tx, found: Device) -> None:
    """Add a device."""
    values = {name: getattr(found, name) for name in Device.__slots__}
    tx.insert(devices, **{**values, "tags": entities.tags_text(found.tags)})


def update(tx: Tx, serial: str, **values: Any) -> None:
    """Change a device's columns."""
    if "tags" in values:
        values["tags"] = entities.tags_text(values["tags"])
    tx.execute(sa.update(devices).where(devices.c.serial == serial).values(**values))
    tx.notify(CHANNEL)


def use(tx: Tx, serial: str, step: int) -> bool:
    """Spend the code of a step; whether nobody had spent it, or a later one, before."""
    changed = sa.update(devices).where(devices.c.serial == serial, devices.c.last_step < step, devices.c.user_id != "")
    return bool(tx.execute(changed.values(last_step=step)).rowcount)


def delete(tx: Tx, serial: str) -> None:
    """Remove a device."""
    tx.execute(sa.delete(devices).where(devices.c.serial == serial))
