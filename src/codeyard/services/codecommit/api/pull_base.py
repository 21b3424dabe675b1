"""What the operations on pull requests share: finding one, its shape, and holding it while it changes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import moment
from codeyard.git.diff import MergeBases
from codeyard.services.codecommit import store
from codeyard.services.codecommit.api.base import Base, Rooms, no_repository, required
from codeyard.services.codecommit.model import Repository
from codeyard.services.codecommit.pulls import store as pull_store
from codeyard.services.codecommit.pulls.approvals import Rule, parse_rule, satisfied, sha256
from codeyard.services.codecommit.reading import Reader

_NUMBER = re.compile(r"[1-9][0-9]{0,17}\Z", re.ASCII)
_REVISION = re.compile(r"[0-9a-f]{64}\Z")
_TOKEN = re.compile(r"[\x21-\x7e]{1,256}\Z")
_ARN = re.compile(
    r"arn:aws[a-z-]*:(iam|sts)::\d{12}:(root|(user|assumed-role|federated-user)/[\w+=,.@/-]{1,600})\Z", re.ASCII
)


class PullBase(Base):
    """Lookups for the classes of operations on pull requests."""

    def __init__(self, rooms: Rooms) -> None:
        super().__init__(rooms)
        self._bases = MergeBases(rooms.git)

    def _pull(self, ctx: Context, req: Params) -> Any:
        """The pull request's row that a call names."""
        key = pull_key(ctx, req)
        return self._kit.db.read(lambda tx: existing(tx, key))

    @contextmanager
    def _held(self, pull: Any, *more: str) -> Iterator[None]:
        """Nothing else changes the pull request, nor the references, meanwhile: a merge and an approval take turns."""
        with self._rooms.changes.locks.hold(pull.repository_id, [f"pull:{pull.number}", *more]):
            yield

    def _change(self, ctx: Context, req: Params, fn: Callable[[Any, Any, Repository], Any]) -> Any:
        """The call's one write, on the pull request as it is then: `fn(tx, pull, repository)`."""
        found = self._pull(ctx, req)

        def write(tx: Any) -> Any:
            pull = existing(tx, found.pull)
            return fn(tx, pull, repository_of(tx, pull))

        with self._held(found):
            return ctx.write(write)

    def _shape(self, ctx: Context, pull: str) -> dict[str, Any]:
        """A pull request as the API shows it."""

        def read(tx: Any) -> tuple[Any, Repository, list[Any]]:
            row = existing(tx, pull)
            return row, repository_of(tx, row), pull_store.rules_of(tx, pull)

        row, repository, rules = self._kit.db.read(read)
        return self._pull_shape(row, self._reader(ctx, repository), rules)

    def _pull_shape(self, row: Any, reader: Reader, rules: list[Any]) -> dict[str, Any]:
        target = {
            "repositoryName": reader.repository.name,
            "sourceReference": row.source,
            "destinationReference": row.destination,
            "sourceCommit": row.source_commit,
            "destinationCommit": row.destination_commit,
            "mergeBase": self._base(reader, row.destination_commit, row.source_commit),
            "mergeMetadata": merge_metadata(row.merged_by, row.merge_commit, row.merge_option),
        }
        shape = {
            "pullRequestId": str(row.number),
            "title": row.title,
            "description": row.description,
            "lastActivityDate": moment(row.modified),
            "creationDate": moment(row.created),
            "pullRequestStatus": row.status,
            "authorArn": row.author,
            "pullRequestTargets": [{member: value for member, value in target.items() if value is not None}],
            "clientRequestToken": row.token,
            "revisionId": row.revision,
            "approvalRules": [rule_shape(one) for one in rules],
        }
        return {"pullRequest": {member: value for member, value in shape.items() if value is not None}}

    def _base(self, reader: Reader, destination: str, source: str) -> str | None:
        """The merge base of two commits; None where there is none, or a commit is gone."""
        if not (reader.has_commit(destination) and reader.has_commit(source)):
            return None
        return self._bases.of(reader.path, destination, source)


def pull_key(ctx: Context, req: Params) -> str:
    """The key of the pull request that a call names."""
    number = required(req, "pullRequestId", "PullRequestIdRequiredException")
    if not _NUMBER.match(number):
        raise AwsError("InvalidPullRequestIdException", f"The pull request ID is not valid: {number[:100]}")
    return f"{ctx.account}:{ctx.region}:{number}"


