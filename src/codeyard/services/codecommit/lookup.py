"""Repositories by name, kept in memory: nearly every call asks for one, and few calls change one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from codeyard.engine import Kit
from codeyard.services.codecommit import store
from codeyard.services.codecommit.model import Repository

_BOUND = 4096


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is true until the next change: repositories, and what was made of them."""

    repositories: dict[tuple[str, str, str], Repository] = field(default_factory=dict)
    made: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)


class Lookup:
    """Reads through a cache that every change of a repository empties, in this process and in others.

    What was read before a change is never kept after it. Writes check again in their own transaction.
    """

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._generation = 0
        self._kept = _Kept()
        kit.db.subscribe(store.CHANGED, lambda message: self._drop())

    def _drop(self) -> None:
        self._generation += 1
        self._kept = _Kept()

    def find(self, account: str, region: str, name: str) -> Repository | None:
        """The repository of that name, or None."""
        key = (account, region, name)
        found = self._kept.repositories.get(key)
        if found is not None:
            return found
        generation, kept = self._generation, self._kept.repositories
        found = self._kit.db.read(lambda tx: store.get(tx, account, region, name))
        if found is not None and generation == self._generation and len(kept) < _BOUND:
            kept[key] = found
        return found

    def made(self, repository: Repository, purpose: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `make` makes of the repository alone, for a purpose; made once while it does not change. Not to be
        changed."""
        kept, key = self._kept, (repository.id, purpose)
        found = kept.made.get(key)
        if found is None:
            found = make()
            place = (repository.account, repository.region, repository.name)
            if kept.repositories.get(place) is repository and len(kept.made) < _BOUND:
                kept.made[key] = found
        return found

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of the repository with this ARN; none where there is no such repository."""
        parts = arn.split(":", 5)
        found = self.find(parts[4], parts[3], parts[5]) if len(parts) == 6 else None
        return dict(found.tags) if found else {}
