"""Which exception a broken constraint gives, for every input member of every built operation."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from codeyard.contract import Violation
from codeyard.services.codecommit.api import CodeCommit
from codeyard.services.codecommit.errors import error_for, exceptions_of

MODEL = botocore.session.get_session().get_service_model("codecommit")
BUILT = [name for name in MODEL.operation_names if hasattr(CodeCommit, xform_name(name))]

# Members that the operation's model has no exception for: the service answers ValidationException.
MERGES = ("CreateUnreferencedMergeCommit", "MergeBranchesBySquash", "MergeBranchesByThreeWay",
          "MergePullRequestBySquash", "MergePullRequestByThreeWay")  # fmt: skip
NONE_MODELLED = {
    *((merge, member, "type") for merge in MERGES for member in ("authorName", "commitMessage", "keepEmptyFolders")),
    ("BatchDescribeMergeConflicts", "filePaths", "type"),
    ("PutRepositoryTriggers", "triggers", "type"),
    ("TestRepositoryTriggers", "triggers", "type"),
    ("BatchGetCommits", "commitIds", "type"),
    ("BatchGetRepositories", "repositoryNames", "type"),
    ("CreateCommit", "authorName", "type"),
    ("CreateCommit", "keepEmptyFolders", "type"),
    ("CreateCommit", "commitMessage", "type"),
    ("CreateCommit", "putFiles", "type"),
    ("CreateCommit", "putFiles.sourceFile", "type"),
    ("CreateCommit", "putFiles.sourceFile.isMove", "type"),
    ("CreateCommit", "putFiles.fileContent", "type"),
    ("CreateCommit", "deleteFiles", "type"),
    ("CreateCommit", "setFileModes", "type"),
    ("DeleteFile", "commitMessage", "type"),
    ("DeleteFile", "keepEmptyFolders", "type"),
    ("DeleteFile", "name", "type"),
    ("ListFileCommitHistory", "filePath", "required"),
    ("ListFileCommitHistory", "filePath", "type"),
    ("ListTagsForResource", "nextToken", "type"),
    ("PutFile", "commitMessage", "type"),
    ("PutFile", "fileContent", "type"),
    ("PutFile", "name", "type"),
    ("BatchAssociateApprovalRuleTemplateWithRepositories", "repositoryNames", "type"),
    ("BatchAssociateApprovalRuleTemplateWithRepositories", "repositoryNames", "min"),
    ("BatchAssociateApprovalRuleTemplateWithRepositories", "repositoryNames", "max"),
    ("BatchAssociateApprovalRuleTemplateWithRepositories", "repositoryNames", "pattern"),
    ("BatchDisassociateApprovalRuleTemplateFromRepositories", "repositoryNames", "type"),
    ("BatchDisassociateApprovalRuleTemplateFromRepositories", "repositoryNames", "min"),
    ("BatchDisassociateApprovalRuleTemplateFromRepositories", "repositoryNames", "max"),
    ("BatchDisassociateApprovalRuleTemplateFromRepositories", "repositoryNames", "pattern"),
    ("PostCommentForComparedCommit", "content", "type"),
    ("PostCommentForPullRequest", "content", "type"),
    ("PostCommentReply", "content", "type"),
    ("UpdateComment", "content", "type"),
}


def members(shape: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], str, Any]]:
    """(path, kind, shape) of every constraint below a structure."""
    found: list[tuple[tuple[str, ...], str, Any]] = []
    for name, member in shape.members.items():
        here = (*path, name)
        if name in shape.required_members:
            found.append((here, "required", member))
        found.append((here, "type", member))
        found += constraints(here, member)
    return found


def constraints(here: tuple[str, ...], shape: Any) -> list[tuple[tuple[str, ...], str, Any]]:
    found = [(here, kind, shape) for kind in ("min", "max", "pattern", "enum") if shape.metadata.get(kind)]
    if shape.type_name == "list":
        found += constraints(here, shape.member)
        if shape.member.type_name == "structure":
            found += members(shape.member, here)
    elif shape.type_name == "map":
        found += constraints(here, shape.key) + constraints(here, shape.value)
    elif shape.type_name == "structure":
        found += members(shape, here)
    return found


CASES = [
    (operation, path, kind, shape.name)
    for operation in BUILT
    for path, kind, shape in members(MODEL.operation_model(operation).input_shape)
]


@pytest.mark.parametrize(
    ("operation", "path", "kind", "shape"), CASES, ids=[f"{o}-{'.'.join(p)}-{k}-{s}" for o, p, k, s in CASES]
)
def test_every_member_has_its_own_exception(operation: str, path: tuple[str, ...], kind: str, shape: str) -> None:
    error = error_for(operation, Violation(path, kind, shape, "said"))
    if (operation, ".".join(path), kind) in NONE_MODELLED:
        assert error.code == "ValidationException"
    else:
        assert error.code in exceptions_of(operation)
    own_words = error.code == "InvalidRepositoryNameException"
    assert error.message.startswith("The repository name is not valid. ") if own_words else error.message == "said"


NAMED = [
    ("GetRepository", ("repositoryName",), "required", "RepositoryName", "RepositoryNameRequiredException"),
    ("GetRepository", ("repositoryName",), "pattern", "RepositoryName", "InvalidRepositoryNameException"),
    ("UpdateRepositoryName", ("newName",), "required", "RepositoryName", "RepositoryNameRequiredException"),
    ("BatchGetRepositories", ("repositoryNames",), "max", "RepositoryName", "InvalidRepositoryNameException"),
    (
        "BatchGetRepositories",
        ("repositoryNames",),
        "required",
        "RepositoryNameList",
        "RepositoryNamesRequiredException",
    ),
    ("CreateRepository", ("repositoryDescription",), "max", "X", "InvalidRepositoryDescriptionException"),
    ("CreateRepository", ("tags",), "max", "TagKey", "InvalidTagsMapException"),
    ("CreateRepository", ("kmsKeyId",), "pattern", "KmsKeyId", "EncryptionKeyInvalidIdException"),
    ("UntagResource", ("tagKeys",), "required", "TagKeysList", "TagKeysListRequiredException"),
    ("UntagResource", ("tagKeys",), "max", "TagKey", "InvalidTagKeysListException"),
    ("UpdateDefaultBranch", ("defaultBranchName",), "required", "BranchName", "BranchNameRequiredException"),
    ("UpdateDefaultBranch", ("defaultBranchName",), "max", "BranchName", "InvalidBranchNameException"),
    ("CreateBranch", ("commitId",), "required", "CommitId", "CommitIdRequiredException"),
    ("DeleteFile", ("parentCommitId",), "required", "CommitId", "ParentCommitIdRequiredException"),
    ("PutFile", ("fileContent",), "required", "FileContent", "FileContentRequiredException"),
    ("PutFile", ("fileContent",), "max", "FileContent", "FileContentSizeLimitExceededException"),
    ("PutFile", ("fileMode",), "enum", "FileModeTypeEnum", "InvalidFileModeException"),
    ("PutFile", ("filePath",), "required", "Path", "PathRequiredException"),
    ("CreateCommit", ("setFileModes", "fileMode"), "required", "FileModeTypeEnum", "FileModeRequiredException"),
    ("CreateCommit", ("putFiles", "fileContent"), "max", "FileContent", "FileContentSizeLimitExceededException"),
    ("CreateCommit", ("putFiles", "filePath"), "required", "Path", "PathRequiredException"),
    ("GetDifferences", ("afterCommitSpecifier",), "required", "CommitName", "CommitRequiredException"),
    ("GetBlob", ("blobId",), "required", "ObjectId", "BlobIdRequiredException"),
    ("ListRepositories", ("sortBy",), "enum", "SortByEnum", "InvalidSortByException"),
    ("ListRepositories", ("order",), "enum", "OrderEnum", "InvalidOrderException"),
    ("GetMergeOptions", ("conflictDetailLevel",), "enum", "X", "InvalidConflictDetailLevelException"),
    ("MergeBranchesByFastForward", ("targetBranch",), "max", "BranchName", "InvalidTargetBranchException"),
    ("BatchGetCommits", ("commitIds",), "required", "CommitIdsInputList", "CommitIdsListRequiredException"),
    ("TagResource", ("resourceArn",), "required", "ResourceArn", "ResourceArnRequiredException"),
]


@pytest.mark.parametrize(
    ("operation", "path", "kind", "shape", "code"), NAMED, ids=[f"{n[0]}-{n[1][-1]}-{n[2]}" for n in NAMED]
)
def test_the_exception_is_the_one_that_the_field_is_named_for(
    operation: str, path: tuple[str, ...], kind: str, shape: str, code: str
) -> None:
    assert error_for(operation, Violation(path, kind, shape, "")).code == code
