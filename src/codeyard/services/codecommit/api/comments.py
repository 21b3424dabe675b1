"""Operations on comments: on commits, on pull requests, and in reply."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import moment
from codeyard.services.codecommit import model, store
from codeyard.services.codecommit.api.base import required
from codeyard.services.codecommit.api.commits import page_size
from codeyard.services.codecommit.api.pull_base import PullBase, digest_of, living, repository_of, token_keys
from codeyard.services.codecommit.model import Repository
from codeyard.services.codecommit.pulls import comments as comment_store
from codeyard.services.codecommit.pulls import events as pull_events
from codeyard.services.codecommit.pulls import store as pull_store
from codeyard.services.codecommit.pulls import tables as pull_tables
from codeyard.services.codecommit.pulls.places import Place, check_commit, place_of
from codeyard.storage import dumps, loads

MAX_CONTENT = 10_240
_ID = re.compile(r"[0-9a-f-]{36}:[0-9a-f-]{36}\Z")


class Comments(PullBase):
    """Post, read, list, change and delete comments."""

    def post_comment_for_compared_commit(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Comment on a commit, or on two that are compared, perhaps at a line."""
        content, reader = _content(req), self._open(ctx, req)
        place = place_of(reader, req)
        return self._posted(ctx, req, reader.repository, place, content, None)

    def post_comment_for_pull_request(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Comment on a pull request, between two commits, perhaps at a line."""
        content, pull, reader = _content(req), self._pull(ctx, req), self._open(ctx, req)
        required(req, "beforeCommitId", "CommitIdRequiredException")
        if pull.repository_id != reader.repository.id:
            raise _not_associated()
        place = place_of(reader, req)
        return self._posted(ctx, req, reader.repository, place, content, pull.pull)

    def _posted(
        self, ctx: Context, req: Params, repository: Repository, place: Place, content: str, pull: str | None
    ) -> dict[str, Any]:
        values = {
            "pull": pull,
            "before_commit": place.before,
            "after_commit": place.after,
            "before_blob": place.before_blob,
            "after_blob": place.after_blob,
            "location": dumps(dict(place.location)) if place.location else None,
        }
        row = self._post(ctx, req, repository, content, values)
        return {**_place_shape(row, repository), "comment": self._shapes(ctx, [row])[0]}

    def post_comment_reply(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Answer a comment, at its place."""
        content, parent = _content(req), self._comment(ctx, req, "inReplyTo")
        kept = ("pull", "before_commit", "after_commit", "before_blob", "after_blob", "location")
        values = {**{name: getattr(parent, name) for name in kept}, "reply_to": parent.id}
        repository = self._kit.db.read(lambda tx: store.get_by_id(tx, parent.repository_id))
        if repository is None:
            raise _no_comment(parent.id)
        return {"comment": self._shapes(ctx, [self._post(ctx, req, repository, content, values)])[0]}

    def _post(self, ctx: Context, req: Params, repository: Repository, content: str, values: dict[str, Any]) -> Any:
        keys, digest = token_keys(ctx, req), digest_of(req)

        def write(tx: Any) -> str:
            made = pull_store.made_by(tx, keys, digest)
            if made is not None:
                return made
            now, fresh = self._kit.clock.now(), living(tx, repository)
            comment_id = f"{self._kit.ids.ordered_uuid(now)}:{self._kit.ids.uuid()}"
            said = {"content": content, "author": ctx.principal.arn, "created": now, "modified": now, "deleted": 0}
            said["token"] = req.get("clientRequestToken")
            tx.insert(pull_tables.comments, id=comment_id, repository_id=repository.id, **said, **values)
            pull_store.remember(tx, keys, digest, repository.id, comment_id)
            row = comment_store.get(tx, comment_id)
            if row.pull:
                pull_store.update(tx, row.pull, modified=now)
            tx.emit(pull_events.comment_change(fresh, row, "Created", ctx.principal.arn, now))
            return comment_id

        made = ctx.write(write)
        return self._kit.db.read(lambda tx: comment_store.get(tx, made))

    def get_comment(self, ctx: Context, req: Params) -> dict[str, Any]:
        """One comment; CommentDeletedException when its content was deleted."""
        row = self._comment(ctx, req)
        must_exist(row)
        return {"comment": self._shapes(ctx, [row])[0]}

    def update_comment(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Change one's own comment."""
        content, found = _content(req), self._comment(ctx, req)

        def write(tx: Any) -> None:
            row, repository = self._again(tx, found)
            must_exist(row)
            if row.author != ctx.principal.arn:
                raise AwsError("CommentNotCreatedByCallerException", "Only its author changes a comment.")
            now = self._kit.clock.now()
            comment_store.update(tx, row.id, content=content, modified=now)
            tx.emit(pull_events.comment_change(repository, row, "Updated", ctx.principal.arn, now))

        ctx.write(write)
        return {"comment": self._shapes(ctx, [self._comment(ctx, req)])[0]}

    def delete_comment_content(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete what a comment says; it stays as a place for its replies."""
        found = self._comment(ctx, req)

        def write(tx: Any) -> None:
            row, repository = self._again(tx, found)
            must_exist(row)
            now = self._kit.clock.now()
            comment_store.update(tx, row.id, content=None, modified=now, deleted=1)
            tx.emit(pull_events.comment_change(repository, row, "Updated", ctx.principal.arn, now))

        ctx.write(write)
        return {"comment": self._shapes(ctx, [self._comment(ctx, req)])[0]}

    def get_comments_for_pull_request(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The comments on a pull request, by their places."""
        pull, before, after = self._pull(ctx, req), req.get("beforeCommitId"), req.get("afterCommitId")
        repository = self._kit.db.read(lambda tx: repository_of(tx, pull))
        if before or after:
            required(req, "repositoryName", "RepositoryNameRequiredException")
        if req.get("repositoryName"):
            reader = self._open(ctx, req)
            if reader.repository.id != pull.repository_id:
                raise _not_associated()
            for commit in (before, after):
                check_commit(reader, commit)
        rows = self._kit.db.read(lambda tx: comment_store.of_pull(tx, pull.pull, before, after))
        return self._grouped(ctx, req, rows, repository, "commentsForPullRequestData")

    def get_comments_for_compared_commit(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The comments on a commit, or on two that are compared, by their places."""
        reader, before = self._open(ctx, req), req.get("beforeCommitId")
        after = required(req, "afterCommitId", "CommitIdRequiredException")
        for commit in (before, after):
            check_commit(reader, commit)
        rows = self._kit.db.read(lambda tx: comment_store.of_commits(tx, reader.repository.id, before, after))
        return self._grouped(ctx, req, rows, reader.repository, "commentsForComparedCommitData")

    def _grouped(
        self, ctx: Context, req: Params, rows: Sequence[Any], repository: Repository, member: str
    ) -> dict[str, Any]:
        limit = page_size(req.get("maxResults"))
        start = max(model.decode_token(req.get("nextToken"), n=int).get("n", 0), 0)
        groups: dict[tuple[Any, ...], list[Any]] = {}
        for row in rows:
            groups.setdefault((row.before_commit, row.after_commit, row.location), []).append(row)
        shown = list(groups.values())[start : start + limit]
        data = [{**_place_shape(group[0], repository), "comments": self._shapes(ctx, group)} for group in shown]
        answer: dict[str, Any] = {member: data}
        if start + limit < len(groups):
            answer["nextToken"] = model.encode_token(n=start + limit)
        return answer

    def _comment(self, ctx: Context, req: Params, member: str = "commentId") -> Any:
        """The comment that a call names, if it is one of the caller's account and region."""
        comment_id = required(req, member, "CommentIdRequiredException")
        if not _ID.match(comment_id):
            raise AwsError("InvalidCommentIdException", f"The comment ID is not valid: {comment_id[:100]}")

        def read(tx: Any) -> Any:
            row = comment_store.get(tx, comment_id)
            repository = store.get_by_id(tx, row.repository_id) if row is not None else None
            if repository is None or (repository.account, repository.region) != (ctx.account, ctx.region):
                raise _no_comment(comment_id)
            return row

        return self._kit.db.read(read)

    def _again(self, tx: Any, found: Any) -> tuple[Any, Repository]:
        """The comment as it is in this transaction, and its repository."""
        row, repository = comment_store.get(tx, found.id), store.get_by_id(tx, found.repository_id)
        if row is None or repository is None:
            raise _no_comment(found.id)
        return row, repository

    def _shapes(self, ctx: Context, rows: Sequence[Any]) -> list[dict[str, Any]]:
        """Comments as the API shows them to the caller."""
        ids, own = [row.id for row in rows], ctx.principal.arn
        said: dict[str, list[Any]] = {}
        for one in self._kit.db.read(lambda tx: comment_store.reactions_to(tx, ids)):
            said.setdefault(one.comment_id, []).append(one)
        return [_shape(row, said.get(row.id, []), own) for row in rows]


def must_exist(row: Any) -> None:
    """CommentDeletedException where the content was deleted."""
    if row.deleted:
        raise AwsError("CommentDeletedException", "The comment was deleted.")


def _content(req: Params) -> str:
    content = required(req, "content", "CommentContentRequiredException")
    if not content.strip():
        raise AwsError("CommentContentRequiredException", "content is required.")
    if len(content) > MAX_CONTENT:
        raise AwsError("CommentContentSizeLimitExceededException", f"A comment has at most {MAX_CONTENT} characters.")
    return content


def _no_comment(comment_id: str) -> AwsError:
    return AwsError("CommentDoesNotExistException", f"Comment {comment_id} does not exist.")


def _not_associated() -> AwsError:
    return AwsError("RepositoryNotAssociatedWithPullRequestException", "The pull request is of another repository.")


def _place_shape(row: Any, repository: Repository) -> dict[str, Any]:
    shape = {
        "repositoryName": repository.name,
        "pullRequestId": row.pull.rpartition(":")[2] if row.pull else None,
        "beforeCommitId": row.before_commit,
        "afterCommitId": row.after_commit,
        "beforeBlobId": row.before_blob,
        "afterBlobId": row.after_blob,
        "location": loads(row.location) if row.location else None,
    }
    return {member: value for member, value in shape.items() if value is not None}


def _shape(row: Any, reactions: Sequence[Any], own: str) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for one in reactions:
        counts[one.name] = counts.get(one.name, 0) + 1
    shape = {
        "commentId": row.id,
        "content": row.content,
        "inReplyTo": row.reply_to,
        "creationDate": moment(row.created),
        "lastModifiedDate": moment(row.modified),
        "authorArn": row.author,
        "deleted": bool(row.deleted),
        "clientRequestToken": row.token,
        "callerReactions": [one.name for one in reactions if one.user == own],
        "reactionCounts": counts,
    }
    return {member: value for member, value in shape.items() if value is not None}
