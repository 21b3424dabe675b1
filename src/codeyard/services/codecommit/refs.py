"""How every reference changes, by API and by push alike. An answer is given only when all of this is done:

    intent rows -> objects -> compare-and-swap of the references -> one transaction: events, audit, intents closed

What a crash leaves open is settled by comparing the references: at start, and when a batch's lease ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from codeyard.contract import AwsError, Context
from codeyard.engine import Kit
from codeyard.engine.crash import crash_point, register
from codeyard.git import refs
from codeyard.git.command import Git, GitError
from codeyard.git.names import ZERO
from codeyard.git.objects import NewObject, write_objects
from codeyard.git.pktline import RefCommand
from codeyard.services.codecommit import events, model, store, trail, triggers
from codeyard.services.codecommit.model import Intent, Repository
from codeyard.services.codecommit.pulls import changes as pull_changes
from codeyard.services.codecommit.repositories import RepositoryStore

INTENT = register("codecommit.intent", "the intent is written, nothing is done yet")
OBJECTS = register("codecommit.objects", "the objects are written, the reference still has its old value")
SWAPPED = register("codecommit.swapped", "the reference has its new value, no event and no record exist yet")
CLOSED = register("codecommit.closed", "everything is durable, the answer is not sent")

SETTLE, HEAD = "codecommit.settle", "codecommit.head"
LEASE_US = 15 * 60 * 1_000_000


class RefLocks:
    """Lets one change at a time touch a reference, so that events come in the order of the changes."""

    def __init__(self) -> None:
        self._held: set[tuple[str, str]] = set()
        self._whole: set[str] = set()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, repository_id: str, names: Iterable[str], timeout: float = 60.0) -> Iterator[None]:
        """Hold all the references, or raise ConcurrentReferenceUpdateException after the timeout."""
        wanted = {(repository_id, name) for name in names}
        with self._changed:
            if not self._changed.wait_for(
                lambda: repository_id not in self._whole and not wanted & self._held, timeout
            ):
                raise concurrent_update()
            self._held |= wanted
        try:
            yield
        finally:
            with self._changed:
                self._held -= wanted
                self._changed.notify_all()

    @contextmanager
    def hold_all(self, repository_id: str, timeout: float = 60.0) -> Iterator[None]:
        """Hold every reference of a repository, those to come too; ConcurrentReferenceUpdateException if it is busy."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._is_busy(repository_id), timeout):
                raise concurrent_update()
            self._whole.add(repository_id)
        try:
            yield
        finally:
            with self._changed:
                self._whole.discard(repository_id)
                self._changed.notify_all()

    def _is_busy(self, repository_id: str) -> bool:
        return repository_id in self._whole or any(held == repository_id for held, _ in self._held)


@dataclass(frozen=True, slots=True)
class Batch:
    """The intents of one call."""

    id: str
    repository: Repository
    changes: tuple[Intent, ...]
    caller: str
    detail: Mapping[str, Any] = field(default_factory=dict)


