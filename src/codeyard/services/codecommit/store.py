"""All SQL of CodeCommit: repositories, and the intents of reference changes that are under way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from codeyard.services.codecommit.model import Intent, Repository
from codeyard.storage import Key, dumps, loads, schema

repositories = sa.Table(
    "codecommit_repositories",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("account", Key(), nullable=False),
    sa.Column("region", Key(), nullable=False),
    sa.Column("name", Key(), nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("default_branch", sa.Text),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("modified", sa.BigInteger, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("kms_key", sa.Text),
    sa.Column("wrapped_secret", sa.LargeBinary),
    sa.UniqueConstraint("account", "region", "name"),
)

# One row a reference. `caller` is what events say of who changed it; `detail` what they add.
intents = sa.Table(
    "codecommit_intents",
    schema,
    sa.Column("batch", Key(), primary_key=True),
    sa.Column("ref", Key(), primary_key=True),
    sa.Column("repository_id", Key(), nullable=False, index=True),
    sa.Column("old", sa.Text, nullable=False),
    sa.Column("new", sa.Text, nullable=False),
    sa.Column("caller", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
)

# All triggers of a repository, as PutRepositoryTriggers replaces them.
repository_triggers = sa.Table(
    "codecommit_triggers",
    schema,
    sa.Column("repository_id", Key(), primary_key=True),
    sa.Column("configuration", sa.Text, nullable=False),
    sa.Column("triggers", sa.Text, nullable=False),
)

_R = repositories.c
CHANGED = "codecommit.repositories"  # told whenever a repository's row changes


def _repository(row: Any) -> Repository:
    return Repository(
        row.id,
        row.account,
        row.region,
        row.name,
        row.description,
        row.default_branch,
        row.created,
        row.modified,
        loads(row.tags),
        row.kms_key,
        row.wrapped_secret or b"",
    )


_BY_NAME = sa.select(repositories).where(
    _R.account == sa.bindparam("account"),
    _R.region == sa.bindparam("region"),
    _R.name == sa.bindparam("name"),
)


def get(tx: Any, account: str, region: str, name: str) -> Repository | None:
    """The repository of that name, or None."""
    row = tx.one(_BY_NAME, {"account": account, "region": region, "name": name})
    return None if row is None else _repository(row)


def get_by_id(tx: Any, repository_id: str) -> Repository | None:
    """The repository of that id, or None."""
    row = tx.one(sa.select(repositories).where(_R.id == repository_id))
    return None if row is None else _repository(row)


def count(tx: Any, account: str, region: str) -> int:
    """How many repositories the account has in the region."""
    where = sa.and_(_R.account == account, _R.region == region)
    return int(tx.scalar(sa.select(sa.func.count()).select_from(repositories).where(where)) or 0)


def page(
    tx: Any, account: str, region: str, *, by_time: bool, descending: bool, after: tuple[int, str] | None, limit: int
) -> list[Repository]:
    """Repositories in the order asked for, from behind `after` = (modified, name)."""
    columns = (_R.modified, _R.name) if by_time else (_R.name,)
    query = sa.select(repositories).where(_R.account == account, _R.region == region)
    if after is not None:
        here = sa.tuple_(*columns)
        there = sa.tuple_(*(after if by_time else after[1:]))
        query = query.where(here < there if descending else here > there)
    query = query.order_by(*(c.desc() if descending else c.asc() for c in columns)).limit(limit)
    return [_repository(row) for row in tx.all(query)]


def insert(tx: Any, repository: Repository) -> None:
    """Add a repository."""
    tx.notify(CHANGED)
    tx.insert(
        repositories,
        id=repository.id,
        account=repository.account,
        region=repository.region,
        name=repository.name,
        description=repository.description,
        default_branch=repository.default_branch,
        created=repository.created,
        modified=repository.modified,
        tags=dumps(dict(repository.tags)),
        kms_key=repository.kms_key,
        wrapped_secret=repository.wrapped_secret,
    )


def update(tx: Any, repository_id: str, **values: Any) -> None:
    """Set columns of a repository."""
    tx.notify(CHANGED)
    if "tags" in values:
        values["tags"] = dumps(dict(values["tags"]))
    tx.execute(sa.update(repositories).where(_R.id == repository_id).values(**values))


def set_first_default(tx: Any, repository_id: str, branch: str) -> bool:
    """Make the branch the default unless there is one already; whether it did."""
    tx.notify(CHANGED)
    query = sa.update(repositories).where(_R.id == repository_id, _R.default_branch.is_(None))
    return bool(tx.execute(query.values(default_branch=branch)).rowcount)


def delete(tx: Any, repository_id: str) -> None:
    """Remove a repository and whatever was begun in it."""
    tx.notify(CHANGED)
    tx.execute(sa.delete(intents).where(intents.c.repository_id == repository_id))
    tx.execute(sa.delete(repository_triggers).where(repository_triggers.c.repository_id == repository_id))
    tx.execute(sa.delete(repositories).where(_R.id == repository_id))


def open_intents(
    tx: Any, changes: Iterable[Intent], caller: Mapping[str, Any], detail: Mapping[str, Any], now: int
) -> None:
    """Record what is about to be done to references."""
    said = {"caller": dumps(dict(caller)), "detail": dumps(dict(detail)), "created": now}
    rows = [
        {
            "batch": change.batch,
            "ref": change.ref,
            "repository_id": change.repository_id,
            "old": change.old,
            "new": change.new,
            **said,
        }
        for change in changes
    ]
    tx.execute(sa.insert(intents), rows)


def close_intents(tx: Any, batch: str) -> int:
    """Forget a batch; how many rows it still had."""
    return int(tx.execute(sa.delete(intents).where(intents.c.batch == batch)).rowcount)


def batches(tx: Any, repository_id: str | None = None) -> list[tuple[str, str]]:
    """(repository id, batch) of everything that is open, oldest first."""
    query = sa.select(intents.c.repository_id, intents.c.batch, sa.func.min(intents.c.created).label("since"))
    if repository_id is not None:
        query = query.where(intents.c.repository_id == repository_id)
    query = query.group_by(intents.c.repository_id, intents.c.batch).order_by("since", intents.c.batch)
    return [(row.repository_id, row.batch) for row in tx.all(query)]


def intents_of(tx: Any, repository_id: str) -> list[tuple[Intent, dict[str, Any], dict[str, Any]]]:
    """The open intents of a repository with their callers and details, oldest first."""
    query = sa.select(intents).where(intents.c.repository_id == repository_id)
    rows = tx.all(query.order_by(intents.c.created, intents.c.batch, intents.c.ref))
    return [(Intent(r.batch, r.repository_id, r.ref, r.old, r.new), loads(r.caller), loads(r.detail)) for r in rows]


def repository_of_batch(tx: Any, batch: str) -> str | None:
    """The repository that an open batch belongs to."""
    found = tx.scalar(sa.select(intents.c.repository_id).where(intents.c.batch == batch).limit(1))
    return None if found is None else str(found)


def triggers(tx: Any, repository_id: str) -> tuple[str | None, list[dict[str, Any]]]:
    """A repository's triggers with the id of their configuration; None when none were ever put."""
    row = tx.one(sa.select(repository_triggers).where(repository_triggers.c.repository_id == repository_id))
    return (None, []) if row is None else (row.configuration, loads(row.triggers))


def put_triggers(tx: Any, repository_id: str, configuration: str, found: Sequence[Mapping[str, Any]]) -> None:
    """Replace a repository's triggers."""
    values = {"configuration": configuration, "triggers": dumps(list(found))}
    tx.upsert(repository_triggers, {"repository_id": repository_id}, values)