def existing(tx: Any, key: str) -> Any:
    """The row; PullRequestDoesNotExistException where there is none."""
    found = pull_store.get(tx, key)
    if found is None:
        raise AwsError("PullRequestDoesNotExistException", f"Pull request {key.rpartition(':')[2]} does not exist.")
    return found


def repository_of(tx: Any, pull: Any) -> Repository:
    """The repository of a pull request, which goes with it."""
    found = store.get_by_id(tx, pull.repository_id)
    if found is None:
        raise AwsError("PullRequestDoesNotExistException", f"Pull request {pull.number} does not exist.")
    return found


def living(tx: Any, repository: Repository) -> Repository:
    """The repository as it is in this transaction."""
    found = store.get_by_id(tx, repository.id)
    if found is None:
        raise no_repository(repository.name)
    return found


def must_be_open(pull: Any) -> None:
    """PullRequestAlreadyClosedException unless it is open."""
    if pull.status != "OPEN":
        raise AwsError("PullRequestAlreadyClosedException", f"Pull request {pull.number} is already closed.")


def check_revision(req: Params) -> str:
    """The revision id of a call."""
    revision = required(req, "revisionId", "RevisionIdRequiredException")
    if not _REVISION.match(revision):
        raise AwsError("InvalidRevisionIdException", "The revision ID is not valid.")
    return revision


def must_be_current(pull: Any, revision: str) -> None:
    """RevisionNotCurrentException unless the revision is the pull request's latest."""
    if pull.revision != revision:
        raise AwsError("RevisionNotCurrentException", "The revision ID is not that of the current revision.")


def check_arn(arn: str, code: str) -> None:
    """Raise `code` unless the text is the ARN of somebody who can call."""
    if not _ARN.match(arn):
        raise AwsError(code, f"The ARN is not valid: {arn[:200]}")


def token_keys(ctx: Context, req: Params) -> dict[str, str]:
    """What a call's client request token is known by."""
    token = req.get("clientRequestToken")
    if token is not None and not token:
        raise AwsError("ClientRequestTokenRequiredException", "clientRequestToken is required.")
    if token and not _TOKEN.match(token):
        raise AwsError("InvalidClientRequestTokenException", "The client request token is not valid.")
    place = f"{ctx.account}:{ctx.region}"
    return {"place": place, "operation": ctx.operation, "user": ctx.principal.arn, "token": token or ""}


def digest_of(req: Params) -> str:
    """What a request asks for, its token aside."""
    said = {member: value for member, value in req.items() if member != "clientRequestToken"}
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def merge_metadata(by: str | None, commit: str | None, option: str | None) -> dict[str, Any]:
    """MergeMetadata of a pull request."""
    if not by:
        return {"isMerged": False}
    return {"isMerged": True, "mergedBy": by, "mergeCommitId": commit, "mergeOption": option}


def rule_shape(rule: Any) -> dict[str, Any]:
    """An approval rule as the API shows it."""
    shape: dict[str, Any] = {
        "approvalRuleId": rule.id,
        "approvalRuleName": rule.name,
        "approvalRuleContent": rule.content,
        "ruleContentSha256": sha256(rule.content),
        "lastModifiedDate": moment(rule.modified),
        "creationDate": moment(rule.created),
        "lastModifiedUser": rule.user,
    }
    if rule.template_id:
        origin = {"approvalRuleTemplateId": rule.template_id, "approvalRuleTemplateName": rule.template_name}
        shape["originApprovalRuleTemplate"] = origin
    return shape


def evaluation(tx: Any, pull: Any) -> dict[str, Any]:
    """Evaluation of a pull request's current revision; without rules it is approved."""
    account = pull.pull.partition(":")[0]
    approvers = pull_store.approvers(tx, pull.pull, pull.revision)
    overridden = pull_store.overrider(tx, pull.pull, pull.revision) is not None
    yes: list[str] = []
    no: list[str] = []
    for row in pull_store.rules_of(tx, pull.pull):
        (yes if satisfied(_rule(row), approvers, account) else no).append(row.name)
    return {
        "approved": overridden or not no,
        "overridden": overridden,
        "approvalRulesSatisfied": yes,
        "approvalRulesNotSatisfied": no,
    }


def _rule(row: Any) -> Rule:
    return parse_rule(row.content, template=bool(row.template_id))
