"""Merging through boto3: conflicts as they are told, every way to settle them, and what becomes of the branches."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import pytest
import sqlalchemy as sa
from botocore.exceptions import ClientError

from codeyard.contract import AwsError
from codeyard.services.codecommit import merges, model
from tests.support.yard import TestYard

LINES = "".join(f"{n}\n" for n in range(1, 10))
names = (f"r{number}" for number in itertools.count())


class Repository:
    """A repository with a branch `main`, and a branch `feature` that began at the same commit."""

    def __init__(self, yard: TestYard, **files: str | bytes) -> None:
        self.yard, self.client, self.name = yard, yard.client("codecommit"), next(names)
        self.client.create_repository(repositoryName=self.name)
        self.base = self.commit("main", None, **(files or {"a": LINES}))
        self.client.create_branch(repositoryName=self.name, branchName="feature", commitId=self.base)
        self.tips = {"main": self.base, "feature": self.base}

    def commit(self, branch: str, parent: str | None, *deleted: str, modes: Any = None, **files: str | bytes) -> str:
        puts = [{"filePath": path.replace("__", "/"), "fileContent": content} for path, content in files.items()]
        more: dict[str, Any] = {"putFiles": puts} if puts else {}
        more |= {"deleteFiles": [{"filePath": path} for path in deleted]} if deleted else {}
        more |= {"setFileModes": [{"filePath": p, "fileMode": m} for p, m in modes.items()]} if modes else {}
        more |= {"parentCommitId": parent} if parent else {}
        made = self.client.create_commit(repositoryName=self.name, branchName=branch, **more)
        return str(made["commitId"])

    def change(self, branch: str, *deleted: str, **more: Any) -> str:
        self.tips[branch] = self.commit(branch, self.tips[branch], *deleted, **more)
        return self.tips[branch]

    def call(self, operation: str, **more: Any) -> dict[str, Any]:
        sides = {"sourceCommitSpecifier": "feature", "destinationCommitSpecifier": "main"}
        found: dict[str, Any] = getattr(self.client, operation)(repositoryName=self.name, **{**sides, **more})
        return found

    def refused(self, operation: str, **more: Any) -> str:
        with pytest.raises(ClientError) as error:
            self.call(operation, **more)
        return str(error.value.response["Error"]["Code"])

    def conflicts(self, **more: Any) -> dict[str, dict[str, Any]]:
        found = self.call("get_merge_conflicts", mergeOption="THREE_WAY_MERGE", **more)
        assert found["mergeable"] is (not found["conflictMetadataList"])
        return {one["filePath"]: one for one in found["conflictMetadataList"]}

    def file(self, path: str, commit: str = "main") -> str:
        found = self.client.get_file(repositoryName=self.name, filePath=path, commitSpecifier=commit)
        return str(found["fileContent"].decode())

    def mode(self, path: str) -> str:
        return str(self.client.get_file(repositoryName=self.name, filePath=path, commitSpecifier="main")["fileMode"])

    def paths(self, commit: str = "main") -> list[str]:
        found = self.client.get_differences(repositoryName=self.name, afterCommitSpecifier=commit)["differences"]
        return [one["afterBlob"]["path"] for one in found]

    def parents(self, commit: str) -> list[str]:
        return list(self.client.get_commit(repositoryName=self.name, commitId=commit)["commit"]["parents"])

    def events(self) -> list[dict[str, Any]]:
        rows = self.yard.yard.db.read(lambda tx: tx.all(sa.text("SELECT detail FROM outbox ORDER BY rowid")))
        details = [json.loads(row.detail) for row in rows]
        return [one for one in details if one.get("repositoryName") == self.name]


@pytest.fixture
def parted(module_yard: TestYard) -> Repository:
    """Both branches changed `a`, at different lines, and one file each of their own."""
    made = Repository(module_yard, a=LINES, keep="k")
    made.change("main", a=LINES.replace("1", "one"), ours="o")
    made.change("feature", a=LINES.replace("9", "nine"), theirs="t")
    return made


@pytest.fixture
def clashing(module_yard: TestYard) -> Repository:
    """Both branches changed the same line of `a`."""
    made = Repository(module_yard)
    made.change("main", a=LINES.replace("5", "ours"))
    made.change("feature", a=LINES.replace("5", "theirs").replace("9", "nine"))
    return made


def test_a_squash_is_one_commit_and_a_three_way_merge_has_two_parents(parted: Repository) -> None:
    before, source = parted.tips["main"], parted.tips["feature"]
    by_line = {"conflictDetailLevel": "LINE_LEVEL"}
    who = {"authorName": "Ann", "email": "ann@example.com", "commitMessage": "together"}
    squashed = parted.call("merge_branches_by_squash", **by_line, **who)
    assert parted.parents(squashed["commitId"]) == [before]
    commit = parted.client.get_commit(repositoryName=parted.name, commitId=squashed["commitId"])["commit"]
    assert (commit["author"]["name"], commit["committer"]["email"]) == ("Ann", "ann@example.com")
    assert (commit["message"], commit["treeId"]) == ("together\n", squashed["treeId"])
    assert parted.file("a") == LINES.replace("1", "one").replace("9", "nine")
    event = parted.events()[-1]
    merge = {"mergeOption": "SQUASH_MERGE", "conflictDetailsLevel": "LINE_LEVEL", "conflictResolutionStrategy": "NONE"}
    sides = {"baseCommitId": parted.base, "sourceCommitId": source, "destinationCommitId": before}
    moved = {"commitId": squashed["commitId"], "oldCommitId": before, "referenceFullName": "refs/heads/main"}
    assert {**event, **merge, **sides, **moved, "event": "referenceUpdated"} == event
    merged = parted.call("merge_branches_by_three_way", **by_line, targetBranch="main")
    assert parted.parents(merged["commitId"]) == [squashed["commitId"], source]
    assert parted.call("merge_branches_by_three_way")["commitId"] == merged["commitId"]  # there is nothing to merge


def test_by_file_a_file_that_both_changed_is_in_conflict_and_by_line_it_is_not(parted: Repository) -> None:
    options = parted.call("get_merge_options")
    assert options["mergeOptions"] == []
    assert options["baseCommitId"] == parted.base
    both = ["SQUASH_MERGE", "THREE_WAY_MERGE"]
    for more in (
        {"conflictDetailLevel": "LINE_LEVEL"},
        {"conflictResolutionStrategy": "AUTOMERGE"},
        {"conflictResolutionStrategy": "ACCEPT_SOURCE"},
    ):
        assert parted.call("get_merge_options", **more)["mergeOptions"] == both
        assert parted.conflicts(**more) == {}
    assert parted.refused("merge_branches_by_three_way") == "ManualMergeRequiredException"
    assert parted.refused("merge_branches_by_fast_forward") == "ManualMergeRequiredException"
    forward = parted.call("get_merge_conflicts", mergeOption="FAST_FORWARD_MERGE")
    assert (forward["mergeable"], forward["conflictMetadataList"]) == (False, [])
    (found,) = parted.conflicts().values()
    size = len(LINES)
    assert found == {
        "filePath": "a",
        "fileSizes": {"source": size + 3, "destination": size + 2, "base": size},
        "fileModes": dict.fromkeys(("source", "destination", "base"), "NORMAL"),
        "objectTypes": dict.fromkeys(("source", "destination", "base"), "FILE"),
        "numberOfConflicts": 1,
        "isBinaryFile": dict.fromkeys(("source", "destination", "base"), False),
        "contentConflict": True,
        "fileModeConflict": False,
        "objectTypeConflict": False,
        "mergeOperations": {"source": "M", "destination": "M"},
    }


def test_hunks_tell_the_lines_of_each_side_and_come_in_pages(clashing: Repository) -> None:
    asked = {"mergeOption": "THREE_WAY_MERGE", "filePath": "a", "conflictDetailLevel": "LINE_LEVEL"}
    found = clashing.call("describe_merge_conflicts", **asked, maxMergeHunks=1)
    (conflict,) = found["mergeHunks"]
    assert conflict["isConflict"] is True
    for side, text in (("source", b"theirs\n"), ("destination", b"ours\n"), ("base", b"5\n")):
        content = base64.b64encode(text).decode()
        assert conflict[side] == {"startLine": 4, "endLine": 5, "hunkContent": content}
    rest = clashing.call("describe_merge_conflicts", **asked, nextToken=found["nextToken"])
    (clean,) = rest["mergeHunks"]
    assert (clean["isConflict"], base64.b64decode(clean["source"]["hunkContent"])) == (False, b"nine\n")
    assert "nextToken" not in rest
    assert found["conflictMetadata"]["numberOfConflicts"] == 1
    whole = clashing.call("describe_merge_conflicts", mergeOption="SQUASH_MERGE", filePath="a")
    assert [h["source"]["endLine"] for h in whole["mergeHunks"]] == [9]


def test_several_files_are_described_at_once_and_what_cannot_be_is_an_error(module_yard: TestYard) -> None:
    made = Repository(module_yard, a="1", b="1", c="1", same="s")
    made.change("main", a="2", b="2", c="2")
    made.change("feature", a="3", b="3", c="3")
    asked = {"mergeOption": "THREE_WAY_MERGE", "maxMergeHunks": 5}
    first = made.call("batch_describe_merge_conflicts", **asked, maxConflictFiles=2)
    rest = made.call("batch_describe_merge_conflicts", **asked, nextToken=first["nextToken"])
    described = [one["conflictMetadata"]["filePath"] for one in first["conflicts"] + rest["conflicts"]]
    assert described == ["a", "b", "c"]
    some = made.call("batch_describe_merge_conflicts", **asked, filePaths=["b", "gone", "/../x", "same"])
    assert [one["conflictMetadata"]["filePath"] for one in some["conflicts"]] == ["b", "same"]
    assert some["conflicts"][1]["conflictMetadata"]["numberOfConflicts"] == 0
    errors = {one["filePath"]: one["exceptionName"] for one in some["errors"]}
    assert errors == {"gone": "FileDoesNotExistException", "/../x": "InvalidPathException"}
    pages = made.call("get_merge_conflicts", mergeOption="SQUASH_MERGE", maxConflictFiles=2)
    more = made.call("get_merge_conflicts", mergeOption="SQUASH_MERGE", nextToken=pages["nextToken"])
    assert [one["filePath"] for one in more["conflictMetadataList"]] == ["c"]
    made.change("main", a="4")
    again = {"mergeOption": "SQUASH_MERGE", "nextToken": pages["nextToken"]}
    assert made.refused("get_merge_conflicts", **again) == "InvalidContinuationTokenException"


def test_hunks_that_are_too_large_for_one_page_come_in_several_or_are_refused(
    module_yard: TestYard, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Repository(module_yard, a="1\n\n2\n", b="1")
    made.change("main", a="3\n\n4\n", b="2")
    made.change("feature", a="5\n\n6\n", b="3")
    asked = {"mergeOption": "SQUASH_MERGE", "conflictDetailLevel": "LINE_LEVEL"}
    monkeypatch.setattr("codeyard.services.codecommit.api.conflicts._PAGE_BYTES", 1)
    first = made.call("describe_merge_conflicts", **asked, filePath="a")
    rest = made.call("describe_merge_conflicts", **asked, filePath="a", nextToken=first["nextToken"])
    assert [one["source"]["startLine"] for one in first["mergeHunks"] + rest["mergeHunks"]] == [0, 2]
    page = made.call("batch_describe_merge_conflicts", **asked)
    assert [one["conflictMetadata"]["filePath"] for one in page["conflicts"]] == ["a"]
    assert page["nextToken"]
    monkeypatch.setattr(model, "MAX_FILE", 1)
    assert (
        made.refused("describe_merge_conflicts", **asked, filePath="a") == "MaximumFileContentToLoadExceededException"
    )
    page = made.call("batch_describe_merge_conflicts", **asked)
    assert [one["filePath"] for one in page["errors"]] == ["a"]


SETTLED = [
    ({"replacementType": "KEEP_SOURCE"}, LINES.replace("5", "theirs").replace("9", "nine")),
    ({"replacementType": "KEEP_DESTINATION"}, LINES.replace("5", "ours")),
    ({"replacementType": "KEEP_BASE"}, LINES),
    ({"replacementType": "USE_NEW_CONTENT", "content": b"new", "fileMode": "EXECUTABLE"}, "new"),
    ({"replacementType": "USE_NEW_CONTENT", "content": b""}, ""),
]


@pytest.mark.parametrize(("how", "text"), SETTLED, ids=[f"{how['replacementType']}-{len(how)}" for how, _ in SETTLED])
def test_a_conflict_is_settled_as_the_request_says(clashing: Repository, how: dict[str, Any], text: str) -> None:
    asked: dict[str, Any] = {"conflictResolutionStrategy": "AUTOMERGE"}
    assert clashing.refused("merge_branches_by_three_way", **asked) == "ManualMergeRequiredException"
    resolution = {"replaceContents": [{"filePath": "a", **how}]}
    clashing.call("merge_branches_by_three_way", **asked, conflictResolution=resolution)
    assert clashing.file("a") == text
    assert clashing.mode("a") == how.get("fileMode", "NORMAL")


def test_a_file_in_conflict_may_be_deleted_and_a_mode_alone_be_chosen(module_yard: TestYard) -> None:
    made = Repository(module_yard, a="1", x="1")
    made.change("main", a="2", new="same")
    made.change("feature", "a")
    made.change("feature", new="same")
    made.change("feature", modes={"new": "EXECUTABLE"})
    found = made.conflicts(conflictResolutionStrategy="AUTOMERGE")
    assert found["a"]["mergeOperations"] == {"source": "D", "destination": "M"}
    assert (found["new"]["fileModeConflict"], found["new"]["contentConflict"]) == (True, False)
    resolution = {
        "deleteFiles": [{"filePath": "/a"}],
        "setFileModes": [{"filePath": "new", "fileMode": "EXECUTABLE"}],
    }
    asked = {"conflictResolutionStrategy": "AUTOMERGE", "conflictResolution": resolution}
    made.call("merge_branches_by_squash", **asked)
    assert made.paths() == ["new", "x"]
    assert made.mode("new") == "EXECUTABLE"


WRONG = [
    ({"replaceContents": [{"filePath": "a", "replacementType": "USE_NEW_CONTENT"}]}, "ReplacementContentRequired"),
    (
        {"replaceContents": [{"filePath": "a", "replacementType": "KEEP_BASE", "content": b"x"}]},
        "InvalidReplacementContent",
    ),
    ({"replaceContents": [{"filePath": "a", "replacementType": "KEEP_ALL"}]}, "InvalidReplacementType"),
    ({"replaceContents": [{"filePath": "keep", "replacementType": "KEEP_BASE"}]}, "InvalidConflictResolution"),
    ({"deleteFiles": [{"filePath": "a"}, {"filePath": "/a"}]}, "MultipleConflictResolutionEntries"),
    (
        {"deleteFiles": [{"filePath": "a"}], "setFileModes": [{"filePath": "a", "fileMode": "NORMAL"}]},
        "MultipleConflictResolutionEntries",
    ),
    ({"deleteFiles": [{"filePath": f"f{n}"} for n in range(1001)]}, "MaximumConflictResolutionEntriesExceeded"),
    ({"deleteFiles": [{"filePath": "a/../b"}]}, "InvalidPath"),
    ({"deleteFiles": [{"filePath": ""}]}, "PathRequired"),
    ({"setFileModes": [{"filePath": "a", "fileMode": "0777"}]}, "InvalidFileMode"),
    ({"setFileModes": [{"filePath": "a", "fileMode": "NORMAL"}]}, "ManualMergeRequired"),
    (
        {
            "replaceContents": [
                {"filePath": path, "replacementType": "USE_NEW_CONTENT", "content": bytes(4 << 20)} for path in "ab"
            ]
        },
        "FileContentSizeLimitExceeded",
    ),
]


def test_resolutions_that_are_not_valid_are_refused_by_name(clashing: Repository) -> None:
    for resolution, code in WRONG:
        asked = {"conflictResolution": resolution, "conflictResolutionStrategy": "AUTOMERGE"}
        for operation in ("merge_branches_by_squash", "merge_branches_by_three_way"):
            assert clashing.refused(operation, **asked) == f"{code}Exception", resolution
    plain = {"conflictResolution": {"deleteFiles": [{"filePath": "a"}]}}
    assert clashing.refused("merge_branches_by_squash", **plain) == "InvalidConflictResolutionException"


@pytest.mark.parametrize("side", ["SOURCE", "DESTINATION"])
def test_a_strategy_takes_one_sides_files_or_by_line_its_lines(clashing: Repository, side: str) -> None:
    strategy = {"conflictResolutionStrategy": f"ACCEPT_{side}"}
    made = clashing.call("create_unreferenced_merge_commit", mergeOption="SQUASH_MERGE", **strategy)
    whole = {"SOURCE": LINES.replace("5", "theirs").replace("9", "nine"), "DESTINATION": LINES.replace("5", "ours")}
    assert clashing.file("a", made["commitId"]) == whole[side]
    clashing.call("merge_branches_by_squash", **strategy, conflictDetailLevel="LINE_LEVEL")
    line = {"SOURCE": "theirs", "DESTINATION": "ours"}[side]
    assert clashing.file("a") == LINES.replace("5", line).replace("9", "nine")


def test_files_against_folders_and_binary_files_are_told_and_settled_by_a_side(module_yard: TestYard) -> None:
    made = Repository(module_yard, x="1", bin=b"\0\1")
    made.change("main", d="a file", bin=b"\0\2")
    made.change("feature", d__inner="in a folder", bin=b"\0\3")
    for level in ("FILE_LEVEL", "LINE_LEVEL"):
        found = made.conflicts(conflictDetailLevel=level)
        assert found["d"]["objectTypes"] == {"source": "DIRECTORY", "destination": "FILE"}
        assert (found["d"]["objectTypeConflict"], found["d"]["contentConflict"]) == (True, False)
        assert found["bin"]["isBinaryFile"] == {"source": True, "destination": True, "base": True}
        asked = {"mergeOption": "SQUASH_MERGE", "conflictDetailLevel": level}
        assert made.call("describe_merge_conflicts", filePath="bin", **asked)["mergeHunks"] == []
        for side, paths in (("SOURCE", ["bin", "d/inner", "x"]), ("DESTINATION", ["bin", "d", "x"])):
            strategy = {"conflictResolutionStrategy": f"ACCEPT_{side}"}
            merged = made.call("create_unreferenced_merge_commit", **asked, **strategy)["commitId"]
            assert made.paths(merged) == paths
    how: dict[str, Any] = {"conflictResolutionStrategy": "AUTOMERGE"}
    keep = {"filePath": "bin", "replacementType": "KEEP_SOURCE"}
    new = {"filePath": "d", "replacementType": "USE_NEW_CONTENT", "content": b"x"}
    refused = made.refused("merge_branches_by_squash", **how, conflictResolution={"replaceContents": [keep, new]})
    assert refused == "InvalidReplacementTypeException"
    take = {"filePath": "d", "replacementType": "KEEP_DESTINATION"}
    made.call("merge_branches_by_squash", **how, conflictResolution={"replaceContents": [keep, take]})
    assert made.file("d") == "a file"


def test_folders_that_a_merge_empties_are_kept_when_asked_for(module_yard: TestYard) -> None:
    made = Repository(module_yard, a="1", d__only="x", e__f__one="x", e__g="x")
    made.change("feature", "d/only", "e/f/one")
    made.change("main", a="2")
    asked = {"mergeOption": "THREE_WAY_MERGE"}
    gone = made.call("create_unreferenced_merge_commit", **asked)["commitId"]
    kept = made.call("create_unreferenced_merge_commit", **asked, keepEmptyFolders=True)["commitId"]
    assert made.paths(gone) == ["a", "e/g"]
    assert made.paths(kept) == ["a", "d/.gitkeep", "e/f/.gitkeep", "e/g"]


def test_an_unreferenced_merge_commit_moves_no_branch_and_is_found_again(parted: Repository) -> None:
    asked = {"mergeOption": "THREE_WAY_MERGE", "conflictDetailLevel": "LINE_LEVEL"}
    made = parted.call("create_unreferenced_merge_commit", **asked)
    assert parted.parents(made["commitId"]) == [parted.tips["main"], parted.tips["feature"]]
    branches = parted.client.list_branches(repositoryName=parted.name)["branches"]
    assert branches == ["feature", "main"]
    event = parted.events()[-1]
    said = {"event": "unreferencedMergeCommitCreated", "commitId": made["commitId"], "mergeOption": "THREE_WAY_MERGE"}
    assert {**event, **said, "baseCommitId": parted.base} == event
    assert "referenceName" not in event
    found = parted.call("get_merge_commit", conflictDetailLevel="LINE_LEVEL")
    assert (found["mergedCommitId"], found["baseCommitId"]) == (made["commitId"], parted.base)
    assert "mergedCommitId" not in parted.call("get_merge_commit")
    again = parted.call("create_unreferenced_merge_commit", **asked)
    assert again["treeId"] == made["treeId"]
    merged = parted.call("merge_branches_by_three_way", conflictDetailLevel="LINE_LEVEL")["commitId"]
    assert parted.call("get_merge_commit")["mergedCommitId"] == merged
    forward = {"mergeOption": "FAST_FORWARD_MERGE"}
    assert parted.refused("create_unreferenced_merge_commit", **forward) == "InvalidMergeOptionException"
    assert parted.refused("describe_merge_conflicts", **forward, filePath="a") == "InvalidMergeOptionException"


def test_what_a_merge_names_must_be_there_and_its_target_where_it_says(clashing: Repository) -> None:
    r = clashing
    squash = "merge_branches_by_squash"
    assert r.refused(squash, sourceCommitSpecifier="gone") == "CommitDoesNotExistException"
    assert r.refused(squash, sourceCommitSpecifier="a..b") == "InvalidCommitException"
    assert r.refused(squash, sourceCommitSpecifier="") == "CommitRequiredException"
    assert r.refused(squash, targetBranch="gone") == "BranchDoesNotExistException"
    assert r.refused(squash, targetBranch="a..b") == "InvalidBranchNameException"
    assert r.refused(squash, destinationCommitSpecifier=r.base, targetBranch="main") == "InvalidTargetBranchException"
    assert r.refused(squash, authorName="x" * 1025) == "NameLengthExceededException"
    assert r.refused(squash, email="x" * 257) == "InvalidEmailException"
    assert r.refused(squash, commitMessage="x" * 300_000) == "CommitMessageLengthExceededException"
    told = "get_merge_conflicts"
    for side in ("source", "destination"):
        asked = {"mergeOption": "SQUASH_MERGE", f"{side}CommitSpecifier": "a..b"}
        assert r.refused(told, **asked) == f"Invalid{side.title()}CommitSpecifierException"
    assert r.refused(told, mergeOption="OTHER") == "InvalidMergeOptionException"
    for member, code in (("maxConflictFiles", "MaxConflictFiles"), ("maxMergeHunks", "MaxMergeHunks")):
        asked = {"mergeOption": "SQUASH_MERGE", member: 0}
        assert r.refused("batch_describe_merge_conflicts", **asked) == f"Invalid{code}Exception"
    gone = {"mergeOption": "SQUASH_MERGE", "filePath": "gone"}
    assert r.refused("describe_merge_conflicts", **gone) == "FileDoesNotExistException"


def test_merges_beyond_the_limits_are_refused(clashing: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    by_line = {"conflictDetailLevel": "LINE_LEVEL"}
    limits = {
        "MAX_DIVERGENCE": "TipsDivergenceExceededException",
        "MAX_COMPARED_ITEMS": "MaximumItemsToCompareExceededException",
        "MAX_LOADED_FILES": "MaximumFileContentToLoadExceededException",
    }
    for limit, code in limits.items():
        with monkeypatch.context() as patch:
            patch.setattr(model, limit, 0)
            for operation in ("get_merge_options", "merge_branches_by_three_way"):
                assert clashing.refused(operation, **by_line) == code
    with monkeypatch.context() as patch:
        patch.setattr(model, "MAX_FOLDER", 10)
        strategy = {"conflictResolutionStrategy": "ACCEPT_SOURCE"}
        assert clashing.refused("merge_branches_by_squash", **strategy) == "FolderContentSizeLimitExceededException"


def test_a_merge_that_loses_the_race_leaves_the_branch_to_the_winner(
    parted: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = parted.yard.caller()
    by_line = {"conflictDetailLevel": "LINE_LEVEL"}
    real, moved = merges.merge, []

    def merge(*args: Any) -> Any:
        made = real(*args)
        if not moved:
            moved.append(parted.change("main", a="overtaken"))
        return made

    monkeypatch.setattr("codeyard.services.codecommit.merges.merge", merge)
    sides = {"sourceCommitSpecifier": "feature", "destinationCommitSpecifier": "main", "repositoryName": parted.name}
    with pytest.raises(AwsError) as error:
        caller.call("codecommit", "MergeBranchesByThreeWay", {**sides, **by_line})
    assert error.value.code == "ConcurrentReferenceUpdateException"
    assert parted.client.get_branch(repositoryName=parted.name, branchName="main")["branch"]["commitId"] == moved[0]


def test_a_policy_may_keep_a_user_from_merging_into_a_branch(module_yard: TestYard, parted: Repository) -> None:
    deny = {
        "Effect": "Deny",
        "Action": ["codecommit:MergeBranchesBy*"],
        "Resource": "*",
        "Condition": {
            "StringEqualsIfExists": {"codecommit:References": ["refs/heads/main"]},
            "Null": {"codecommit:References": "false"},
        },
    }
    allow = {"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}
    keys = module_yard.user(f"junior-{parted.name}", [allow, deny])
    parted.client.create_branch(repositoryName=parted.name, branchName="dev", commitId=parted.tips["main"])
    mine = module_yard.client("codecommit", keys=keys)
    asked = {
        "repositoryName": parted.name,
        "sourceCommitSpecifier": "feature",
        "conflictResolutionStrategy": "ACCEPT_SOURCE",
    }
    for merge in (mine.merge_branches_by_squash, mine.merge_branches_by_three_way):
        for where in ({"destinationCommitSpecifier": "main"}, {"destinationCommitSpecifier": "refs/heads/main"}):
            with pytest.raises(ClientError) as error:
                merge(**asked, **where)
            assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    assert mine.merge_branches_by_squash(**asked, destinationCommitSpecifier="dev")["commitId"]
