"""Operations that merge: branches in three ways, and commits that no branch holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.git import merging, refs
from codeyard.git.command import GitCommand
from codeyard.git.names import ZERO
from codeyard.git.pktline import RefCommand
from codeyard.services.codecommit import merges
from codeyard.services.codecommit.api.base import Base, required
from codeyard.services.codecommit.events import UNREFERENCED
from codeyard.services.codecommit.merges import FAST_FORWARD, SQUASH, THREE_WAY, Manner, Merged, Wanted
from codeyard.services.codecommit.reading import Reader

_SEARCHED = 10_000  # how many merges GetMergeCommit looks at


class Merges(Base):
    """Merge branches; make and find merge commits."""

    def merge_branches_by_fast_forward(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Move the target branch to the source; ManualMergeRequiredException when their histories parted."""

        def forward(reader: Reader, source: str, destination: str) -> Merged:
            return merges.fast_forward(self._rooms.git, reader, source, destination)

        return self._merge_branches(ctx, req, FAST_FORWARD, Manner(), forward)

    def merge_branches_by_squash(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Put all that the source changed on the target branch, as one commit."""
        return self._merge_by_commit(ctx, req, SQUASH)

    def merge_branches_by_three_way(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Put a merge commit of both on the target branch."""
        return self._merge_by_commit(ctx, req, THREE_WAY)

    def create_unreferenced_merge_commit(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Make the commit of a merge without moving a branch; it is kept, and can be fetched by its id."""
        if req["mergeOption"] == FAST_FORWARD:
            raise AwsError("InvalidMergeOptionException", "FAST_FORWARD_MERGE makes no merge commit.")
        wanted = self._wanted(ctx, req, req["mergeOption"])
        reader = self._open(ctx, req)
        source, destination = tips(reader, req)
        made = merges.merge(self._rooms.git, reader, source, destination, wanted)
        name = f"{_kept_under(destination, source, wanted.manner)}{made.commit}"
        if made.commit != destination and self._rooms.objects.info(reader.path, name) is None:
            detail = merges.event_detail(wanted.option, wanted.manner, source, destination, made.base)
            change = RefCommand(name, ZERO, made.commit)
            self._rooms.changes.apply(ctx, reader.repository, [change], made.objects, detail)
        return {"commitId": made.commit, "treeId": made.tree}

    def get_merge_commit(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The commit that merged, or would merge, the source into the destination; none is said where there is none."""
        reader = self._open(ctx, req)
        source, destination = tips(reader, req)
        found = self._merge_commit(reader, source, destination, merges.read_manner(req))
        bases = merging.merge_bases(self._rooms.git, reader.path, found[1] if found else destination, source)
        answer = {"sourceCommitId": source, "destinationCommitId": destination}
        answer |= {"baseCommitId": bases[0]} if bases else {}
        return answer | ({"mergedCommitId": found[0]} if found else {})

    def _merge_by_commit(self, ctx: Context, req: Params, option: str) -> dict[str, Any]:
        wanted = self._wanted(ctx, req, option)

        def merge(reader: Reader, source: str, destination: str) -> Merged:
            return merges.merge(self._rooms.git, reader, source, destination, wanted)

        return self._merge_branches(ctx, req, option, wanted.manner, merge)

    def _wanted(self, ctx: Context, req: Params, option: str) -> Wanted:
        names = req["sourceCommitSpecifier"], req["destinationCommitSpecifier"]
        return merges.read_wanted(req, option, ctx.principal.arn, self._kit.clock.now() // 1_000_000, names)

    def _merge_branches(
        self,
        ctx: Context,
        req: Params,
        option: str,
        manner: Manner,
        merge: Callable[[Reader, str, str], Merged],
    ) -> dict[str, Any]:
        """Merge by `merge(reader, source, destination)` and move the target, if it is still where it was."""
        reader = self._open(ctx, req)
        source, destination = tips(reader, req)
        target = _target(reader, req)
        if reader.branch_tip(target) != destination:
            raise AwsError("InvalidTargetBranchException", f"{target} is not at the destination commit.")
        made = merge(reader, source, destination)
        if made.commit != destination:
            detail = merges.event_detail(option, manner, source, destination, made.base)
            change = RefCommand(f"refs/heads/{target}", destination, made.commit)
            self._rooms.changes.apply(ctx, reader.repository, [change], made.objects, detail)
        return {"commitId": made.commit, "treeId": made.tree}

    def _merge_commit(self, reader: Reader, source: str, destination: str, manner: Manner) -> tuple[str, str] | None:
        """(the merge commit, what the source was merged into)."""
        git, path = self._rooms.git, reader.path
        kept = list(refs.list_refs(git, path, _kept_under(destination, source, manner)).values())
        if kept:
            return kept[-1], destination
        flags = ["--min-parents=2", "--parents", f"--max-count={_SEARCHED}"]
        for scope, tip in (([], destination), (["--branches"], None)):
            operands = [tip, f"^{source}"] if tip else [f"^{source}", f"^{destination}"]
            found = git.run(GitCommand("rev-list", [*flags, *scope], operands, repository=path)).stdout
            for line in reversed(found.decode().splitlines()):
                commit_id, first, *others = line.split()
                if source in others and (tip or first == destination):
                    return commit_id, first
        return None


def tips(reader: Reader, req: Params) -> tuple[str, str]:
    """The commits that a merge's source and destination stand for."""
    specifiers = [
        required(req, m, "CommitRequiredException") for m in ("sourceCommitSpecifier", "destinationCommitSpecifier")
    ]
    return reader.resolve(specifiers[0]), reader.resolve(specifiers[1])


def _kept_under(destination: str, source: str, manner: Manner) -> str:
    return f"{UNREFERENCED}{destination}/{source}/{manner.level}/{manner.strategy}/"


def _target(reader: Reader, req: Params) -> str:
    name = req.get("targetBranch") or req["destinationCommitSpecifier"].removeprefix("refs/heads/")
    if reader.branch_tip(name) is None:
        if reader.is_tag(name):
            raise AwsError("BranchNameIsTagNameException", f"{name} is a tag, not a branch.")
        raise AwsError("BranchDoesNotExistException", f"Branch {name} does not exist.")
    return str(name)
