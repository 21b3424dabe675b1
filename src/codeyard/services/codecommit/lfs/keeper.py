"""What Git LFS asks of a repository. Every request is a GitPull or a GitPush that the gateway has let in.

The answers are plain members for the door, which makes links and JSON of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from codeyard.contract import AwsError, BlobRange, Context
from codeyard.engine import Kit
from codeyard.formats.moments import iso_z
from codeyard.git.lfs import LfsRequest, too_large
from codeyard.services.codecommit import store as repositories
from codeyard.services.codecommit.lfs import store
from codeyard.services.codecommit.lfs.store import Lock
from codeyard.services.codecommit.model import Repository

_Action = Callable[[Context, Repository, LfsRequest], dict[str, Any]]


class LargeFiles:
    """Keeps objects and locks."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._pulls: Mapping[str, _Action] = {"download": self._lookup, "get": self._get, "locks": self._locks}
        self._pushes: Mapping[str, _Action] = {
            "upload": self._lookup,
            "put": self._put,
            "verify": self._verify,
            "lock": self._lock,
            "verify-locks": self._locks,
            "unlock": self._unlock,
        }

    def pull(self, ctx: Context, repository: Repository, req: LfsRequest) -> dict[str, Any]:
        """Answer what GitPull allows: which objects there are, one object, the locks."""
        return self._answer(self._pulls, ctx, repository, req)

    def push(self, ctx: Context, repository: Repository, req: LfsRequest) -> dict[str, Any]:
        """Answer what GitPush allows: what is missing, an upload and its verification, taking and leaving locks."""
        return self._answer(self._pushes, ctx, repository, req)

    def forget(self, repository_id: str) -> None:
        """Let go of everything of a repository that is gone, a little in each write."""
        while self._kit.db.write(lambda tx: store.forget_some(tx, repository_id)):
            pass

    def _answer(
        self, actions: Mapping[str, _Action], ctx: Context, repository: Repository, req: LfsRequest
    ) -> dict[str, Any]:
        if req.repository_id not in ("", repository.id):
            raise _missing("The repository that the link was made for is gone.")
        moved = req.action in ("get", "put")
        names = {"repositoryName": repository.name, "repositoryId": repository.id}
        ctx.annotate(protocol=req.get("transport") or "HTTP", dataTransferred=moved, lfs=True, **names)
        return actions[req.action](ctx, repository, req)

    def _lookup(self, ctx: Context, repository: Repository, req: LfsRequest) -> dict[str, Any]:
        """Sizes of the objects that are stored; the door says what follows of it."""
        oids = [one["oid"] for one in req.asked["objects"]]
        found = self._kit.db.read(lambda tx: store.stored(tx, repository.id, oids))
        return {"repositoryId": repository.id, "sizes": {oid: size for oid, (_, size) in found.items()}}

    def _get(self, ctx: Context, repository: Repository, req: LfsRequest) -> dict[str, Any]:
        blob_id, size = self._stored(repository, req)
        return {"body": BlobRange(blob_id, 0, size)}

    def _verify(self, ctx: Context, repository: Repository, req: LfsRequest) -> dict[str, Any]:
        self._stored(repository, req)
        return {}

    def _stored(self, repository: Repository, req: LfsRequest) -> tuple[str, int]:
        oid, size = req.asked["oid"], req.asked["size"]
        found = self._kit.db.read(lambda tx: store.stored(tx, repository.id, [oid])).get(oid)
        if found is None:
            raise _missing(f"The object {oid} does not exist.")
        if found[1] != size:
            raise AwsError("LfsInvalidObject", f"The object {oid} has {found[1]} bytes, not {size}.", status=422)
        return found

    def _put(self, ctx: Context, repository: Repository, req: LfsRequest) -> dict[str, Any]:
        """Store what was sent, once; its hash and its size were compared before it became a blob."""
        staged = req.staged
        assert staged is not None
        if message := too_large(staged.size):
            raise AwsError("LfsObjectTooLarge", message, status=413)
        oid = str(req.asked["oid"])

        def write(tx: Any) -> str:
            _must_exist(tx, repository)
            return store.keep(tx, repository.id, oid, staged.size, staged.blob_id, ctx.now)

        if ctx.write(write) != staged.blob_id:  # it was there: the second copy goes
            self._kit.blobs.delete(staged.blob_id)
        return {}

    def _lock(self, ctx: Context, repository: Repository, req: LfsRequest) -> dict[str, Any]:
        principal = ctx.principal
        name = principal.arn.rpartition(":")[2].partition("/")[2] or principal.arn
        lock = Lock(self._kit.ids.ordered_uuid(ctx.now), req.asked["path"], principal.arn, name, ctx.now)

        def write(tx: Any) -> dict[str, Any]:
            _must_exist(tx, repository)
            if (there := store.lock_of(tx, repository.id, path=lock.path)) is not None:
                raise AwsError("LfsLockExists", _locked(there), status=409, lock=_shown(there))
            store.add_lock(tx, repository.id, lock)
            return {"lock": _shown(lock)}

        return ctx.write(write)

    def _unlock(self, ctx: Context, repository: Repository, req: LfsRequest) -> dict[str, Any]:
        def write(tx: Any) -> dict[str, Any]:
            lock = store.lock_of(tx, repository.id, lock_id=req.asked["id"])
            if lock is None:
                raise _missing("There is no such lock.")
            if lock.owner != ctx.principal.arn and not req.asked["force"]:
                raise AwsError("LfsLockedByAnother", f"{_locked(lock)}; use --force.", status=403)
            store.remove_lock(tx, repository.id, lock.id)
            return {"lock": _shown(lock)}

        return ctx.write(write)

    def _locks(self, ctx: Context, repository: Repository, req: LfsRequest) -> dict[str, Any]:
        """A page of locks, each with whether it is the caller's."""
        limit = req.asked["limit"]
        path, lock_id, after = (req.asked.get(name, "") for name in ("path", "id", "cursor"))
        found = self._kit.db.read(
            lambda tx: store.list_locks(tx, repository.id, path=path, lock_id=lock_id, after=after, limit=limit + 1)
        )
        page = [(_shown(lock), lock.owner == ctx.principal.arn) for lock in found[:limit]]
        return {"page": page, "cursor": found[limit - 1].id if len(found) > limit else ""}


def _must_exist(tx: Any, repository: Repository) -> None:
    if repositories.get_by_id(tx, repository.id) is None:
        raise AwsError("RepositoryDoesNotExistException", f"{repository.name} does not exist")


def _missing(message: str) -> AwsError:
    return AwsError("LfsNotFound", message, status=404)


def _locked(lock: Lock) -> str:
    return f"{lock.path} is locked by {lock.name}"


def _shown(lock: Lock) -> dict[str, Any]:
    return {"id": lock.id, "path": lock.path, "locked_at": iso_z(lock.created), "owner": {"name": lock.name}}
