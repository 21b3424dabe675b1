"""All SQL of Parameter Store: a row for each parameter, and one for each of its versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from codeyard.platform.ssm.model import Parameter
from codeyard.storage import Key, dumps, loads, schema

parameters = sa.Table(
    "ssm_parameters",
    schema,
    sa.Column("account", Key(), primary_key=True),
    sa.Column("region", Key(), primary_key=True),
    sa.Column("name", Key(), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
)
versions = sa.Table(
    "ssm_versions",
    schema,
    sa.Column("account", Key(), primary_key=True),
    sa.Column("region", Key(), primary_key=True),
    sa.Column("name", Key(), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("allowed_pattern", sa.Text, nullable=False),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("data_type", sa.Text, nullable=False),
    sa.Column("user", sa.Text, nullable=False),
    sa.Column("modified", sa.BigInteger, nullable=False),
    sa.Column("labels", sa.Text, nullable=False),
)
# How many parameters there are, so that creating one need not count the others.
totals = sa.Table(
    "ssm_totals",
    schema,
    sa.Column("account", Key(), primary_key=True),
    sa.Column("region", Key(), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)
_P, _V, _T = parameters.c, versions.c, totals.c


def _here(columns: Any) -> sa.ColumnElement[bool]:
    return sa.and_(columns.account == sa.bindparam("account"), columns.region == sa.bindparam("region"))


_NAMED: sa.BindParameter[str] = sa.bindparam("name")
_HEAD = sa.select(_P.version, _P.tags).where(_here(_P), _P.name == _NAMED)
_VERSION = sa.select(versions).where(_here(_V), _V.name == _NAMED, _V.version == sa.bindparam("number"))
_HISTORY = sa.select(versions).where(_here(_V), _V.name == _NAMED).order_by(_V.version)
_TOTAL = sa.select(_T.number).where(_here(_T))
_ADD = (
    "INSERT INTO ssm_totals (account, region, number) VALUES (?, ?, ?) "
    "ON CONFLICT (account, region) DO UPDATE SET number = ssm_totals.number + excluded.number"
)


def _parameter(row: Any) -> Parameter:
    return Parameter(
        row.name,
        row.version,
        row.type,
        bytes(row.value),
        row.description,
        row.key_id,
        row.allowed_pattern,
        row.tier,
        row.data_type,
        row.user,
        row.modified,
        tuple(loads(row.labels)),
    )


class Place:
    """The parameters of one account and region."""

    def __init__(self, account: str, region: str) -> None:
        self._account, self._region = account, region

    def _of(self, columns: Any) -> sa.ColumnElement[bool]:
        return sa.and_(columns.account == self._account, columns.region == self._region)

    def _keys(self, name: str) -> dict[str, str]:
        return {"account": self._account, "region": self._region, "name": name}

    def head(self, tx: Any, name: str) -> tuple[int, dict[str, str]] | None:
        """(latest version, tags) of a parameter, or None."""
        row = tx.one(_HEAD, self._keys(name))
        return None if row is None else (row.version, loads(row.tags))

    def get(self, tx: Any, name: str, version: int) -> Parameter | None:
        """One version."""
        row = tx.one(_VERSION, {**self._keys(name), "number": version})
        return None if row is None else _parameter(row)

    def history(self, tx: Any, name: str) -> list[Parameter]:
        """Every version kept, oldest first."""
        return [_parameter(row) for row in tx.all(_HISTORY, self._keys(name))]

    def listing(self, tx: Any, after: str, below: str = "") -> list[tuple[Parameter, dict[str, str]]]:
        """The latest versions in order of name after `after`, all or only those that begin with `below`."""
        join = sa.and_(_V.account == _P.account, _V.region == _P.region, _V.name == _P.name, _V.version == _P.version)
        query = sa.select(versions, _P.tags).select_from(parameters.join(versions, join))
        query = query.where(self._of(_P), _P.name > after).order_by(_P.name)
        if below:
            query = query.where(_P.name >= below, _P.name < below[:-1] + chr(ord(below[-1]) + 1))
        return [(_parameter(row), loads(row.tags)) for row in tx.all(query)]

    def count(self, tx: Any) -> int:
        """How many parameters there are."""
        return int(tx.scalar(_TOTAL, {"account": self._account, "region": self._region}) or 0)

    def put(self, tx: Any, one: Parameter, tags: Mapping[str, str]) -> None:
        """Add a version and make it the latest."""
        if one.version == 1:
            tx.sql(_ADD, (self._account, self._region, 1))
        tx.upsert(parameters, self._keys(one.name), {"version": one.version, "tags": dumps(tags)})
        tx.insert(
            versions,
            **self._keys(one.name),
            version=one.version,
            type=one.type,
            value=one.value,
            description=one.description,
            key_id=one.key_id,
            allowed_pattern=one.allowed_pattern,
            tier=one.tier,
            data_type=one.data_type,
            user=one.user,
            modified=one.modified,
            labels=dumps(one.labels),
        )

    def set_tags(self, tx: Any, name: str, tags: Mapping[str, str]) -> None:
        """Replace the tags."""
        tx.execute(sa.update(parameters).where(self._of(_P), _P.name == name).values(tags=dumps(tags)))

    def set_labels(self, tx: Any, name: str, version: int, labels: tuple[str, ...]) -> None:
        """Replace a version's labels."""
        where = sa.and_(self._of(_V), _V.name == name, _V.version == version)
        tx.execute(sa.update(versions).where(where).values(labels=dumps(labels)))

    def drop_version(self, tx: Any, name: str, version: int) -> None:
        """Forget one version."""
        tx.execute(sa.delete(versions).where(self._of(_V), _V.name == name, _V.version == version))

    def delete(self, tx: Any, name: str) -> bool:
        """Drop a parameter with its history; whether it was there."""
        tx.execute(sa.delete(versions).where(self._of(_V), _V.name == name))
        gone = bool(tx.execute(sa.delete(parameters).where(self._of(_P), _P.name == name)).rowcount)
        if gone:
            tx.sql(_ADD, (self._account, self._region, -1))
        return gone
