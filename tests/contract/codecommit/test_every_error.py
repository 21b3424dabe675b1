"""Each exception that the model lists for an operation is provoked here, or is in the table of those that cannot be."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import botocore.session
import pytest

from codeyard.contract import AwsError
from codeyard.services.codecommit import model, unraised
from tests.support.histories import git
from tests.support.yard import TestYard

MODEL = botocore.session.get_session().get_service_model("codecommit")
GONE = "1" * 40
DELETE = "deleteFiles"
RACE = "test_a_merge_that_loses_the_race_leaves_the_branch_to_the_winner"
KEYS = "test_a_key_that_cannot_be_used_is_refused_by_name"
MINDED = "test_every_operation_on_content_minds_the_key_and_the_others_are_listed"
TOPIC = "arn:aws:sns:us-east-1:123456789012:t"
ZONE = "arn:aws:codecommit:us-east-1:123456789012:"
DROP = object()
TRIGGER: dict[str, Any] = {"name": "t", "destinationArn": TOPIC, "branches": [], "events": ["all"]}
SIDES = {"repositoryName": "demo", "sourceCommitSpecifier": "feature", "destinationCommitSpecifier": "main"}
MERGE = {**SIDES, "conflictResolutionStrategy": "AUTOMERGE"}
WRITE = {"repositoryName": "demo", "branchName": "main", "parentCommitId": "$main"}
AUTHOR = {
    "InvalidEmail": {"+email": "x" * 257},
    "CommitMessageLengthExceeded": {"+commitMessage": "x" * 300_000},
    "NameLengthExceeded": {"+name": "x" * 1025},
}

# A request of each operation that is in order; $name stands for a commit.
VALID: Mapping[str, dict[str, Any]] = {
    "CreateRepository": {"repositoryName": "new"},
    **{name: {"repositoryName": "demo"} for name in ("GetRepository", "DeleteRepository", "ListBranches")},
    "BatchGetRepositories": {"repositoryNames": ["demo"]},
    "ListRepositories": {},
    "UpdateRepositoryName": {"oldName": "demo", "newName": "other"},
    "UpdateRepositoryDescription": {"repositoryName": "demo", "repositoryDescription": "x"},
    "UpdateRepositoryEncryptionKey": {"repositoryName": "demo", "kmsKeyId": "alias/some"},
    "TagResource": {"resourceArn": f"{ZONE}demo", "tags": {"a": "b"}},
    "UntagResource": {"resourceArn": f"{ZONE}demo", "tagKeys": ["a"]},
    "ListTagsForResource": {"resourceArn": f"{ZONE}demo"},
    "CreateBranch": {"repositoryName": "demo", "branchName": "x", "commitId": "$main"},
    "GetBranch": {"repositoryName": "demo", "branchName": "main"},
    "DeleteBranch": {"repositoryName": "demo", "branchName": "x"},
    "UpdateDefaultBranch": {"repositoryName": "demo", "defaultBranchName": "main"},
    "PutFile": {**WRITE, "filePath": "x", "fileContent": b"x"},
    "DeleteFile": {**WRITE, "filePath": "a"},
    "CreateCommit": {**WRITE, "putFiles": [{"filePath": "x", "fileContent": b"x"}]},
    "GetFile": {"repositoryName": "demo", "filePath": "a"},
    "GetFolder": {"repositoryName": "demo", "folderPath": "/"},
    "GetBlob": {"repositoryName": "demo", "blobId": GONE},
    "GetBlobDifferences": {"repositoryName": "demo", "afterBlobId": "$blob"},
    "GetCommit": {"repositoryName": "demo", "commitId": "$main"},
    "BatchGetCommits": {"repositoryName": "demo", "commitIds": ["$main"]},
    "GetDifferences": {"repositoryName": "demo", "afterCommitSpecifier": "main"},
    "ListFileCommitHistory": {"repositoryName": "demo", "filePath": "a"},
    "GetMergeOptions": SIDES,
    "GetMergeCommit": SIDES,
    "GetMergeConflicts": {**SIDES, "mergeOption": "SQUASH_MERGE"},
    "DescribeMergeConflicts": {**SIDES, "mergeOption": "SQUASH_MERGE", "filePath": "a"},
    "BatchDescribeMergeConflicts": {**SIDES, "mergeOption": "SQUASH_MERGE"},
    "CreateUnreferencedMergeCommit": {**MERGE, "mergeOption": "SQUASH_MERGE"},
    "MergeBranchesByFastForward": SIDES,
    "MergeBranchesBySquash": MERGE,
    "MergeBranchesByThreeWay": MERGE,
    "GetRepositoryTriggers": {"repositoryName": "demo"},
    "PutRepositoryTriggers": {"repositoryName": "demo", "triggers": [TRIGGER]},
    "TestRepositoryTriggers": {"repositoryName": "demo", "triggers": [TRIGGER]},
}

LIMITS = {
    "TipsDivergenceExceeded": "MAX_DIVERGENCE",
    "MaximumItemsToCompareExceeded": "MAX_COMPARED_ITEMS",
    "MaximumFileContentToLoadExceeded": "MAX_LOADED_FILES",
    "FolderContentSizeLimitExceeded": "MAX_FOLDER",
    "FileTooLarge": "MAX_FILE",
    "RepositoryLimitExceeded": "MAX_REPOSITORIES",
}


def resolve(*entries: dict[str, Any], member: str = "replaceContents") -> dict[str, Any]:
    return {"conflictResolution": {member: [{"filePath": "a", **entry} for entry in entries]}}


def replace(kind: Any = "KEEP_BASE", **more: Any) -> dict[str, Any]:
    return {"replacementType": kind, **more} if kind else more


# What is changed in the request to provoke an exception: for whatever operation has the members, then by operation.
PROVOKED: Mapping[str, dict[str, Any]] = {
    "RepositoryNameRequired": {"repositoryName": DROP, "oldName": DROP},
    "InvalidRepositoryName": {
        "repositoryName": "a b", "oldName": "a b", "repositoryNames": ["a b"], "resourceArn": f"{ZONE}a b",
    },
    "RepositoryDoesNotExist": {"repositoryName": "gone", "oldName": "gone", "resourceArn": f"{ZONE}gone"},
    "RepositoryNameExists": {"repositoryName": "demo", "newName": "demo"},
    "InvalidRepositoryDescription": {"+repositoryDescription": "x" * 1001},
    "RepositoryNamesRequired": {"repositoryNames": DROP},
    "MaximumRepositoryNamesExceeded": {"repositoryNames": [f"r{n}" for n in range(101)]},
    "InvalidSortBy": {"+sortBy": "size"},
    "InvalidOrder": {"+order": "up"},
    "InvalidContinuationToken": {"+nextToken": "%%", "+NextToken": "%%"},
    "ResourceArnRequired": {"resourceArn": DROP},
    "InvalidResourceArn": {"resourceArn": "demo"},
    "TagsMapRequired": {"tags": DROP},
    "InvalidTagsMap": {"+tags": {"a": "x" * 257}},
    "TooManyTags": {"+tags": {f"k{n}": "" for n in range(51)}},
    "InvalidSystemTagUsage": {"+tags": {"aws:a": ""}},
    "TagKeysListRequired": {"tagKeys": DROP},
    "InvalidTagKeysList": {"tagKeys": ["x" * 129]},
    "BranchNameRequired": {"branchName": DROP, "defaultBranchName": DROP},
    "InvalidBranchName": {"branchName": "a..b", "defaultBranchName": "a..b"},
    "BranchDoesNotExist": {"branchName": "gone", "defaultBranchName": "gone"},
    "BranchNameExists": {"branchName": "main"},
    "BranchNameIsTagName": {"branchName": "tagged"},
    "DefaultBranchCannotBeDeleted": {"branchName": "main"},
    "CommitIdRequired": {"commitId": DROP},
    "InvalidCommitId": {"commitId": "main"},
    "CommitIdDoesNotExist": {"commitId": GONE},
    "CommitIdsListRequired": {"commitIds": []},
    "CommitIdsLimitExceeded": {"commitIds": [f"{n:040}" for n in range(101)]},
    "CommitRequired": {"sourceCommitSpecifier": DROP, "afterCommitSpecifier": DROP},
    "InvalidCommit": {"+commitSpecifier": "a..b"},
    "CommitDoesNotExist": {"+commitSpecifier": "gone"},
    "PathRequired": {"filePath": DROP, "folderPath": DROP},
    "InvalidPath": {"filePath": "a/../b", "folderPath": "a/../b"},
    "FileDoesNotExist": {"filePath": "gone"},
    "FolderDoesNotExist": {"folderPath": "gone"},
    "FileTooLarge": {"filePath": "a", "blobId": "$blob", "afterBlobId": "$blob"},
    "Validation": {"+contextLines": 21},
    "BlobIdRequired": {"blobId": DROP, "afterBlobId": DROP},
    "InvalidBlobId": {"blobId": "x", "afterBlobId": "x"},
    "BlobIdDoesNotExist": {"blobId": GONE, "afterBlobId": GONE},
    "ParentCommitIdRequired": {"parentCommitId": DROP},
    "InvalidParentCommitId": {"parentCommitId": "x"},
    "ParentCommitDoesNotExist": {"parentCommitId": GONE},
    "ParentCommitIdOutdated": {"parentCommitId": "$base"},
    "FileContentRequired": {"fileContent": b""},
    "FileContentSizeLimitExceeded": {"fileContent": bytes(6 * 2**20 + 1)},
    "FolderContentSizeLimitExceeded": {},
    "SameFileContent": {"filePath": "same", "fileContent": b"s"},
    "FileNameConflictsWithDirectoryName": {"filePath": "d"},
    "DirectoryNameConflictsWithFileName": {"filePath": "a/b"},
    "FilePathConflictsWithSubmodulePath": {"branchName": "sub", "parentCommitId": "$sub", "filePath": "m/x"},
    "InvalidFileMode": {"+fileMode": "0777"},
    "InvalidMaxResults": {"+maxResults": 0, "+MaxResults": -1},
    "PathDoesNotExist": {"+afterPath": "gone"},
    "MergeOptionRequired": {"mergeOption": DROP},
    "InvalidMergeOption": {"mergeOption": "OTHER"},
    "InvalidConflictDetailLevel": {"+conflictDetailLevel": "X"},
    "InvalidConflictResolutionStrategy": {"+conflictResolutionStrategy": "X"},
    "InvalidMaxConflictFiles": {"+maxConflictFiles": 0},
    "InvalidMaxMergeHunks": {"+maxMergeHunks": 0},
    "InvalidSourceCommitSpecifier": {"sourceCommitSpecifier": "a..b"},
    "InvalidDestinationCommitSpecifier": {"destinationCommitSpecifier": "a..b"},
    "TipsDivergenceExceeded": {},
    "MaximumItemsToCompareExceeded": {},
    "MaximumFileContentToLoadExceeded": {"+conflictDetailLevel": "LINE_LEVEL"},
    "ManualMergeRequired": {},
    "InvalidTargetBranch": {"+targetBranch": "old"},
    "RepositoryTriggersListRequired": {"triggers": DROP},
    "MaximumRepositoryTriggersExceeded": {"triggers": [{**TRIGGER, "name": f"n{n}"} for n in range(11)]},
    **{
        code: {"triggers": [{**TRIGGER, **change}]}
        for code, change in {
            "InvalidRepositoryTriggerName": {"name": "a b"},
            "InvalidRepositoryTriggerDestinationArn": {"destinationArn": "x"},
            "InvalidRepositoryTriggerRegion": {"destinationArn": TOPIC.replace("us-east-1", "eu-west-1")},
            "InvalidRepositoryTriggerCustomData": {"customData": "x" * 1001},
            "MaximumBranchesExceeded": {"branches": [f"b{n}" for n in range(11)]},
            "InvalidRepositoryTriggerBranchName": {"branches": ["a..b"]},
            "InvalidRepositoryTriggerEvents": {"events": ["all", "createReference"]},
            "RepositoryTriggerNameRequired": {"name": ""},
            "RepositoryTriggerDestinationArnRequired": {"destinationArn": ""},
            "RepositoryTriggerBranchNameListRequired": {"branches": None},
            "RepositoryTriggerEventsListRequired": {"events": []},
        }.items()
    },
    "RepositoryLimitExceeded": {},
    "EncryptionKeyRequired": {"kmsKeyId": DROP},
    "EncryptionKeyInvalidId": {"+kmsKeyId": "!"},
    **AUTHOR,
}  # fmt: skip

COMMIT = {
    "FileEntryRequired": {"putFiles": DROP},
    "MaximumFileEntriesExceeded": {"putFiles": [{"filePath": f"f{n}", "fileContent": b"x"} for n in range(101)]},
    "PutFileEntryConflict": {"putFiles": [{"filePath": path, "fileContent": b"x"} for path in ("n", "n/m")]},
    "SourceFileOrContentRequired": {"putFiles": [{"filePath": "x"}]},
    "FileContentAndSourceFileSpecified": {
        "putFiles": [{"filePath": "x", "fileContent": b"x", "sourceFile": {"filePath": "a"}}]
    },
    "PathRequired": {"deleteFiles": [{}]},
    "InvalidPath": {"deleteFiles": [{"filePath": "a//b"}]},
    "SamePathRequest": {"deleteFiles": [{"filePath": "a"}, {"filePath": "a"}]},
    "FileDoesNotExist": {"deleteFiles": [{"filePath": "gone"}]},
    "FileContentSizeLimitExceeded": {
        "putFiles": [{"filePath": path, "fileContent": bytes(4 << 20)} for path in ("x", "y")]
    },
    "RestrictedSourceFile": {"putFiles": [{"filePath": "x", "sourceFile": {"filePath": "d/.gitkeep"}}]},
    "FileModeRequired": {"setFileModes": [{"filePath": "a"}]},
    "InvalidFileMode": {"setFileModes": [{"filePath": "a", "fileMode": "X"}]},
    "NoChange": {"putFiles": [{"filePath": "same", "fileContent": b"s"}]},
    "FileNameConflictsWithDirectoryName": {"putFiles": [{"filePath": "d", "fileContent": b"x"}]},
    "DirectoryNameConflictsWithFileName": {"putFiles": [{"filePath": "a/b", "fileContent": b"x"}]},
    "FilePathConflictsWithSubmodulePath": {
        "branchName": "sub", "parentCommitId": "$sub", "putFiles": [{"filePath": "m/x", "fileContent": b"x"}],
    },
    "NameLengthExceeded": {"authorName": "x" * 1025},
}  # fmt: skip
MERGES = {
    "NameLengthExceeded": {"authorName": "x" * 1025},
    "CommitRequired": {"sourceCommitSpecifier": ""},
    "InvalidCommit": {"sourceCommitSpecifier": "a..b"},
    "CommitDoesNotExist": {"sourceCommitSpecifier": "gone"},
    "InvalidBranchName": {"targetBranch": "a..b"},
    "BranchDoesNotExist": {"targetBranch": "gone"},
    "BranchNameIsTagName": {"targetBranch": "tagged"},
    "InvalidConflictResolution": resolve(replace(), member="replaceContents")
    | {"conflictResolutionStrategy": "ACCEPT_SOURCE"},
    "MaximumConflictResolutionEntriesExceeded": resolve(*({"filePath": f"f{n}"} for n in range(1001)), member=DELETE),
    "MultipleConflictResolutionEntries": resolve({}, {}, member=DELETE),
    "ReplacementTypeRequired": resolve(replace(None)),
    "InvalidReplacementType": resolve(replace("X")),
    "ReplacementContentRequired": resolve(replace("USE_NEW_CONTENT")),
    "InvalidReplacementContent": resolve(replace(content=b"x")),
    "PathRequired": {"conflictResolution": {"deleteFiles": [{}]}},
    "InvalidPath": resolve({"filePath": "../a"}, member=DELETE),
    "FileContentSizeLimitExceeded": resolve(replace("USE_NEW_CONTENT", content=bytes(6 * 2**20 + 1))),
    "FolderContentSizeLimitExceeded": resolve({}, member=DELETE),
    "FileModeRequired": resolve({}, member="setFileModes"),
    "InvalidFileMode": resolve({"fileMode": "X"}, member="setFileModes"),
}  # fmt: skip
BY_OPERATION: Mapping[str, Mapping[str, dict[str, Any]]] = {
    "CreateCommit": COMMIT,
    "CreateBranch": {"CommitDoesNotExist": {"commitId": GONE}},
    "UntagResource": {"InvalidSystemTagUsage": {"tagKeys": ["aws:x"]}},
    "GetDifferences": {
        "InvalidContinuationToken": {"NextToken": "%%"},
        "InvalidMaxResults": {"MaxResults": -1},
        "InvalidPath": {"afterPath": "a/../b"},
        "InvalidCommit": {"afterCommitSpecifier": "a..b"},
        "CommitDoesNotExist": {"afterCommitSpecifier": "gone"},
    },
    **{name: MERGES for name in VALID if "Merge" in name},
    "DescribeMergeConflicts": {**MERGES, "PathRequired": {"filePath": DROP}, "InvalidPath": {"filePath": "a/../b"}},
}
# Provoked by what a request alone cannot say: by races, and keys; each has its test elsewhere.
ELSEWHERE = {
    "ConcurrentReferenceUpdate": RACE,
    **{f"EncryptionKey{what}": KEYS for what in ("AccessDenied", "NotFound", "Unavailable", "InvalidUsage")},
    "EncryptionKeyDisabled": MINDED,
    "EncryptionIntegrityChecksFailed": "test_files_that_are_not_the_keys_are_refused_as_such",
}

CASES = [
    (operation, shape.name.removesuffix("Exception"))
    for operation in VALID
    for shape in MODEL.operation_model(operation).error_shapes
    if unraised.reason(operation, shape.name) is None and shape.name.removesuffix("Exception") not in ELSEWHERE
]


class World:
    """The repository that the requests speak of."""

    def __init__(self, yard: TestYard, key: str = "") -> None:
        self.yard, self.caller = yard, yard.caller()
        self.call("CreateRepository", repositoryName="demo", **({"kmsKeyId": key} if key else {}))
        base = {"a": "1", "d/x": "x", "d/.gitkeep": "", "same": "s"}
        self.commits = {"base": self.write("main", None, base)}
        for branch in ("feature", "old", "sub"):
            self.call("CreateBranch", repositoryName="demo", branchName=branch, commitId=self.commits["base"])
        self.commits["main"] = self.write("main", self.commits["base"], {"a": "2"})
        self.commits["feature"] = self.write("feature", self.commits["base"], {"a": "3"})
        self.call("TagResource", resourceArn=f"{ZONE}demo", tags={"a": "b"})
        self.commits |= self._plumb()

    def _plumb(self) -> dict[str, str]:
        """A submodule and a tag, which only git makes."""
        found = self.call("GetRepository", repositoryName="demo")["repositoryMetadata"]["repositoryId"]
        path = self.yard.data / "git" / "repositories" / found[:2] / f"{found}.git"
        git(path, "tag", "tagged", self.commits["base"])
        tree = git(path, "mktree", "--missing", data=f"160000 commit {GONE}\tm\n".encode()).decode().strip()
        who = {f"GIT_{role}_{what}": "x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        made = git(path, "commit-tree", "-m", "x", "-p", self.commits["base"], tree, **who).decode().strip()
        git(path, "update-ref", "refs/heads/sub", made)
        return {"sub": made, "blob": git(path, "rev-parse", "main:a").decode().strip()}

    def call(self, operation: str, **req: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.caller.call("codecommit", operation, req)
        return found

    def write(self, branch: str, parent: str | None, files: Mapping[str, str]) -> str:
        puts = [{"filePath": path, "fileContent": text.encode()} for path, text in files.items()]
        more = {"parentCommitId": parent} if parent else {}
        made = self.call("CreateCommit", repositoryName="demo", branchName=branch, putFiles=puts, **more)
        return str(made["commitId"])

    def named(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.named(one) for one in value]
        return self.commits.get(value[1:], value) if isinstance(value, str) and value.startswith("$") else value


@pytest.fixture(scope="module")
def world(module_yard: TestYard) -> World:
    return World(module_yard)


def request(world: World, operation: str, code: str) -> dict[str, Any]:
    """The request that provokes the exception."""
    members = MODEL.operation_model(operation).input_shape.members
    special = BY_OPERATION.get(operation, {}).get(code)
    change = special if special is not None else PROVOKED.get(code, {})
    changes = {name.lstrip("+"): value for name, value in change.items()}
    changes = {name: value for name, value in changes.items() if name in members}
    optional = {name.lstrip("+") for name in change if name.startswith("+")}
    valid = VALID[operation]
    changes = {name: value for name, value in changes.items() if special or name in valid or name in optional}
    made = {**valid, **changes}
    return {name: world.named(value) for name, value in made.items() if value is not DROP}


def provoke(world: World, operation: str, code: str, patch: Callable[[str], None]) -> str:
    req = request(world, operation, code)
    if code in LIMITS:
        patch(LIMITS[code])
    try:
        world.call(operation, **req)
    except AwsError as error:
        return error.code.removesuffix("Exception")
    return "nothing"


def test_every_modelled_exception_arises_or_is_listed_with_a_reason(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {}
    for operation, code in CASES:
        with monkeypatch.context() as context:
            found = provoke(world, operation, code, lambda limit: context.setattr(model, limit, 0))
        if found != code:
            said[operation, code] = found
    assert not said, "\n".join(f"{operation}: {code} came as {found}" for (operation, code), found in said.items())


def test_what_is_listed_as_never_raised_is_modelled_and_is_for_operations_that_are_built() -> None:
    for (operation, exception), reason in unraised.UNRAISED.items():
        assert exception in {shape.name for shape in MODEL.operation_model(operation).error_shapes}
        assert operation in VALID
        assert reason.endswith(".")


def test_what_is_said_to_be_tested_elsewhere_is() -> None:
    for name in set(ELSEWHERE.values()):
        found = subprocess.run(["grep", "-rlq", f"def {name}", "tests/contract/codecommit"], check=False)
        assert found.returncode == 0, name
