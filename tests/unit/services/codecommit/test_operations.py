"""What the operations do to real repositories, and how they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.git.diff import TreeDiffs
from codeyard.git.objects import EMPTY_TREE
from codeyard.git.transfer import check
from codeyard.services.codecommit import model
from tests.unit.services.codecommit.harness import ACCOUNT, ALICE, REGION, Service

NOWHERE = "1" * 40


def refusal(service: Service, operation: str, **req: Any) -> str:
    with pytest.raises(AwsError) as error:
        service.call(operation, **req)
    return error.value.code


def put(service: Service, path: str = "a.txt", content: bytes = b"one", **more: Any) -> dict[str, Any]:
    return service.call("PutFile", repositoryName="demo", branchName="main", filePath=path, fileContent=content, **more)


def commit(service: Service, parent: str | None, **changes: Any) -> dict[str, Any]:
    more = {"parentCommitId": parent} if parent else {}
    return service.call("CreateCommit", repositoryName="demo", branchName="main", **more, **changes)


def file(path: str, content: bytes = b"x", **more: Any) -> dict[str, Any]:
    return {"filePath": path, "fileContent": content, **more}


def paths(service: Service, commit_id: str) -> list[str]:
    found = service.call("GetDifferences", repositoryName="demo", afterCommitSpecifier=commit_id)
    return [one["afterBlob"]["path"] for one in found["differences"]]


def test_a_new_repository_is_empty_and_has_no_default_branch(service: Service) -> None:
    found = service.call("GetRepository", repositoryName="demo")["repositoryMetadata"]
    assert found["Arn"] == f"arn:aws:codecommit:{REGION}:{ACCOUNT}:demo"
    assert found["cloneUrlHttp"] == "http://127.0.0.1:8080/v1/repos/demo"
    assert "defaultBranch" not in found
    assert service.call("ListBranches", repositoryName="demo") == {"branches": []}


def test_a_name_is_taken_once(service: Service) -> None:
    assert refusal(service, "CreateRepository", repositoryName="demo") == "RepositoryNameExistsException"


@pytest.mark.parametrize("name", ["a b", "x.git", "a/b", "", "..", "é", "a" * 101])
def test_a_bad_name_is_refused(service: Service, name: str) -> None:
    assert refusal(service, "CreateRepository", repositoryName=name) == "InvalidRepositoryNameException"


def test_repositories_are_listed_in_either_order_page_by_page(service: Service) -> None:
    for number in range(150):
        service.clock.advance(1)
        service.call("CreateRepository", repositoryName=f"r{number:03}")
    first = service.call("ListRepositories", sortBy="lastModifiedDate", order="descending")
    assert [r["repositoryName"] for r in first["repositories"][:2]] == ["r149", "r148"]
    rest = service.call("ListRepositories", sortBy="lastModifiedDate", order="descending", nextToken=first["nextToken"])
    assert len(first["repositories"]) == 100
    assert len(rest["repositories"]) == 51
    assert rest["repositories"][-1]["repositoryName"] == "demo"
    assert "nextToken" not in rest
    assert refusal(service, "ListRepositories", nextToken=first["nextToken"]) == "InvalidContinuationTokenException"
    assert refusal(service, "ListRepositories", nextToken="%%%") == "InvalidContinuationTokenException"


def test_a_batch_names_what_is_missing(service: Service) -> None:
    found = service.call("BatchGetRepositories", repositoryNames=["demo", "gone"])
    assert [r["repositoryName"] for r in found["repositories"]] == ["demo"]
    assert found["repositoriesNotFound"] == ["gone"]
    assert found["errors"][0]["errorCode"] == "RepositoryDoesNotExistException"
    many = [f"r{number}" for number in range(101)]
    code = refusal(service, "BatchGetRepositories", repositoryNames=many)
    assert code == "MaximumRepositoryNamesExceededException"


def test_renaming_changes_the_arn_and_keeps_the_content(service: Service) -> None:
    made = put(service)
    service.call("UpdateRepositoryName", oldName="demo", newName="other")
    found = service.call("GetBranch", repositoryName="other", branchName="main")
    assert found["branch"]["commitId"] == made["commitId"]
    assert refusal(service, "GetRepository", repositoryName="demo") == "RepositoryDoesNotExistException"
    assert refusal(service, "UpdateRepositoryName", oldName="demo", newName="x") == "RepositoryDoesNotExistException"


def test_deleting_takes_the_folder_too_and_is_not_an_error_twice(service: Service) -> None:
    made = service.call("GetRepository", repositoryName="demo")["repositoryMetadata"]["repositoryId"]
    put(service)
    assert service.call("DeleteRepository", repositoryName="demo") == {"repositoryId": made}
    assert not service.rooms.repositories.path(made).exists()
    assert service.call("DeleteRepository", repositoryName="demo") == {}


def test_a_description_is_set_and_removed(service: Service) -> None:
    service.call("UpdateRepositoryDescription", repositoryName="demo", repositoryDescription="words")
    found = service.call("GetRepository", repositoryName="demo")["repositoryMetadata"]
    assert found["repositoryDescription"] == "words"
    service.call("UpdateRepositoryDescription", repositoryName="demo")
    assert "repositoryDescription" not in service.call("GetRepository", repositoryName="demo")["repositoryMetadata"]


def test_tags_are_added_replaced_and_removed(service: Service) -> None:
    arn = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:demo"
    service.call("TagResource", resourceArn=arn, tags={"a": "1", "b": "2"})
    service.call("TagResource", resourceArn=arn, tags={"a": "3"})
    service.call("UntagResource", resourceArn=arn, tagKeys=["b", "c"])
    assert service.call("ListTagsForResource", resourceArn=arn) == {"tags": {"a": "3"}}
    many = {f"k{number}": "" for number in range(50)}
    assert refusal(service, "TagResource", resourceArn=arn, tags=many) == "TooManyTagsException"
    assert refusal(service, "TagResource", resourceArn=arn, tags={"aws:x": ""}) == "InvalidSystemTagUsageException"
    assert refusal(service, "TagResource", resourceArn="nonsense", tags={}) == "InvalidResourceArnException"
    assert refusal(service, "ListTagsForResource", resourceArn=arn + "x") == "RepositoryDoesNotExistException"


def test_the_first_file_makes_the_branch_and_the_default_branch(service: Service) -> None:
    made = put(service, "docs/a.txt", b"one", name="Ann", email="ann@example.com", commitMessage="First")
    found = service.call("GetCommit", repositoryName="demo", commitId=made["commitId"])["commit"]
    assert found["author"] == {"name": "Ann", "email": "ann@example.com", "date": "1700000000 +0000"}
    assert (found["message"], found["parents"], found["treeId"]) == ("First\n", [], made["treeId"])
    metadata = service.call("GetRepository", repositoryName="demo")["repositoryMetadata"]
    assert metadata["defaultBranch"] == "main"
    file_found = service.call("GetFile", repositoryName="demo", filePath="docs/a.txt")
    assert file_found["fileContent"] == b"one"
    assert (file_found["fileSize"], file_found["fileMode"]) == (3, "NORMAL")
    assert not check(service.rooms.git, service.rooms.repositories.path(metadata["repositoryId"]))


def test_without_a_name_the_author_is_the_callers_arn(service: Service) -> None:
    made = put(service)
    found = service.call("GetCommit", repositoryName="demo", commitId=made["commitId"])["commit"]
    assert (found["author"]["name"], found["author"]["email"]) == (ALICE.arn, "")


def test_put_file_names_the_tip_that_it_builds_on(service: Service) -> None:
    first = put(service)
    second = put(service, content=b"two", parentCommitId=first["commitId"])
    req = {"repositoryName": "demo", "branchName": "main", "filePath": "b", "fileContent": b"x"}
    assert refusal(service, "PutFile", **req) == "ParentCommitIdRequiredException"
    assert refusal(service, "PutFile", **req, parentCommitId="x") == "InvalidParentCommitIdException"
    assert refusal(service, "PutFile", **req, parentCommitId=NOWHERE) == "ParentCommitDoesNotExistException"
    outdated = {**req, "parentCommitId": first["commitId"]}
    assert refusal(service, "PutFile", **outdated) == "ParentCommitIdOutdatedException"
    other = {**req, "branchName": "other", "parentCommitId": second["commitId"]}
    assert refusal(service, "PutFile", **other) == "BranchDoesNotExistException"
    same = {**req, "filePath": "a.txt", "fileContent": b"two", "parentCommitId": second["commitId"]}
    assert refusal(service, "PutFile", **same) == "SameFileContentException"


def test_a_file_cannot_stand_where_a_folder_is_nor_a_folder_where_a_file_is(service: Service) -> None:
    tip = put(service, "d/f")["commitId"]
    req = {"repositoryName": "demo", "branchName": "main", "fileContent": b"x", "parentCommitId": tip}
    assert refusal(service, "PutFile", **req, filePath="d") == "FileNameConflictsWithDirectoryNameException"
    assert refusal(service, "PutFile", **req, filePath="d/f/g") == "DirectoryNameConflictsWithFileNameException"


@pytest.mark.parametrize(
    "path", ["", "/", "a//b", "../a", "a/./b", ".git/config", "x/.GIT/y", "/".join("d" * 21), "a\0b", "a" * 4097]
)
def test_a_path_that_could_do_harm_is_refused(service: Service, path: str) -> None:
    req = {"repositoryName": "demo", "branchName": "main", "fileContent": b"x", "filePath": path}
    assert refusal(service, "PutFile", **req) == "InvalidPathException"


def test_limits_of_the_author_and_the_message(service: Service) -> None:
    req = {"repositoryName": "demo", "branchName": "main", "fileContent": b"x", "filePath": "a"}
    assert refusal(service, "PutFile", **req, name="n" * 1025) == "NameLengthExceededException"
    assert refusal(service, "PutFile", **req, email="e" * 257) == "InvalidEmailException"
    long = {**req, "commitMessage": "m" * (256 * 1024 + 1)}
    assert refusal(service, "PutFile", **long) == "CommitMessageLengthExceededException"


def test_deleting_a_file_can_keep_its_folder(service: Service) -> None:
    tip = put(service, "d/e/f")["commitId"]
    req = {"repositoryName": "demo", "branchName": "main", "filePath": "d/e/f", "parentCommitId": tip}
    kept = service.call("DeleteFile", **req, keepEmptyFolders=True)
    assert paths(service, kept["commitId"]) == ["d/e/.gitkeep"]
    again = {**req, "parentCommitId": kept["commitId"]}
    assert refusal(service, "DeleteFile", **again) == "FileDoesNotExistException"
    gone = service.call("DeleteFile", **{**again, "filePath": "d/e/.gitkeep"})
    assert gone["treeId"] == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def test_one_commit_makes_many_changes(service: Service) -> None:
    first = commit(service, None, putFiles=[file("a", b"1"), file("d/b", b"2"), file("c", b"3")])
    assert [one["absolutePath"] for one in first["filesAdded"]] == ["a", "d/b", "c"]
    second = commit(
        service,
        first["commitId"],
        putFiles=[
            file("a", b"1.1"),
            {"filePath": "moved", "sourceFile": {"filePath": "d/b", "isMove": True}},
            {"filePath": "copy", "sourceFile": {"filePath": "c"}},
        ],
        setFileModes=[{"filePath": "c", "fileMode": "EXECUTABLE"}],
    )
    assert paths(service, second["commitId"]) == ["a", "c", "copy", "moved"]
    assert [one["absolutePath"] for one in second["filesUpdated"]] == ["a", "c"]
    assert [one["absolutePath"] for one in second["filesDeleted"]] == ["d/b"]
    assert service.call("GetFile", repositoryName="demo", filePath="c")["fileMode"] == "EXECUTABLE"


ENTRY = file("a")
REFUSED_COMMITS = [
    ({}, "FileEntryRequiredException"),
    ({"putFiles": [file(f"f{n}") for n in range(101)]}, "MaximumFileEntriesExceededException"),
    ({"putFiles": [{"filePath": "a"}]}, "SourceFileOrContentRequiredException"),
    ({"putFiles": [{**ENTRY, "sourceFile": {"filePath": "b"}}]}, "FileContentAndSourceFileSpecifiedException"),
    ({"putFiles": [ENTRY, ENTRY]}, "SamePathRequestException"),
    ({"putFiles": [ENTRY, {**ENTRY, "filePath": "a/b/c"}]}, "PutFileEntryConflictException"),
    ({"putFiles": [ENTRY], "deleteFiles": [{"filePath": "a"}]}, "SamePathRequestException"),
    ({"deleteFiles": [{"filePath": "nope"}]}, "FileDoesNotExistException"),
    ({"putFiles": [{"filePath": "b", "sourceFile": {"filePath": "nope"}}]}, "FileDoesNotExistException"),
    ({"putFiles": [{"filePath": "b", "sourceFile": {"filePath": "d/.gitkeep"}}]}, "RestrictedSourceFileException"),
    ({"putFiles": [file("top", b"1")]}, "NoChangeException"),
    ({"putFiles": [file("a", bytes(6291457))]}, "FileContentSizeLimitExceededException"),
    ({"putFiles": [file("a", bytes(4 << 20)), file("b", bytes(4 << 20))]}, "FileContentSizeLimitExceededException"),
    ({"putFiles": [file("top/under")]}, "DirectoryNameConflictsWithFileNameException"),
]


@pytest.mark.parametrize(
    ("changes", "code"), REFUSED_COMMITS, ids=[f"{n}-{c}" for n, (_, c) in enumerate(REFUSED_COMMITS)]
)
def test_a_commit_that_cannot_be_made_says_why(service: Service, changes: dict[str, Any], code: str) -> None:
    tip = commit(service, None, putFiles=[file("top", b"1")])["commitId"]
    req = {"repositoryName": "demo", "branchName": "main", "parentCommitId": tip, **changes}
    assert refusal(service, "CreateCommit", **req) == code


def test_branches_are_made_listed_and_deleted_but_never_the_default_one(service: Service) -> None:
    tip = put(service)["commitId"]
    service.call("CreateBranch", repositoryName="demo", branchName="feature/x", commitId=tip)
    assert service.call("ListBranches", repositoryName="demo")["branches"] == ["feature/x", "main"]
    req = {"repositoryName": "demo", "branchName": "feature/x", "commitId": tip}
    assert refusal(service, "CreateBranch", **req) == "BranchNameExistsException"
    assert refusal(service, "CreateBranch", **{**req, "branchName": "n", "commitId": "q"}) == "InvalidCommitIdException"
    missing = {**req, "branchName": "n", "commitId": NOWHERE}
    assert refusal(service, "CreateBranch", **missing) == "CommitDoesNotExistException"
    assert refusal(service, "CreateBranch", **{**req, "branchName": "feature"}) == "BranchNameExistsException"
    code = refusal(service, "DeleteBranch", repositoryName="demo", branchName="main")
    assert code == "DefaultBranchCannotBeDeletedException"
    gone = service.call("DeleteBranch", repositoryName="demo", branchName="feature/x")
    assert gone["deletedBranch"] == {"branchName": "feature/x", "commitId": tip}
    assert service.call("DeleteBranch", repositoryName="demo", branchName="feature/x") == {}
    code = refusal(service, "GetBranch", repositoryName="demo", branchName="feature/x")
    assert code == "BranchDoesNotExistException"


@pytest.mark.parametrize("name", ["a..b", "-x", "a b", "a" * 40, "a.lock", "@", "a~1", "HEAD", "x" * 257])
def test_a_branch_is_named_as_git_allows_and_never_like_a_commit(service: Service, name: str) -> None:
    tip = put(service)["commitId"]
    req = {"repositoryName": "demo", "branchName": name, "commitId": tip}
    assert refusal(service, "CreateBranch", **req) == "InvalidBranchNameException"


def test_branches_come_page_by_page(service: Service) -> None:
    tip = put(service)["commitId"]
    for number in range(120):
        service.call("CreateBranch", repositoryName="demo", branchName=f"b{number:03}", commitId=tip)
    first = service.call("ListBranches", repositoryName="demo")
    rest = service.call("ListBranches", repositoryName="demo", nextToken=first["nextToken"])
    assert first["branches"] + rest["branches"] == [f"b{n:03}" for n in range(120)] + ["main"]
    code = refusal(service, "ListBranches", repositoryName="demo", nextToken="!")
    assert code == "InvalidContinuationTokenException"


def test_the_default_branch_can_be_another_and_head_follows(service: Service) -> None:
    tip = put(service)["commitId"]
    service.call("CreateBranch", repositoryName="demo", branchName="next", commitId=tip)
    service.call("UpdateDefaultBranch", repositoryName="demo", defaultBranchName="next")
    metadata = service.call("GetRepository", repositoryName="demo")["repositoryMetadata"]
    assert metadata["defaultBranch"] == "next"
    head = service.rooms.repositories.path(metadata["repositoryId"]) / "HEAD"
    assert head.read_text().strip() == "ref: refs/heads/next"
    code = refusal(service, "UpdateDefaultBranch", repositoryName="demo", defaultBranchName="none")
    assert code == "BranchDoesNotExistException"


SPECIFIERS = [
    ("main", None),
    ("refs/heads/main", None),
    ("HEAD", None),
    (None, None),
    ("refs/codeyard/secret", "CommitDoesNotExistException"),
    ("main~0", "InvalidCommitException"),
    ("main^{tree}", "InvalidCommitException"),
    ("@{upstream}", "InvalidCommitException"),
    (":/one", "InvalidCommitException"),
    ("--all", "InvalidCommitException"),
    ("gone", "CommitDoesNotExistException"),
    (NOWHERE, "CommitDoesNotExistException"),
]


@pytest.mark.parametrize(("specifier", "code"), SPECIFIERS)
def test_a_specifier_is_a_name_and_never_an_expression(
    service: Service, specifier: str | None, code: str | None
) -> None:
    tip = put(service)["commitId"]
    req = {"repositoryName": "demo", "filePath": "a.txt"}
    if specifier is not None:
        req["commitSpecifier"] = specifier
    if code is None:
        assert service.call("GetFile", **req)["commitId"] == tip
    else:
        assert refusal(service, "GetFile", **req) == code


def test_a_folder_lists_what_lies_in_it_by_kind(service: Service) -> None:
    link = file("d/link", b"f", fileMode="SYMLINK")
    made = commit(service, None, putFiles=[file("d/f"), file("d/sub/g"), link, file("d/run", fileMode="EXECUTABLE")])
    found = service.call("GetFolder", repositoryName="demo", folderPath="/d/")
    assert (found["commitId"], found["folderPath"]) == (made["commitId"], "d")
    assert [one["relativePath"] for one in found["subFolders"]] == ["sub"]
    assert [(one["absolutePath"], one["fileMode"]) for one in found["files"]] == [
        ("d/f", "NORMAL"),
        ("d/run", "EXECUTABLE"),
    ]
    assert [one["absolutePath"] for one in found["symbolicLinks"]] == ["d/link"]
    assert service.call("GetFolder", repositoryName="demo", folderPath="/")["subFolders"][0]["absolutePath"] == "d"
    code = refusal(service, "GetFolder", repositoryName="demo", folderPath="d/f")
    assert code == "FolderDoesNotExistException"


def test_a_blob_is_read_by_its_id(service: Service) -> None:
    blob = put(service)["blobId"]
    assert service.call("GetBlob", repositoryName="demo", blobId=blob) == {"content": b"one"}
    assert refusal(service, "GetBlob", repositoryName="demo", blobId=NOWHERE) == "BlobIdDoesNotExistException"
    assert refusal(service, "GetBlob", repositoryName="demo", blobId="main:a.txt") == "InvalidBlobIdException"


def test_commits_are_read_in_batches(service: Service) -> None:
    tip = put(service)["commitId"]
    found = service.call("BatchGetCommits", repositoryName="demo", commitIds=[tip, NOWHERE, "short"])
    assert [one["commitId"] for one in found["commits"]] == [tip]
    assert [one["errorCode"] for one in found["errors"]] == [
        "CommitIdDoesNotExistException",
        "InvalidCommitIdException",
    ]
    many = [f"{n:040x}" for n in range(101)]
    req = {"repositoryName": "demo", "commitIds": many}
    assert refusal(service, "BatchGetCommits", **req) == "CommitIdsLimitExceededException"
    assert refusal(service, "GetCommit", repositoryName="demo", commitId=NOWHERE) == "CommitIdDoesNotExistException"


def test_differences_tell_added_changed_and_deleted_files(service: Service) -> None:
    first = commit(service, None, putFiles=[file("a", b"1"), file("d/b", b"2"), file("d/c", b"3")])["commitId"]
    changes = {"putFiles": [file("a", b"2"), file("d/new")], "deleteFiles": [{"filePath": "d/c"}]}
    second = commit(service, first, **changes)["commitId"]
    req = {"repositoryName": "demo", "beforeCommitSpecifier": first, "afterCommitSpecifier": second}
    found = service.call("GetDifferences", **req)["differences"]
    assert [one["changeType"] for one in found] == ["M", "D", "A"]
    assert found[1]["beforeBlob"]["path"] == "d/c"
    assert "afterBlob" not in found[1]
    assert found[0]["afterBlob"]["mode"] == "100644"
    below = service.call("GetDifferences", **req, afterPath="d")["differences"]
    assert [one["changeType"] for one in below] == ["D", "A"]
    page = service.call("GetDifferences", **req, MaxResults=2)
    rest = service.call("GetDifferences", **req, NextToken=page["NextToken"])
    assert page["differences"] + rest["differences"] == found
    assert refusal(service, "GetDifferences", **req, afterPath="none") == "PathDoesNotExistException"
    assert refusal(service, "GetDifferences", **req, MaxResults=0) == "InvalidMaxResultsException"
    assert refusal(service, "GetDifferences", **req, NextToken="zz") == "InvalidContinuationTokenException"


def test_a_file_that_became_a_folder_differs_as_a_file_gone_and_files_added(service: Service) -> None:
    first = commit(service, None, putFiles=[file("a"), file("z")])["commitId"]
    second = commit(service, first, deleteFiles=[{"filePath": "a"}])["commitId"]
    third = commit(service, second, putFiles=[file("a/x"), file("a/y")])["commitId"]
    asked = {"repositoryName": "demo", "beforeCommitSpecifier": first, "afterCommitSpecifier": third}
    found, token = [], {}
    while True:
        page = service.call("GetDifferences", **asked, beforePath="a", MaxResults=1, **token)
        found += page["differences"]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    told = [(one["changeType"], one.get("afterBlob", one.get("beforeBlob"))["path"]) for one in found]
    assert told == [("D", "a"), ("A", "a/x"), ("A", "a/y")]
    assert refusal(service, "GetDifferences", **asked, beforePath="b") == "PathDoesNotExistException"


def test_differences_that_are_too_many_to_be_kept_are_told_all_the_same(service: Service) -> None:
    first = commit(service, None, putFiles=[file(f"f{n}") for n in range(5)])["commitId"]
    second = commit(service, first, putFiles=[file("f0", b"y")])["commitId"]
    diffs = TreeDiffs(service.rooms.git, bound=5)
    path = service.rooms.repositories.path(
        service.call("GetRepository", repositoryName="demo")["repositoryMetadata"]["repositoryId"]
    )
    for before, after, count in ((EMPTY_TREE, first, 5), (first, second, 1), (EMPTY_TREE, second, 5)):
        changes, total = diffs.page(path, before, after, 0, 100)
        assert (len(changes), total) == (count, count)


@pytest.mark.parametrize("path", ["", "/", "../x", "a//b", "a/../b", "a\0b"])
def test_a_history_of_what_is_no_path_is_refused(service: Service, path: str) -> None:
    put(service)
    assert refusal(service, "ListFileCommitHistory", repositoryName="demo", filePath=path) == "ValidationException"


@pytest.mark.parametrize(("start", "at"), [("a\nb", 0), ("HEAD", 0), (NOWHERE, 0), ("$", -1), ("$", 2**62)])
def test_a_history_is_not_resumed_by_a_token_that_was_never_given(service: Service, start: str, at: int) -> None:
    tip = put(service)["commitId"]
    token = model.encode_token(s=start.replace("$", tip), n=at)
    req = {"repositoryName": "demo", "filePath": "a.txt", "nextToken": token}
    assert refusal(service, "ListFileCommitHistory", **req) == "InvalidContinuationTokenException"


def test_a_files_history_names_its_versions_and_what_followed_them(service: Service) -> None:
    first = put(service, "a", b"1")["commitId"]
    other = put(service, "b", b"1", parentCommitId=first)["commitId"]
    last = put(service, "a", b"2", parentCommitId=other)["commitId"]
    found = service.call("ListFileCommitHistory", repositoryName="demo", filePath="a", maxResults=1)
    rest = service.call("ListFileCommitHistory", repositoryName="demo", filePath="a", nextToken=found["nextToken"])
    assert [one["commit"]["commitId"] for one in found["revisionDag"]] == [last]
    assert [one["commit"]["commitId"] for one in rest["revisionDag"]] == [first]
    assert rest["revisionDag"][0]["revisionChildren"] == [last]


def fork(service: Service) -> tuple[str, str]:
    base = commit(service, None, putFiles=[file("a", b"1\n2\n3\n"), file("b")])["commitId"]
    service.call("CreateBranch", repositoryName="demo", branchName="feature", commitId=base)
    ours = service.call(
        "PutFile",
        repositoryName="demo",
        branchName="feature",
        filePath="a",
        fileContent=b"1\n2\nthree\n",
        parentCommitId=base,
    )
    return base, ours["commitId"]


def test_a_branch_moves_forward_when_it_can(service: Service) -> None:
    base, source = fork(service)
    req = {
        "repositoryName": "demo",
        "sourceCommitSpecifier": "feature",
        "destinationCommitSpecifier": "main",
    }
    options = service.call("GetMergeOptions", **req)
    assert options["mergeOptions"] == ["FAST_FORWARD_MERGE", "SQUASH_MERGE", "THREE_WAY_MERGE"]
    assert (options["baseCommitId"], options["sourceCommitId"]) == (base, source)
    assert service.call("MergeBranchesByFastForward", **req)["commitId"] == source
    event = service.events()[-1]
    assert (event["event"], event["mergeOption"], event["destinationCommitId"]) == (
        "referenceUpdated",
        "FAST_FORWARD_MERGE",
        base,
    )


def test_histories_that_parted_are_not_merged_by_moving_forward(service: Service) -> None:
    base, _ = fork(service)
    put(service, "a", b"one\n2\n3\n", parentCommitId=base)
    req = {
        "repositoryName": "demo",
        "sourceCommitSpecifier": "feature",
        "destinationCommitSpecifier": "main",
    }
    assert refusal(service, "MergeBranchesByFastForward", **req) == "ManualMergeRequiredException"
    assert service.call("GetMergeOptions", **req)["mergeOptions"] == []
    by_line = service.call("GetMergeOptions", **req, conflictDetailLevel="LINE_LEVEL")
    assert by_line["mergeOptions"] == ["SQUASH_MERGE", "THREE_WAY_MERGE"]


def test_changes_by_api_emit_reference_events(service: Service) -> None:
    first = put(service)["commitId"]
    second = put(service, content=b"two", parentCommitId=first)["commitId"]
    service.call("CreateBranch", repositoryName="demo", branchName="side", commitId=first)
    service.call("DeleteBranch", repositoryName="demo", branchName="side")
    events = service.events()
    assert [event["event"] for event in events] == [
        "referenceCreated",
        "referenceUpdated",
        "referenceCreated",
        "referenceDeleted",
    ]
    repository_id = service.call("GetRepository", repositoryName="demo")["repositoryMetadata"]["repositoryId"]
    assert events[1] == {
        "event": "referenceUpdated",
        "callerUserArn": ALICE.arn,
        "repositoryName": "demo",
        "repositoryId": repository_id,
        "referenceType": "branch",
        "referenceName": "main",
        "referenceFullName": "refs/heads/main",
        "commitId": second,
        "oldCommitId": first,
    }
    assert "commitId" not in events[3]
    assert events[3]["oldCommitId"] == first
