"""Repositories under KMS keys: made, opened for a call, and moved from key to key.

Each call that reads or changes content asks KMS for the secret as its caller, so that a key that is disabled, or a
caller who may not use it, counts with the very next call; the files themselves stay open meanwhile for those who may.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from codeyard.contract import AwsError, Context
from codeyard.engine import Kit
from codeyard.git.gocryptfs import Unavailable, Unreadable
from codeyard.services.codecommit import keys, store
from codeyard.services.codecommit.model import Repository
from codeyard.services.codecommit.refs import RefChanges
from codeyard.services.codecommit.repositories import RepositoryStore

# For these nobody shall read on, whoever asked.
_LOST = frozenset({"EncryptionKeyDisabledException", "EncryptionKeyNotFoundException"})


class Encryption:
    """What the operations ask of it."""

    def __init__(self, kit: Kit, repositories: RepositoryStore, changes: RefChanges) -> None:
        self._kit, self._repositories, self._changes = kit, repositories, changes

    def create(self, ctx: Context, repository_id: str, key_id: str | None) -> dict[str, Any]:
        """Make an empty repository, under the key if one is named; what its row says of the key."""
        if not key_id:
            self._repositories.create(repository_id)
            return {}
        found = keys.lock(ctx, repository_id, key_id)
        with _told():
            self._repositories.create(repository_id, found.secret)
        return {"kms_key": found.key, "wrapped_secret": found.wrapped}

    def open(self, ctx: Context, repository: Repository) -> None:
        """See to it that the repository's files can be used; one of the Encryption exceptions where they may not."""
        if repository.kms_key is None:
            return
        try:
            secret = keys.unlock(ctx, repository.id, repository.kms_key, repository.wrapped_secret)
        except AwsError as refusal:
            if refusal.code in _LOST:
                self._repositories.shut(repository.id)
            raise
        with _told():
            opened = self._repositories.open(repository.id, secret)
        if opened:
            self._changes.resume(repository)

    def change(self, ctx: Context, repository_id: str, key_id: str) -> tuple[Repository, str]:
        """Keep the repository under another key, or under one for the first time; it as it was, and the new ARN.

        A secret is wrapped anew; files that were plain are copied, while nobody may push.
        """
        with self._changes.locks.hold_all(repository_id):
            before = self._kit.db.read(lambda tx: store.get_by_id(tx, repository_id))
            if before is None:
                raise AwsError("RepositoryDoesNotExistException", "The repository was deleted meanwhile.")
            if before.kms_key is not None:
                arn, wrapped = keys.relock(ctx, repository_id, before.wrapped_secret, key_id)
                self._record(ctx, repository_id, arn, wrapped)
            else:
                arn = self._encrypt(ctx, repository_id, key_id)
        return before, arn

    def _encrypt(self, ctx: Context, repository_id: str, key_id: str) -> str:
        found = keys.lock(ctx, repository_id, key_id)
        with _told():
            self._repositories.encrypt(repository_id, found.secret)
        try:
            self._record(ctx, repository_id, found.key, found.wrapped)
        except BaseException:
            self._repositories.shut(repository_id)
            raise
        with _told():
            self._repositories.open(repository_id, found.secret)
        return found.key

    def _record(self, ctx: Context, repository_id: str, key: str, wrapped: bytes) -> None:
        now = self._kit.clock.now()

        def write(tx: Any) -> None:
            store.update(tx, repository_id, kms_key=key, wrapped_secret=wrapped, modified=now)

        ctx.write(write)


@contextmanager
def _told() -> Iterator[None]:
    """What cannot be encrypted or opened here, in CodeCommit's words."""
    try:
        yield
    except Unavailable as error:
        said = f"This server cannot keep repositories under KMS keys: {error}. `codeyard doctor` tells more."
        raise AwsError("EncryptionKeyUnavailableException", said) from error
    except Unreadable as error:
        said = "The repository's files do not belong to its key."
        raise AwsError("EncryptionIntegrityChecksFailedException", said) from error
