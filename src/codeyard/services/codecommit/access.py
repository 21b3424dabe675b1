"""What each operation of CodeCommit needs; branch operations and pushes also say which reference they change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from codeyard.contract import Access, Check, Params, Scope, anywhere, on, request_tags, text
from codeyard.services.codecommit.pulls.access import pull_access

REFERENCES = "codecommit:References"
TagsOf = Callable[[str], Mapping[str, str]]


def _on_repository(operation: str, member: str = "repositoryName") -> Access:
    return on(f"codecommit:{operation}", "{}", member)


def _on_branch(operation: str, member: str, prefix: str = "") -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        branch = text(params, member).removeprefix(prefix)
        keys = {REFERENCES: f"refs/heads/{branch}"} if branch else {}
        return (Check(f"codecommit:{operation}", _arn(scope, params), keys),)

    return checks


def _merge(operation: str) -> Access:
    """A merge changes the target branch, or else the destination that it names, in full or in short."""
    to_target = _on_branch(operation, "targetBranch")
    to_destination = _on_branch(operation, "destinationCommitSpecifier", "refs/heads/")
    return lambda scope, params: (to_target if text(params, "targetBranch") else to_destination)(scope, params)


def _arn(scope: Scope, params: Params, member: str = "repositoryName") -> str:
    return scope.arn("codecommit", text(params, member) or "*")


def _create(scope: Scope, params: Params) -> Iterable[Check]:
    yield Check("codecommit:CreateRepository", _arn(scope, params), request_tags(params))
    if params.get("tags"):
        yield Check("codecommit:TagResource", _arn(scope, params), request_tags(params))


def _batch_get(scope: Scope, params: Params) -> Iterable[Check]:
    names = params.get("repositoryNames")
    known = [name for name in names if isinstance(name, str)] if isinstance(names, list | tuple) else []
    for name in known[:101] or ["*"]:
        yield Check("codecommit:BatchGetRepositories", scope.arn("codecommit", name or "*"))


def _rename(scope: Scope, params: Params) -> Iterable[Check]:
    for member in ("oldName", "newName"):
        yield Check("codecommit:UpdateRepositoryName", _arn(scope, params, member))


def _tagging(operation: str) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        keys = {} if operation == "ListTagsForResource" else request_tags(params)
        return (Check(f"codecommit:{operation}", text(params, "resourceArn") or "*", keys),)

    return checks


def _push(scope: Scope, params: Params) -> Iterable[Check]:
    """Once without the key when references are advertised, once for each reference when they are pushed."""
    arn = _arn(scope, params)
    listed = params.get("references")
    references = listed if isinstance(listed, list | tuple) else ()
    names = [r["ref"] for r in references if isinstance(r, Mapping) and isinstance(r.get("ref"), str)]
    for name in names:
        yield Check("codecommit:GitPush", arn, {REFERENCES: name})
    if not names:
        yield Check("codecommit:GitPush", arn)


_ON_REPOSITORY = (
    "GetRepository",
    "DeleteRepository",
    "UpdateRepositoryDescription",
    "UpdateRepositoryEncryptionKey",
    "GetBranch",
    "ListBranches",
    "UpdateDefaultBranch",
    "GetFile",
    "GetFolder",
    "GetBlob",
    "GetCommit",
    "BatchGetCommits",
    "GetDifferences",
    "GetBlobDifferences",
    "ListFileCommitHistory",
    "GetMergeOptions",
    *(f"{verb}RepositoryTriggers" for verb in ("Get", "Put", "Test")),
    "GetMergeCommit",
    "GetMergeConflicts",
    "DescribeMergeConflicts",
    "BatchDescribeMergeConflicts",
    "CreateUnreferencedMergeCommit",
    "GitPull",
    "GetCommitsFromMergeBase",
    "UploadArchive",
)

ACCESS: Mapping[str, Access] = {
    **{operation: _on_repository(operation) for operation in _ON_REPOSITORY},
    **{name: _on_branch(name, "branchName") for name in ("DeleteBranch", "PutFile", "DeleteFile", "CreateCommit")},
    "CreateBranch": _on_branch("CreateBranch", "branchName"),
    **{name: _merge(name) for name in (f"MergeBranchesBy{way}" for way in ("FastForward", "Squash", "ThreeWay"))},
    "CreateRepository": _create,
    "BatchGetRepositories": _batch_get,
    "ListRepositories": anywhere("codecommit:ListRepositories"),
    "UpdateRepositoryName": _rename,
    **{name: _tagging(name) for name in ("TagResource", "UntagResource", "ListTagsForResource")},
    "GitPush": _push,
    "GetArchive": _on_repository("GitPull"),
    "GetBlame": _on_repository("GetFile"),
    "GetCommitSignatures": _on_repository("GetCommit"),
    **pull_access(None),
}


def with_resource_tags(access: Mapping[str, Access], tags_of: TagsOf) -> dict[str, Access]:
    """The same entries with aws:ResourceTag/… of the repositories that exist."""

    def tagged(entry: Access) -> Access:
        return lambda scope, params: [_add_tags(check, tags_of) for check in entry(scope, params)]

    return {operation: tagged(entry) for operation, entry in access.items()}


def _add_tags(check: Check, tags_of: TagsOf) -> Check:
    tags = tags_of(check.resource) if check.resource != "*" else {}
    if not tags:
        return check
    return check._replace(keys={**check.keys, **{f"aws:ResourceTag/{key}": value for key, value in tags.items()}})
