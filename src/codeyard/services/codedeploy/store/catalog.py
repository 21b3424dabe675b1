"""SQL for what is declared: applications, groups, configurations, revisions, tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from codeyard.services.codedeploy.store.tables import (
    applications,
    configs,
    deployments,
    groups,
    health,
    revisions,
    tags,
)
from codeyard.storage import Row, Tx, dumps, loads

Where = tuple[str, str]  # account, region


def _in(table: sa.Table, where: Where) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.account == where[0], table.c.region == where[1])


def application(tx: Tx, where: Where, name: str) -> Row | None:
    """One application."""
    return tx.one(sa.select(applications).where(_in(applications, where), applications.c.name == name))


def application_names(tx: Tx, where: Where, after: str, limit: int) -> list[str]:
    """Names after `after`, in order."""
    query = sa.select(applications.c.name).where(_in(applications, where), applications.c.name > after)
    return [row.name for row in tx.all(query.order_by(applications.c.name).limit(limit))]


def count(tx: Tx, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
    """How many rows satisfy the conditions."""
    return int(tx.scalar(sa.select(sa.func.count()).select_from(table).where(*conditions)) or 0)


def count_applications(tx: Tx, where: Where) -> int:
    """How many applications the account has in the region."""
    return count(tx, applications, _in(applications, where))


def count_groups(tx: Tx, where: Where, name: str) -> int:
    """How many deployment groups the application has."""
    return count(tx, groups, _in(groups, where), groups.c.application == name)


def count_configs(tx: Tx, where: Where) -> int:
    """How many configurations the account made in the region."""
    return count(tx, configs, _in(configs, where))


def add_application(tx: Tx, where: Where, name: str, app_id: str, platform: str, now: int) -> None:
    """Insert an application."""
    tx.insert(applications, account=where[0], region=where[1], name=name, id=app_id, platform=platform, created_at=now)


def rename_application(tx: Tx, where: Where, old: str, new: str) -> None:
    """Rename an application everywhere it is named."""
    tx.execute(sa.update(applications).where(_in(applications, where), applications.c.name == old).values(name=new))
    for table in (groups, revisions, deployments):
        tx.execute(sa.update(table).where(_in(table, where), table.c.application == old).values(application=new))


def drop_application(tx: Tx, where: Where, name: str) -> None:
    """Delete an application with its groups and revisions; its deployments stay as history."""
    ids = sa.select(groups.c.id).where(_in(groups, where), groups.c.application == name)
    tx.execute(sa.delete(health).where(health.c.group_id.in_(ids)))
    for table in (groups, revisions):
        tx.execute(sa.delete(table).where(_in(table, where), table.c.application == name))
    tx.execute(sa.delete(applications).where(_in(applications, where), applications.c.name == name))


def group(tx: Tx, where: Where, application_name: str, name: str) -> Row | None:
    """One deployment group."""
    query = sa.select(groups).where(_in(groups, where), groups.c.application == application_name)
    return tx.one(query.where(groups.c.name == name))


def group_by_id(tx: Tx, group_id: str) -> Row | None:
    """A deployment group by its UUID."""
    return tx.one(sa.select(groups).where(groups.c.id == group_id))


def group_names(tx: Tx, where: Where, application_name: str, after: str, limit: int) -> list[str]:
    """Names of an application's groups after `after`, in order."""
    query = sa.select(groups.c.name).where(_in(groups, where), groups.c.application == application_name)
    return [row.name for row in tx.all(query.where(groups.c.name > after).order_by(groups.c.name).limit(limit))]


def add_group(tx: Tx, where: Where, application_name: str, name: str, **values: Any) -> None:
    """Insert a deployment group."""
    tx.insert(groups, account=where[0], region=where[1], application=application_name, name=name, **values)


def set_group(tx: Tx, group_id: str, **values: Any) -> None:
    """Change columns of a deployment group."""
    tx.execute(sa.update(groups).where(groups.c.id == group_id).values(**values))


def rename_group(tx: Tx, group_id: str, name: str) -> None:
    """Rename a group, in its deployments too."""
    set_group(tx, group_id, name=name)
    tx.execute(sa.update(deployments).where(deployments.c.group_id == group_id).values(group_name=name))


def drop_group(tx: Tx, group_id: str) -> None:
    """Delete a group and what is known of its hosts' health."""
    tx.execute(sa.delete(health).where(health.c.group_id == group_id))
    tx.execute(sa.delete(groups).where(groups.c.id == group_id))


def config(tx: Tx, where: Where, name: str) -> Row | None:
    """One made configuration."""
    return tx.one(sa.select(configs).where(_in(configs, where), configs.c.name == name))


def config_names(tx: Tx, where: Where) -> list[str]:
    """All made configurations' names, in order."""
    query = sa.select(configs.c.name).where(_in(configs, where)).order_by(configs.c.name)
    return [row.name for row in tx.all(query)]


def add_config(tx: Tx, where: Where, name: str, config_id: str, body: Mapping[str, Any], now: int) -> None:
    """Insert a configuration."""
    tx.insert(configs, account=where[0], region=where[1], name=name, id=config_id, body=dumps(body), created_at=now)


def drop_config(tx: Tx, where: Where, name: str) -> None:
    """Delete a configuration."""
    tx.execute(sa.delete(configs).where(_in(configs, where), configs.c.name == name))


def config_in_use(tx: Tx, where: Where, name: str) -> bool:
    """Whether a deployment group names the configuration."""
    return count(tx, groups, _in(groups, where), groups.c.config_name == name) > 0


def revision(tx: Tx, where: Where, application_name: str, key: str) -> Row | None:
    """One registered revision."""
    query = sa.select(revisions).where(_in(revisions, where), revisions.c.application == application_name)
    return tx.one(query.where(revisions.c.key == key))


def revisions_of(tx: Tx, where: Where, application_name: str) -> list[Row]:
    """All revisions of an application."""
    return tx.all(
        sa.select(revisions)
        .where(_in(revisions, where), revisions.c.application == application_name)
        .order_by(revisions.c.key)
    )


def put_revision(tx: Tx, where: Where, application_name: str, key: str, values: Mapping[str, Any]) -> None:
    """Insert a revision, or change these columns of it."""
    keys = {"account": where[0], "region": where[1], "application": application_name, "key": key}
    tx.upsert(revisions, keys, values)


def groups_at(tx: Tx, where: Where, application_name: str) -> dict[str, list[str]]:
    """For each revision (as JSON text) the groups whose target it is."""
    query = sa.select(groups.c.name, groups.c.revision).where(_in(groups, where))
    found: dict[str, list[str]] = {}
    for row in tx.all(query.where(groups.c.application == application_name, groups.c.revision.is_not(None))):
        found.setdefault(row.revision, []).append(row.name)
    return found


def tags_of(tx: Tx, arn: str) -> dict[str, str]:
    """The tags of a resource."""
    text = tx.scalar(sa.select(tags.c.tags).where(tags.c.arn == arn))
    return dict(loads(text)) if text else {}


def set_tags(tx: Tx, arn: str, values: Mapping[str, str]) -> None:
    """Replace the tags of a resource; none deletes them."""
    if values:
        tx.upsert(tags, {"arn": arn}, {"tags": dumps(values)})
    else:
        tx.execute(sa.delete(tags).where(tags.c.arn == arn))
