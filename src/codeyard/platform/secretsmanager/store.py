"""All SQL of Secrets Manager: secrets, and their versions under the secret's ARN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from codeyard.platform.secretsmanager.model import Secret, Version
from codeyard.storage import Key, dumps, loads, schema

secrets = sa.Table(
    "secretsmanager_secrets",
    schema,
    sa.Column("arn", Key(), primary_key=True),
    sa.Column("account", Key(), nullable=False),
    sa.Column("region", Key(), nullable=False),
    sa.Column("name", Key(), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("kms_key_id", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("changed", sa.BigInteger, nullable=False),
    sa.Column("deleted", sa.BigInteger, nullable=False),
    sa.Column("purge_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("account", "region", "name"),
)
versions = sa.Table(
    "secretsmanager_versions",
    schema,
    sa.Column("arn", Key(), primary_key=True),
    sa.Column("id", Key(), primary_key=True),
    sa.Column("is_binary", sa.BigInteger, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("stages", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
)
_S, _V = secrets.c, versions.c


def _secret(row: Any) -> Secret:
    facts = {**row._mapping, "tags": loads(row.tags)}
    return Secret(**facts)


def _version(row: Any) -> Version:
    return Version(row.id, bool(row.is_binary), bytes(row.sealed), tuple(loads(row.stages)), row.created)


def find(tx: Any, account: str, region: str, given: str) -> Secret | None:
    """The secret of a name, an ARN or an ARN without its random suffix."""
    if not given.startswith("arn:"):
        where = sa.and_(_S.account == account, _S.region == region, _S.name == given)
        row = tx.one(sa.select(secrets).where(where))
        return None if row is None else _secret(row)
    row = tx.one(sa.select(secrets).where(_S.arn == given))
    if row is not None:
        return _secret(row)
    parts = given.split(":", 6)
    if len(parts) != 7 or parts[2] != "secretsmanager" or parts[5] != "secret":
        return None
    where = sa.and_(_S.account == parts[4], _S.region == parts[3], _S.name == parts[6])
    row = tx.one(sa.select(secrets).where(where))
    return None if row is None else _secret(row)


def by_arn(tx: Any, arn: str) -> Secret | None:
    """The secret of a full ARN."""
    row = tx.one(sa.select(secrets).where(_S.arn == arn))
    return None if row is None else _secret(row)


def listing(tx: Any, account: str, region: str) -> list[Secret]:
    """Every secret of the account and region."""
    query = sa.select(secrets).where(_S.account == account, _S.region == region)
    return [_secret(row) for row in tx.all(query)]


def add(tx: Any, secret: Secret) -> None:
    """Insert a secret."""
    tx.insert(secrets, **{**asdict(secret), "tags": dumps(secret.tags)})


def change(tx: Any, arn: str, **values: Any) -> None:
    """Set columns of a secret."""
    if "tags" in values:
        values["tags"] = dumps(values["tags"])
    tx.execute(sa.update(secrets).where(_S.arn == arn).values(**values))


def remove(tx: Any, arn: str) -> None:
    """Drop a secret with every version."""
    tx.execute(sa.delete(versions).where(_V.arn == arn))
    tx.execute(sa.delete(secrets).where(_S.arn == arn))


def versions_of(tx: Any, arn: str) -> list[Version]:
    """Every version, newest first."""
    query = sa.select(versions).where(_V.arn == arn).order_by(_V.created.desc(), _V.id)
    return [_version(row) for row in tx.all(query)]


def version(tx: Any, arn: str, version_id: str) -> Version | None:
    """One version."""
    row = tx.one(sa.select(versions).where(_V.arn == arn, _V.id == version_id))
    return None if row is None else _version(row)


def add_version(tx: Any, arn: str, one: Version) -> None:
    """Insert a version; its stages are set by `set_stages`."""
    values = {"is_binary": int(one.binary), "sealed": one.sealed, "stages": dumps(one.stages), "created": one.created}
    tx.insert(versions, arn=arn, id=one.id, **values)


def set_stages(tx: Any, arn: str, stages: Mapping[str, tuple[str, ...]]) -> None:
    """Set the stages of versions."""
    for version_id, held in stages.items():
        where = sa.and_(_V.arn == arn, _V.id == version_id)
        tx.execute(sa.update(versions).where(where).values(stages=dumps(held)))


def drop_versions(tx: Any, arn: str, ids: list[str]) -> None:
    """Forget versions."""
    tx.execute(sa.delete(versions).where(_V.arn == arn, _V.id.in_(ids)))


def reseal(tx: Any, arn: str, sealed: Mapping[str, bytes]) -> None:
    """Replace the sealed values of versions."""
    for version_id, value in sealed.items():
        where = sa.and_(_V.arn == arn, _V.id == version_id)
        tx.execute(sa.update(versions).where(where).values(sealed=value))
