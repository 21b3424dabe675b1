"""What operations on pull requests and comments need: IAM's resource is the repository that these belong to.

They name no repository, so it is looked up; for what does not exist every repository is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from codeyard.contract import Access, Check, Params, Scope, anywhere, on, text
from codeyard.engine import Kit
from codeyard.services.codecommit import store
from codeyard.services.codecommit.pulls import comments as comment_store
from codeyard.services.codecommit.pulls import store as pull_store

_OF_PULLS = [
    "GetPullRequest",
    "DescribePullRequestEvents",
    "UpdatePullRequestTitle",
    "UpdatePullRequestDescription",
    "UpdatePullRequestStatus",
    "GetPullRequestApprovalStates",
    "UpdatePullRequestApprovalState",
    "GetPullRequestOverrideState",
    "OverridePullRequestApprovalRules",
    "EvaluatePullRequestApprovalRules",
    "CreatePullRequestApprovalRule",
    "UpdatePullRequestApprovalRuleContent",
    "DeletePullRequestApprovalRule",
    "GetCommentsForPullRequest",
]
_OF_COMMENTS = ["GetComment", "GetCommentReactions", "UpdateComment", "DeleteCommentContent", "PutCommentReaction"]
_OF_REPOSITORIES = [
    "ListPullRequests",
    "PostCommentForComparedCommit",
    "PostCommentForPullRequest",
    "GetCommentsForComparedCommit",
    "AssociateApprovalRuleTemplateWithRepository",
    "DisassociateApprovalRuleTemplateFromRepository",
    "ListAssociatedApprovalRuleTemplatesForRepository",
]
_OF_TEMPLATES = [
    "CreateApprovalRuleTemplate",
    "GetApprovalRuleTemplate",
    "ListApprovalRuleTemplates",
    "UpdateApprovalRuleTemplateContent",
    "UpdateApprovalRuleTemplateDescription",
    "UpdateApprovalRuleTemplateName",
    "DeleteApprovalRuleTemplate",
    "BatchAssociateApprovalRuleTemplateWithRepositories",
    "BatchDisassociateApprovalRuleTemplateFromRepositories",
    "ListRepositoriesForApprovalRuleTemplate",
]
_MERGES = ("MergePullRequestByFastForward", "MergePullRequestBySquash", "MergePullRequestByThreeWay")
REFERENCES = "codecommit:References"


def _create(scope: Scope, params: Params) -> Iterable[Check]:
    targets = params.get("targets")
    listed = targets if isinstance(targets, list | tuple) else ()
    names = [text(one, "repositoryName") for one in listed if isinstance(one, Mapping)]
    for name in names[:10] or ["*"]:
        yield Check("codecommit:CreatePullRequest", scope.arn("codecommit", name or "*"))


def pull_access(kit: Kit | None) -> dict[str, Access]:
    """The entries; without a kit nothing is looked up."""
    found = Found(kit)
    return {
        "CreatePullRequest": _create,
        **{name: on(f"codecommit:{name}", "{}", "repositoryName") for name in _OF_REPOSITORIES},
        **{name: anywhere(f"codecommit:{name}") for name in _OF_TEMPLATES},
        **{name: found.by_pull(name) for name in (*_OF_PULLS, *_MERGES)},
        **{name: found.by_comment(name, "commentId") for name in _OF_COMMENTS},
        "PostCommentReply": found.by_comment("PostCommentReply", "inReplyTo"),
    }


class Found:
    """Looks up whose a pull request or a comment is; what is of another account or region is nobody's."""

    def __init__(self, kit: Kit | None) -> None:
        self._kit = kit

    def by_pull(self, operation: str) -> Access:
        """An operation on a pull request; a merge says which reference it changes."""

        def checks(scope: Scope, params: Params) -> Iterable[Check]:
            key = f"{scope.account}:{scope.region}:{text(params, 'pullRequestId')}"
            row = self._read(pull_store.get, key)
            keys = {REFERENCES: row.destination} if row is not None and operation.startswith("Merge") else {}
            return (Check(f"codecommit:{operation}", self._arn(scope, row), keys),)

        return checks

    def by_comment(self, operation: str, member: str) -> Access:
        """An operation on a comment."""

        def checks(scope: Scope, params: Params) -> Iterable[Check]:
            row = self._read(comment_store.get, text(params, member))
            return (Check(f"codecommit:{operation}", self._arn(scope, row)),)

        return checks

    def _read(self, get: Any, key: str) -> Any:
        return self._kit.db.read(lambda tx: get(tx, key)) if self._kit is not None and "\0" not in key else None

    def _arn(self, scope: Scope, row: Any) -> str:
        kit = self._kit
        if kit is None or row is None:
            return scope.arn("codecommit", "*")
        repository = kit.db.read(lambda tx: store.get_by_id(tx, row.repository_id))
        if repository is None or (repository.account, repository.region) != (scope.account, scope.region):
            return scope.arn("codecommit", "*")
        return repository.arn
