"""The doors GitPull, GitPush and UploadArchive: authorized, recorded and turned into events like any call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.git import refs
from codeyard.git.command import is_protocol
from codeyard.git.names import ZERO, is_valid_branch, split_ref
from codeyard.git.pktline import PushHead, RefCommand, Report, read_report, write_report
from codeyard.git.transfer import Advertiser, PushRequest, SessionPipe, UploadPipe, receive
from codeyard.services.codecommit import model
from codeyard.services.codecommit.api.base import Base, Rooms, required
from codeyard.services.codecommit.archives import Archives
from codeyard.services.codecommit.model import Intent, Repository
from codeyard.services.codecommit.refs import Batch

_SESSIONS = ("upload-pack", "upload-archive")  # what a client speaks with as long as it stays, which is SSH's way


class Transfers(Base):
    """Fetches and pushes."""

    def __init__(self, rooms: Rooms) -> None:
        super().__init__(rooms)
        self._advertiser = Advertiser(rooms.git)
        self._archives = Archives(rooms.kit, rooms.git)

    def git_pull(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A fetch: {"pipe": bytes} when `advertise` asks what there is, else a GitPipe for a request or a `session`."""
        repository = self._get(ctx, req)
        protocol = req.get("protocolVersion") or ""
        if protocol and not is_protocol(protocol):
            raise AwsError("ValidationException", "The Git-Protocol header is not valid.", status=400)
        path = self._reader(ctx, repository).path
        advertise, session = bool(req.get("advertise")), req.get("session") or ""
        if session not in ("", *_SESSIONS):
            raise AwsError("ValidationException", "There is no such git service.", status=400)
        self._annotate(ctx, req, repository, transferred=not advertise)
        if advertise:
            return {"pipe": self._advertiser.uploads(path, protocol)}
        if session:
            return {"pipe": SessionPipe(self._rooms.git, path, session, protocol)}
        return {"pipe": UploadPipe(self._rooms.git, path, protocol)}

    def git_push(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A push: {"pipe": what there is} when `advertise`, else {"pipe": the report}, when all is durable."""
        repository = self._get(ctx, req)
        path = self._reader(ctx, repository).path
        if not isinstance(req, PushRequest):
            self._annotate(ctx, req, repository, transferred=False)
            answer = self._advertiser.receives(path)
            ctx.write(lambda tx: None)
            return {"pipe": answer}
        self._annotate(ctx, req, repository, transferred=True, head=req.head)
        if req.head.excess:
            raise AwsError("ValidationException", req.head.excess, status=400)
        if not req.head.commands:
            ctx.write(lambda tx: None)
            return {"pipe": b""}
        return {"pipe": self._push(ctx, repository, req)}

    def upload_archive(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Put a commit's files as a zip into a bucket, as the caller; what pipelines do with a source.

        `encryption`: PutObject's members that name a key.
        """
        reader = self._open(ctx, req)
        commit_id = required(req, "commitId", "CommitIdRequiredException")
        model.check_commit_id(commit_id)
        if not reader.has_commit(commit_id):
            raise AwsError("CommitIdDoesNotExistException", f"The commit {commit_id} does not exist.")
        staged = self._archives.make(reader.repository.id, reader.path, commit_id)
        target = {"Bucket": req.get("bucket", ""), "Key": req.get("key", ""), **(req.get("encryption") or {})}
        stored = ctx.forward().call("s3", "PutObject", {**target, "Body": staged, "ContentType": "application/zip"})
        if not str(stored.get("ServerSideEncryption", "")).startswith("aws:kms"):  # whose bytes only S3 can open
            self._archives.remember(reader.repository.id, commit_id, staged)
        return {"commitId": commit_id, "size": staged.size, "versionId": stored.get("VersionId", "")}

    def _push(self, ctx: Context, repository: Repository, req: PushRequest) -> bytes:
        commands, head = req.head.commands, req.head
        refused = _refusals(commands)
        if refused:
            ctx.write(lambda tx: None)
            return write_report([(c.ref, refused.get(c.ref, "another reference was refused")) for c in commands], head)
        if repository.default_branch:  # receive-pack refuses to delete what HEAD names
            self._rooms.repositories.point_head(repository.id, repository.default_branch)
        with self._rooms.changes.locks.hold(repository.id, [c.ref for c in commands]):
            batch = self._rooms.changes.open(ctx, repository, commands)
            try:
                answer = receive(self._rooms.git, self._rooms.repositories.path(repository.id), req.body)
                done, answer = self._outcome(repository, batch, head, answer)
            except BaseException:
                self._rooms.changes.settle_batch(batch)
                raise
            self._rooms.changes.close(ctx, batch, done)
        return answer

    def _outcome(
        self, repository: Repository, batch: Batch, head: PushHead, answer: bytes
    ) -> tuple[Sequence[Intent], bytes]:
        """What the push changed: by receive-pack's report, or, where there is none, by the references."""
        report = read_report(answer, head)
        if report is not None:
            return _done(batch, report), answer
        current = refs.list_refs(self._rooms.git, self._rooms.repositories.path(repository.id))
        done = model.judge(current, batch.changes)
        if head.reports:
            reasons = [(c.ref, None if c in done else "the push failed") for c in batch.changes]
            answer = write_report(reasons, head)
        return done, answer

    def _annotate(
        self,
        ctx: Context,
        req: Params,
        repository: Repository,
        *,
        transferred: bool,
        head: PushHead | None = None,
    ) -> None:
        more: dict[str, Any] = {}
        if head is not None:
            more = {"capabilities": sorted(head.capabilities), "shallow": bool(head.shallow)}
        if head is not None and head.options and not head.excess:  # what they are set to may be nobody's business
            more["pushOptions"] = [option.partition("=")[0] for option in head.options]
        ctx.annotate(
            protocol=req.get("transport") or "HTTP",
            dataTransferred=transferred,
            repositoryName=repository.name,
            repositoryId=repository.id,
            **more,
        )


def _done(batch: Batch, report: Report) -> list[Intent]:
    return [c for c in batch.changes if c.ref in report.outcomes and report.outcomes[c.ref] is None]


def _refusals(commands: Sequence[RefCommand]) -> Mapping[str, str]:
    """The references whose names git takes but CodeCommit does not; the rest is receive-pack's to judge."""
    refused = {}
    for command in commands:
        kind, name = split_ref(command.ref)
        if kind == "branch" and command.new != ZERO and not is_valid_branch(name):
            refused[command.ref] = "not a valid branch name"
    return refused