class RefChanges:
    """The protocol. `push` lends it to receive-pack; `apply` does it all for API operations."""

    def __init__(self, kit: Kit, git: Git, repositories: RepositoryStore) -> None:
        self._kit, self._git, self._repositories = kit, git, repositories
        self.locks = RefLocks()
        self._live: set[str] = set()

    def apply(
        self,
        ctx: Context,
        repository: Repository,
        changes: Sequence[RefCommand],
        objects: Sequence[NewObject] = (),
        detail: Mapping[str, Any] | None = None,
        *,
        held: bool = False,
    ) -> None:
        """Change references for an API call; ConcurrentReferenceUpdateException when one was moved meanwhile.

        `held`: the caller holds them already, and perhaps others.
        """
        with nullcontext() if held else self.locks.hold(repository.id, [change.ref for change in changes]):
            batch = self.open(ctx, repository, changes, detail or {})
            try:
                self._carry_out(repository, changes, objects)
            except refs.RefConflict as conflict:
                self._give_up(batch)
                raise concurrent_update() from conflict
            except BaseException:
                self.settle_batch(batch)
                raise
            self.close(ctx, batch, batch.changes)

    def _carry_out(self, repository: Repository, changes: Sequence[RefCommand], objects: Sequence[NewObject]) -> None:
        path = self._repositories.path(repository.id)
        try:
            write_objects(self._git, path, objects)
        except GitError as refusal:
            if "fsck error" not in refusal.message:
                raise
            text = "The commit holds a file that no client would check out, such as a harmful .gitmodules."
            raise AwsError("InvalidPathException", text) from None
        crash_point(OBJECTS)
        refs.update_refs(self._git, path, changes)

    def _give_up(self, batch: Batch) -> None:
        """Nothing of the batch was done, and git said so."""
        self._live.discard(batch.id)
        self._kit.db.write(lambda tx: self._conclude(tx, batch, ()))

    def open(
        self,
        ctx: Context,
        repository: Repository,
        changes: Sequence[RefCommand],
        detail: Mapping[str, Any] | None = None,
    ) -> Batch:
        """Write the intents, durable when this returns."""
        batch_id = self._kit.ids.uuid()
        found = tuple(Intent(batch_id, repository.id, c.ref, c.old, c.new) for c in changes)
        batch = Batch(batch_id, repository, found, ctx.principal.arn, detail or {})
        caller = trail.caller_of(ctx)
        now = self._kit.clock.now()

        def write(tx: Any) -> None:
            if store.get_by_id(tx, repository.id) is None:
                raise AwsError("RepositoryDoesNotExistException", f"{repository.name} does not exist")
            store.open_intents(tx, found, caller, batch.detail, now)
            tx.timer(SETTLE, batch_id, now + LEASE_US)

        self._live.add(batch_id)
        try:
            self._kit.db.write(write)
        except BaseException:
            self._live.discard(batch_id)
            raise
        crash_point(INTENT)
        return batch

    def close(
        self, ctx: Context, batch: Batch, done: Sequence[Intent], extra: Callable[[Any], None] | None = None
    ) -> None:
        """The call's one write: events of what was done, the audit record, the intents closed."""
        crash_point(SWAPPED)

        def write(tx: Any) -> None:
            self._conclude(tx, batch, done)
            if extra is not None:
                extra(tx)

        try:
            ctx.write(write)
        finally:  # refused, it stays open: whoever looks when the lease ends may settle it
            self._live.discard(batch.id)
        self._follow_default(batch.repository.id, done)
        crash_point(CLOSED)

    def _conclude(self, tx: Any, batch: Batch, done: Sequence[Intent]) -> None:
        now = self._kit.clock.now()
        if not store.close_intents(tx, batch.id):
            return
        tx.cancel_timer(SETTLE, batch.id)
        repository = store.get_by_id(tx, batch.repository.id)
        if repository is None or not done:
            return
        for change in done:
            event = events.reference_change(repository, change, batch.caller, batch.detail, now)
            if event is not None:
                tx.emit(event)
            pull_changes.follow(tx, repository, change, batch.caller, batch.detail, now)
        triggers.fire(tx, repository, batch.id, done, batch.caller, now)
        store.update(tx, repository.id, modified=now)
        branch = model.first_branch([change.ref for change in done if change.new != ZERO])
        if branch and store.set_first_default(tx, repository.id, branch):
            tx.effect(HEAD, f"{repository.id}:{batch.id}", {"repositoryId": repository.id})

    def _follow_default(self, repository_id: str, done: Sequence[Intent]) -> None:
        if any(change.old == ZERO for change in done):
            self.align_head("", {"repositoryId": repository_id})

    def align_head(self, token: str, payload: dict[str, Any]) -> None:
        """Make HEAD name the repository's default branch (an effect: durable, and harmless to repeat)."""
        repository = self._kit.db.read(lambda tx: store.get_by_id(tx, payload["repositoryId"]))
        if repository is not None and repository.default_branch:
            self._repositories.point_head(repository.id, repository.default_branch)

    def settle_batch(self, batch: Batch) -> None:
        """Settle a call of this process that broke off."""
        self._live.discard(batch.id)
        self._settle(batch.repository.id, {batch.id})

    def settle_lapsed(self, batch_id: str) -> None:
        """A batch's lease ended: settle it, or look again later when this process is still at it."""
        if batch_id in self._live:
            at = self._kit.clock.now() + LEASE_US
            self._kit.db.write(lambda tx: tx.timer(SETTLE, batch_id, at))
            return
        repository_id = self._kit.db.read(lambda tx: store.repository_of_batch(tx, batch_id))
        if repository_id is not None:
            self._settle(repository_id, {batch_id})

    def settle_all(self) -> None:
        """Settle everything that an earlier process left open."""
        waiting: dict[str, set[str]] = {}
        for repository_id, batch_id in self._kit.db.read(store.batches):
            waiting.setdefault(repository_id, set()).add(batch_id)
        for repository_id, batch_ids in waiting.items():
            self._settle(repository_id, batch_ids)

    def resume(self, repository: Repository) -> None:
        """Settle what was left open of a repository that was closed, and is open now."""
        if repository.default_branch:
            self._repositories.point_head(repository.id, repository.default_branch)
        waiting = {batch for _, batch in self._kit.db.read(lambda tx: store.batches(tx, repository.id))} - self._live
        if waiting:
            self._settle(repository.id, waiting)

    def _settle(self, repository_id: str, batch_ids: set[str]) -> None:
        path = self._repositories.path(repository_id)
        if path.is_symlink() and not path.exists():
            return  # encrypted, and closed: `resume` comes when it is opened
        current = refs.list_refs(self._git, path) if path.exists() else {}

        def write(tx: Any) -> list[Intent]:
            rows = store.intents_of(tx, repository_id)
            happened = model.judge(current, [intent for intent, _, _ in rows])
            repository = store.get_by_id(tx, repository_id)
            return self._conclude_all(tx, repository, rows, happened, batch_ids)

        self._follow_default(repository_id, self._kit.db.write(write))

    def _conclude_all(
        self,
        tx: Any,
        repository: Repository | None,
        rows: Sequence[tuple[Intent, dict[str, Any], dict[str, Any]]],
        happened: Sequence[Intent],
        batch_ids: set[str],
    ) -> list[Intent]:
        concluded: list[Intent] = []
        for batch_id in dict.fromkeys(intent.batch for intent, _, _ in rows if intent.batch in batch_ids):
            if repository is None:
                store.close_intents(tx, batch_id)
                continue
            mine = [(caller, detail) for intent, caller, detail in rows if intent.batch == batch_id]
            done = [intent for intent, _, _ in rows if intent.batch == batch_id and intent in happened]
            batch = Batch(batch_id, repository, tuple(done), mine[0][0]["arn"], mine[0][1])
            self._conclude(tx, batch, done)
            if done:
                tx.audit(trail.settled_record(repository, mine[0][0], done, self._kit.ids.uuid()))
            concluded += done
        return concluded


def concurrent_update() -> AwsError:
    """What a call is told that lost a race."""
    return AwsError("ConcurrentReferenceUpdateException", "The reference was changed by another request.")
