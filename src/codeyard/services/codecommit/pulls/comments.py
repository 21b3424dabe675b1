"""All SQL of comments and of the reactions to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from codeyard.services.codecommit.pulls.tables import comments, reactions

_C = comments.c


def get(tx: Any, comment_id: str) -> Any:
    """A comment's row, or None."""
    return tx.one(sa.select(comments).where(_C.id == comment_id))


def update(tx: Any, comment_id: str, **values: Any) -> None:
    """Set columns of a comment."""
    tx.execute(sa.update(comments).where(_C.id == comment_id).values(**values))


def of_pull(tx: Any, pull: str, before: str | None, after: str | None) -> Sequence[Any]:
    """The comments on a pull request, oldest first, all of them or those between two commits."""
    query = sa.select(comments).where(_C.pull == pull)
    if before:
        query = query.where(_C.before_commit == before)
    if after:
        query = query.where(_C.after_commit == after)
    return list(tx.all(query.order_by(_C.id)))


def of_commits(tx: Any, repository_id: str, before: str | None, after: str) -> Sequence[Any]:
    """The comments on two commits that were compared, or on one, oldest first."""
    query = sa.select(comments).where(_C.repository_id == repository_id, _C.after_commit == after, _C.pull.is_(None))
    query = query.where(_C.before_commit == before) if before else query
    return list(tx.all(query.order_by(_C.id)))


def reactions_to(tx: Any, comment_ids: Sequence[str]) -> Sequence[Any]:
    """Everybody's reactions to the comments."""
    r = reactions.c
    found: list[Any] = []
    for start in range(0, len(comment_ids), 500):
        query = sa.select(reactions).where(r.comment_id.in_(comment_ids[start : start + 500]))
        found += tx.all(query.order_by(r.comment_id, r.user))
    return found


def reaction_of(tx: Any, comment_id: str, user: str) -> str | None:
    """Somebody's reaction to a comment."""
    r = reactions.c
    found = tx.scalar(sa.select(r.name).where(r.comment_id == comment_id, r.user == user))
    return None if found is None else str(found)


def remove_reaction(tx: Any, comment_id: str, user: str) -> None:
    """Take somebody's reaction back."""
    tx.execute(sa.delete(reactions).where(reactions.c.comment_id == comment_id, reactions.c.user == user))
