"""All SQL of approval rule templates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from codeyard.services.codecommit.pulls.tables import template_links as links
from codeyard.services.codecommit.pulls.tables import templates
from codeyard.services.codecommit.store import repositories

_T = templates.c


def get(tx: Any, account: str, region: str, name: str) -> Any:
    """The template of that name, or None."""
    return tx.one(sa.select(templates).where(_T.account == account, _T.region == region, _T.name == name))


def count(tx: Any, account: str, region: str) -> int:
    """How many templates the account has in the region."""
    where = sa.and_(_T.account == account, _T.region == region)
    return int(tx.scalar(sa.select(sa.func.count()).select_from(templates).where(where)) or 0)


def page(tx: Any, account: str, region: str, after: str, limit: int) -> list[str]:
    """Names of templates in order, from behind one."""
    query = sa.select(_T.name).where(_T.account == account, _T.region == region, _T.name > after)
    return [row.name for row in tx.all(query.order_by(_T.name).limit(limit))]


def update(tx: Any, template_id: str, **values: Any) -> None:
    """Set columns of a template."""
    tx.execute(sa.update(templates).where(_T.id == template_id).values(**values))


def delete(tx: Any, template_id: str) -> None:
    """Remove a template."""
    tx.execute(sa.delete(templates).where(_T.id == template_id))


def of_repository(tx: Any, repository_id: str, after: str = "", limit: int = 1000) -> Sequence[Any]:
    """The templates that are associated with a repository, in the order of their names."""
    query = sa.select(templates).join(links, links.c.template_id == _T.id)
    query = query.where(links.c.repository_id == repository_id, _T.name > after)
    return list(tx.all(query.order_by(_T.name).limit(limit)))


def repositories_of(tx: Any, template_id: str, after: str, limit: int) -> list[str]:
    """The names of the repositories that a template is associated with, in order, from behind one."""
    name = repositories.c.name
    query = sa.select(name).join(links, links.c.repository_id == repositories.c.id)
    query = query.where(links.c.template_id == template_id, name > after)
    return [row.name for row in tx.all(query.order_by(name).limit(limit))]


def linked(tx: Any, template_id: str, repository_id: str) -> bool:
    """Whether the template is associated with the repository."""
    where = sa.and_(links.c.template_id == template_id, links.c.repository_id == repository_id)
    return tx.scalar(sa.select(links.c.template_id).where(where)) is not None


def unlink(tx: Any, template_id: str, repository_id: str) -> None:
    """End an association."""
    tx.execute(sa.delete(links).where(links.c.template_id == template_id, links.c.repository_id == repository_id))
