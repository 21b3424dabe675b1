"""Operations on branches."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.git import refs
from codeyard.git.names import ZERO
from codeyard.git.pktline import RefCommand
from codeyard.services.codecommit import model, store
from codeyard.services.codecommit.api.base import Base, no_repository, required
from codeyard.services.codecommit.reading import Reader
from codeyard.services.codecommit.refs import HEAD


class Branches(Base):
    """Create, read, list and delete branches; choose the default one."""

    def create_branch(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Create a branch at a commit; BranchNameExistsException when it is there."""
        reader = self._open(ctx, req)
        name, commit_id = req["branchName"], req["commitId"]
        exists = reader.branch_tip(name) is not None
        model.check_commit_id(commit_id)
        if exists:
            raise AwsError("BranchNameExistsException", f"Branch {name} already exists.")
        if not reader.has_commit(commit_id):
            raise AwsError("CommitDoesNotExistException", f"Commit {commit_id} does not exist.")
        try:
            self._move(ctx, reader, name, ZERO, commit_id)
        except AwsError as error:
            if error.code != "ConcurrentReferenceUpdateException":
                raise
            raise AwsError("BranchNameExistsException", f"Branch {name} or one in its way exists.") from error
        return {}

    def get_branch(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A branch and the commit that it holds."""
        reader = self._open(ctx, req)
        name = required(req, "branchName", "BranchNameRequiredException")
        return {"branch": {"branchName": name, "commitId": _tip(reader, name)}}

    def list_branches(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The branches' names in order, a page at a time."""
        reader = self._open(ctx, req)
        token = model.decode_token(req.get("nextToken"), a=str)
        found = refs.list_refs(self._rooms.git, reader.path, "refs/heads/")
        names = sorted(name.removeprefix("refs/heads/") for name in found)
        names = [name for name in names if not token or name > token["a"]]
        answer: dict[str, Any] = {"branches": names[: model.PAGE]}
        if len(names) > model.PAGE:
            answer["nextToken"] = model.encode_token(a=names[model.PAGE - 1])
        return answer

    def delete_branch(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a branch, though never the default one; succeeds empty-handed where there is none."""
        reader = self._open(ctx, req)
        name = req["branchName"]
        tip = reader.branch_tip(name)
        if name == reader.repository.default_branch:
            raise AwsError("DefaultBranchCannotBeDeletedException", f"{name} is the default branch.")
        if tip is None:
            return {}
        self._move(ctx, reader, name, tip, ZERO)
        return {"deletedBranch": {"branchName": name, "commitId": tip}}

    def update_default_branch(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Choose the default branch, which HEAD then names."""
        reader = self._open(ctx, req)
        name = required(req, "defaultBranchName", "BranchNameRequiredException")
        _tip(reader, name)
        repository, now = reader.repository, self._kit.clock.now()

        def write(tx: Any) -> None:
            if store.get_by_id(tx, repository.id) is None:
                raise no_repository(repository.name)
            store.update(tx, repository.id, default_branch=name, modified=now)
            tx.effect(HEAD, f"{repository.id}:{ctx.request_id}", {"repositoryId": repository.id})

        ctx.write(write)
        self._rooms.changes.align_head("", {"repositoryId": repository.id})
        return {}

    def _move(self, ctx: Context, reader: Reader, branch: str, old: str, new: str) -> None:
        change = RefCommand(f"refs/heads/{branch}", old, new)
        self._rooms.changes.apply(ctx, reader.repository, [change])


def _tip(reader: Reader, name: str) -> str:
    tip = reader.branch_tip(name)
    if tip is None:
        raise AwsError("BranchDoesNotExistException", f"Branch {name} does not exist.")
    return tip
