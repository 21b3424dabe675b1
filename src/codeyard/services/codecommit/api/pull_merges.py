"""Merging pull requests: whatever makes the resulting commit, the rest is one and the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.git.names import is_object_id
from codeyard.git.pktline import RefCommand
from codeyard.services.codecommit import merges
from codeyard.services.codecommit.api.pull_base import (
    PullBase,
    evaluation,
    existing,
    must_be_open,
    pull_key,
    repository_of,
)
from codeyard.services.codecommit.merges import FAST_FORWARD, SQUASH, THREE_WAY, Manner, Merged
from codeyard.services.codecommit.model import Repository
from codeyard.services.codecommit.pulls import changes as pull_changes
from codeyard.services.codecommit.reading import Reader

Merge = Callable[[Reader, str, str], Merged]


class PullMerges(PullBase):
    """Merge a pull request and close it, in one step with the move of its destination."""

    def merge_pull_request_by_fast_forward(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Move the destination to the source; ManualMergeRequiredException when their histories parted."""

        def forward(reader: Reader, source: str, destination: str) -> Merged:
            return merges.fast_forward(self._rooms.git, reader, source, destination)

        return self._merge_pull(ctx, req, FAST_FORWARD, Manner(), forward)

    def merge_pull_request_by_squash(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Put all that the source changed on the destination, as one commit, and close."""
        return self._merge_pull_by_commit(ctx, req, SQUASH)

    def merge_pull_request_by_three_way(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Put a merge commit of both on the destination, and close."""
        return self._merge_pull_by_commit(ctx, req, THREE_WAY)

    def _merge_pull_by_commit(self, ctx: Context, req: Params, option: str) -> dict[str, Any]:
        pull, now = self._pull(ctx, req), self._kit.clock.now() // 1_000_000
        names = pull.source.removeprefix("refs/heads/"), pull.destination.removeprefix("refs/heads/")
        wanted = merges.read_wanted(req, option, ctx.principal.arn, now, names)

        def merge(reader: Reader, source: str, destination: str) -> Merged:
            return merges.merge(self._rooms.git, reader, source, destination, wanted)

        return self._merge_pull(ctx, req, option, wanted.manner, merge)

    def _merge_pull(self, ctx: Context, req: Params, option: str, manner: Manner, merge: Merge) -> dict[str, Any]:
        """Merge by `merge(reader, source tip, destination tip)`, if the rules allow it, and close."""
        found = self._pull(ctx, req)
        reader = self._open(ctx, req)
        if found.repository_id != reader.repository.id:
            raise AwsError("RepositoryNotAssociatedWithPullRequestException", "It is of another repository.")
        with self._held(found, found.source, found.destination):
            repository, pull = self._mergeable(found)
            source, destination = _tips(reader, pull, req.get("sourceCommitId"))
            made = merge(reader, source, destination)
            if made.commit == destination:
                self._close(ctx, repository, pull, destination, option)
            else:
                detail = merges.event_detail(option, manner, source, destination, made.base)
                change = RefCommand(pull.destination, destination, made.commit)
                merging = {**detail, pull_changes.MERGED: pull.pull}
                self._rooms.changes.apply(ctx, repository, [change], made.objects, merging, held=True)
        return self._shape(ctx, pull_key(ctx, req))

    def _mergeable(self, found: Any) -> tuple[Repository, Any]:
        def read(tx: Any) -> tuple[Repository, Any]:
            pull = existing(tx, found.pull)
            must_be_open(pull)
            if not evaluation(tx, pull)["approved"]:
                raise AwsError("PullRequestApprovalRulesNotSatisfiedException", "Approval rules are not satisfied.")
            return repository_of(tx, pull), pull

        answer: tuple[Repository, Any] = self._kit.db.read(read)
        return answer

    def _close(self, ctx: Context, repository: Repository, pull: Any, commit: str, option: str) -> None:
        """Merge what the destination holds already."""
        by, now = ctx.principal.arn, self._kit.clock.now()
        ctx.write(lambda tx: pull_changes.merged(tx, repository, pull.pull, commit, option, commit, by, now))


def _tips(reader: Reader, pull: Any, expected: str | None) -> tuple[str, str]:
    if expected is not None and not is_object_id(expected):
        raise AwsError("InvalidCommitIdException", f"Invalid commit ID: {expected[:64]}.")
    found = [reader.branch_tip(ref.removeprefix("refs/heads/")) for ref in (pull.source, pull.destination)]
    source, destination = found
    if source is None or destination is None:
        missing = pull.source if source is None else pull.destination
        raise AwsError("ReferenceDoesNotExistException", f"{missing} does not exist.")
    if expected is not None and expected != source:
        raise AwsError("TipOfSourceReferenceIsDifferentException", "The source branch has another tip.")
    if source != pull.source_commit:  # moved, and the move is not yet settled: nobody approved that commit
        raise AwsError("ConcurrentReferenceUpdateException", "The source was changed by another request.")
    return source, destination
