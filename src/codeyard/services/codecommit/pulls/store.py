"""All SQL of pull requests, their rules, approvals and events, and of request tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from codeyard.contract import AwsError
from codeyard.services.codecommit.pulls.tables import (
    approvals,
    comments,
    counters,
    overrides,
    pull_events,
    pulls,
    reactions,
    rules,
    template_links,
    tokens,
)
from codeyard.storage import dumps

_P = pulls.c


def next_number(tx: Any, place: str) -> int:
    """The next pull request's number in an account's region; numbers are never used again."""
    last = int(tx.scalar(sa.select(counters.c.last).where(counters.c.place == place)) or 0) + 1
    tx.upsert(counters, {"place": place}, {"last": last})
    return last


def get(tx: Any, pull: str) -> Any:
    """A pull request's row, or None."""
    return tx.one(sa.select(pulls).where(_P.pull == pull))


def update(tx: Any, pull: str, **values: Any) -> None:
    """Set columns of a pull request."""
    tx.execute(sa.update(pulls).where(_P.pull == pull).values(**values))


def count_open(tx: Any, repository_id: str) -> int:
    """How many open pull requests the repository has."""
    where = sa.and_(_P.repository_id == repository_id, _P.status == "OPEN")
    return int(tx.scalar(sa.select(sa.func.count()).select_from(pulls).where(where)) or 0)


def page(
    tx: Any, repository_id: str, *, author: str | None, status: str | None, before: int | None, limit: int
) -> list[int]:
    """Numbers of pull requests, the newest first, from below `before`."""
    query = sa.select(_P.number).where(_P.repository_id == repository_id)
    if author:
        query = query.where(_P.author == author)
    if status:
        query = query.where(_P.status == status)
    if before is not None:
        query = query.where(_P.number < before)
    return [row.number for row in tx.all(query.order_by(_P.number.desc()).limit(limit))]


def open_from(tx: Any, repository_id: str, reference: str) -> list[Any]:
    """The open pull requests whose source the reference is."""
    where = sa.and_(_P.repository_id == repository_id, _P.source == reference, _P.status == "OPEN")
    return list(tx.all(sa.select(pulls).where(where).order_by(_P.number)))


def move_destination(tx: Any, repository_id: str, reference: str, commit: str) -> None:
    """Tell the open pull requests into the reference where it is now."""
    where = sa.and_(_P.repository_id == repository_id, _P.destination == reference, _P.status == "OPEN")
    tx.execute(sa.update(pulls).where(where).values(destination_commit=commit))


def add_event(tx: Any, pull: str, kind: str, actor: str, time: int, said: Mapping[str, Any]) -> None:
    """Append to a pull request's events."""
    e = pull_events.c
    last = int(tx.scalar(sa.select(sa.func.max(e.number)).where(e.pull == pull)) or 0)
    tx.insert(pull_events, pull=pull, number=last + 1, kind=kind, actor=actor, time=time, said=dumps(dict(said)))


def events_of(tx: Any, pull: str, *, kind: str | None, actor: str | None, after: int, limit: int) -> list[Any]:
    """A pull request's events, oldest first, from behind the number `after`."""
    e = pull_events.c
    query = sa.select(pull_events).where(e.pull == pull, e.number > after)
    if kind:
        query = query.where(e.kind == kind)
    if actor:
        query = query.where(e.actor == actor)
    return list(tx.all(query.order_by(e.number).limit(limit)))


def rules_of(tx: Any, pull: str) -> list[Any]:
    """A pull request's approval rules, in the order of their names."""
    return list(tx.all(sa.select(rules).where(rules.c.pull == pull).order_by(rules.c.name)))


def update_rule(tx: Any, pull: str, name: str, **values: Any) -> None:
    """Set columns of a rule."""
    tx.execute(sa.update(rules).where(rules.c.pull == pull, rules.c.name == name).values(**values))


def delete_rule(tx: Any, pull: str, name: str) -> None:
    """Remove a rule."""
    tx.execute(sa.delete(rules).where(rules.c.pull == pull, rules.c.name == name))


def approvers(tx: Any, pull: str, revision: str) -> list[str]:
    """Who approved the revision, first come first."""
    a = approvals.c
    query = sa.select(a.user).where(a.pull == pull, a.revision == revision).order_by(a.time, a.user)
    return [row.user for row in tx.all(query)]


def revoke(tx: Any, pull: str, revision: str, user: str) -> None:
    """Take an approval back."""
    a = approvals.c
    tx.execute(sa.delete(approvals).where(a.pull == pull, a.revision == revision, a.user == user))


def overrider(tx: Any, pull: str, revision: str) -> str | None:
    """Who set the rules aside for the revision."""
    o = overrides.c
    found = tx.scalar(sa.select(o.user).where(o.pull == pull, o.revision == revision))
    return None if found is None else str(found)


def end_override(tx: Any, pull: str, revision: str) -> None:
    """Put the rules in force again."""
    tx.execute(sa.delete(overrides).where(overrides.c.pull == pull, overrides.c.revision == revision))


def made_by(tx: Any, keys: Mapping[str, str], digest: str) -> str | None:
    """What an earlier call with this token made; IdempotencyParameterMismatchException when it asked for other."""
    if not keys["token"]:
        return None
    row = tx.one(sa.select(tokens).where(*(tokens.c[name] == value for name, value in keys.items())))
    if row is None:
        return None
    if row.digest != digest:
        raise AwsError("IdempotencyParameterMismatchException", "The token was used with other parameters.")
    return str(row.made)


def remember(tx: Any, keys: Mapping[str, str], digest: str, repository_id: str, made: str) -> None:
    """Keep what a call with a token made."""
    if keys["token"]:
        tx.insert(tokens, **keys, digest=digest, repository_id=repository_id, made=made)


def forget(tx: Any, repository_id: str) -> None:
    """Remove everything that hangs on a repository."""
    mine = sa.select(_P.pull).where(_P.repository_id == repository_id)
    for table in (pull_events, rules, approvals, overrides):
        tx.execute(sa.delete(table).where(table.c.pull.in_(mine)))
    said = sa.select(comments.c.id).where(comments.c.repository_id == repository_id)
    tx.execute(sa.delete(reactions).where(reactions.c.comment_id.in_(said)))
    for table in (comments, pulls, template_links, tokens):
        tx.execute(sa.delete(table).where(table.c.repository_id == repository_id))
