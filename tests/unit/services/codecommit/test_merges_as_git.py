"""Merges and differences of generated histories: our answers are what stock git says."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codeyard.contract import AwsError
from tests.support.histories import git, parted
from tests.unit.services.codecommit.harness import Service

FOUND = (91, 99, 304)  # each showed a fault once
SEEDS = [*range(7), *FOUND, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(7, 90))]
EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = Service(tmp_path_factory.mktemp("merges"))
    made.call("CreateRepository", repositoryName="demo")
    yield made
    made.rooms.objects.close()
    made.kit.db.close()


class Pair:
    """A source and a destination that parted, in a repository of the service."""

    def __init__(self, service: Service, seed: int) -> None:
        found = service.call("GetRepository", repositoryName="demo")["repositoryMetadata"]
        self.service = service
        self.path: Path = service.rooms.repositories.path(found["repositoryId"])
        self.source, self.destination = parted(seed, self.path)

    def call(self, operation: str, **more: Any) -> dict[str, Any]:
        sides = {"sourceCommitSpecifier": self.source, "destinationCommitSpecifier": self.destination}
        return self.service.call(operation, repositoryName="demo", **sides, **more)

    def merge(self, **more: Any) -> str:
        """The tree of a three-way merge."""
        made = self.call("CreateUnreferencedMergeCommit", mergeOption="THREE_WAY_MERGE", **more)
        parents = git(self.path, "rev-parse", f"{made['commitId']}^@").decode().split()
        assert parents == [self.destination, self.source]
        assert git(self.path, "rev-parse", f"{made['commitId']}^{{tree}}").decode().strip() == made["treeId"]
        return str(made["treeId"])

    def conflicts(self, **more: Any) -> list[dict[str, Any]]:
        """Every conflict, page by page; mergeable says whether there are any."""
        found: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            more |= {"mergeOption": "THREE_WAY_MERGE", "maxConflictFiles": 2}
            page = self.call("GetMergeConflicts", **more, **token)
            found += page["conflictMetadataList"]
            if "nextToken" not in page:
                assert page["mergeable"] is (not found)
                return found
            token = {"nextToken": page["nextToken"]}

    def stages(self) -> tuple[str, dict[str, dict[int, tuple[str, str]]]]:
        """What `git merge-tree` says: the tree, and path -> stage -> (mode, id), renamed paths under their own."""
        words = ("merge-tree", "--write-tree", "-z", "--no-messages", self.destination, self.source)
        tree, *lines = git(self.path, *words, ok=(0, 1)).partition(b"\n")[2].split(b"\0")
        found: dict[str, dict[int, tuple[str, str]]] = {}
        for line in filter(None, lines):
            head, _, path = line.partition(b"\t")
            mode, object_id, stage = head.decode().split()
            name = re.sub(f"~({self.source}|{self.destination})(_\\d+)?$", "", shown(path))
            found.setdefault(name, {})[int(stage)] = (mode, object_id)
        return tree.decode(), found


@pytest.fixture(params=SEEDS)
def pair(request: pytest.FixtureRequest, shared: Service) -> Pair:
    return Pair(shared, request.param)


def shown(path: bytes) -> str:
    return path.decode("utf-8", "replace")


def files(path: Path, tree: str) -> dict[str, tuple[str, str]]:
    lines = git(path, "ls-tree", "-r", "-z", tree).split(b"\0")
    found = (line.partition(b"\t") for line in lines if line)
    return {shown(name): (head.decode().split()[0], head.decode().split()[2]) for head, _, name in found}


def test_a_merge_by_line_is_gits(pair: Pair) -> None:
    tree, stages = pair.stages()
    found = pair.conflicts(conflictDetailLevel="LINE_LEVEL")
    assert [one["filePath"] for one in found] == sorted(stages, key=lambda name: name.encode())
    for one in found:
        check_metadata(pair, one, stages[one["filePath"]])
    if stages:
        with pytest.raises(AwsError) as error:
            pair.merge(conflictDetailLevel="LINE_LEVEL")
        assert error.value.code == "ManualMergeRequiredException"
    else:
        assert pair.merge(conflictDetailLevel="LINE_LEVEL") == tree
        assert pair.merge(conflictResolutionStrategy="AUTOMERGE") == tree


def check_metadata(pair: Pair, one: dict[str, Any], stages: dict[int, tuple[str, str]]) -> None:
    assert one["numberOfConflicts"] >= 1
    for stage, side in ((1, "base"), (2, "destination"), (3, "source")):
        mode, object_id = stages.get(stage, ("", ""))
        assert one["objectTypes"].get(side) in {
            "": (None, "DIRECTORY"), "160000": ("GIT_LINK",), "120000": ("SYMBOLIC_LINK",),
        }.get(mode, ("FILE",))  # fmt: skip
        if mode and mode != "160000":
            assert one["fileSizes"][side] == int(git(pair.path, "cat-file", "-s", object_id))


def test_a_merge_by_line_in_favour_of_a_side_is_gits(pair: Pair, tmp_path: Path) -> None:
    for strategy, favour in (("ACCEPT_SOURCE", "theirs"), ("ACCEPT_DESTINATION", "ours")):
        tree = pair.merge(conflictDetailLevel="LINE_LEVEL", conflictResolutionStrategy=strategy)
        work = tmp_path / favour
        git(pair.path, "worktree", "add", "-q", "--detach", str(work), pair.destination)
        words = ("-c", "user.name=n", "-c", "user.email=e", "-c", "merge.renames=true", "merge", "-q", "--no-ff")
        said = git(work / ".git", f"--work-tree={work}", *words, "-X", favour, "-m", "x", pair.source, ok=(0, 1, 2))
        if said.startswith(b"0"):
            assert git(work / ".git", "rev-parse", "HEAD^{tree}").decode().strip() == tree
        git(pair.path, "worktree", "remove", "--force", str(work))


def test_a_merge_by_file_is_settled_path_by_path_without_looking_into_files(pair: Pair, tmp_path: Path) -> None:
    bases = git(pair.path, "merge-base", "--all", pair.destination, pair.source).decode().split()
    if len(bases) > 1:
        return  # the rule knows one ancestor; the merge by line tells of crossing histories
    merged, disputed = by_path(*(files(pair.path, commit) for commit in (bases[0], pair.destination, pair.source)))
    stand = {path for path in merged for other in {*merged, *disputed} if other.startswith(f"{path}/")}
    stand |= {path for path in disputed for other in merged if other.startswith(f"{path}/")}
    found = {one["filePath"] for one in pair.conflicts()}
    assert disputed <= found <= disputed | stand
    assert bool(found) == bool(disputed or stand)
    if not found:
        assert files(pair.path, pair.merge()) == merged
    index = {"GIT_INDEX_FILE": str(tmp_path / "index")}
    git(pair.path, "read-tree", "-i", "-m", "--aggressive", bases[0], pair.destination, pair.source, **index)
    if not git(pair.path, "ls-files", "-u", **index):
        assert pair.merge() == git(pair.path, "write-tree", **index).decode().strip()


def by_path(
    base: dict[str, tuple[str, str]], ours: dict[str, tuple[str, str]], theirs: dict[str, tuple[str, str]]
) -> tuple[dict[str, tuple[str, str]], set[str]]:
    """The plain rule: what one side changed is taken, what both changed alike too, the rest is in dispute."""
    merged, disputed = {}, set()
    for path in {*base, *ours, *theirs}:
        b, o, t = (side.get(path, ("", "")) for side in (base, ours, theirs))
        if o == t or t == b:
            merged[path] = o
        elif o == b:
            merged[path] = t
        elif o[1] == t[1] and b[0] in (o[0], t[0]):
            merged[path] = t if o[0] == b[0] else o
        else:
            disputed.add(path)
    return {path: found for path, found in merged.items() if found != ("", "")}, disputed


def test_a_merge_by_file_in_favour_of_a_side_has_that_sides_files(pair: Pair) -> None:
    disputed = {one["filePath"] for one in pair.conflicts()}
    for strategy, side in (("ACCEPT_SOURCE", pair.source), ("ACCEPT_DESTINATION", pair.destination)):
        tree = pair.merge(conflictResolutionStrategy=strategy)
        merged, chosen = files(pair.path, tree), files(pair.path, side)
        for path in disputed:
            if not any(other.startswith(f"{path}/") or path.startswith(f"{other}/") for other in disputed - {path}):
                assert merged.get(path) == chosen.get(path)


def test_hunks_put_together_are_each_sides_file(pair: Pair) -> None:
    _, stages = pair.stages()
    for path, versions in stages.items():
        if set(versions) != {1, 2, 3} or "�" in path:
            continue
        said = pair.call(
            "DescribeMergeConflicts", mergeOption="SQUASH_MERGE", filePath=path, conflictDetailLevel="LINE_LEVEL"
        )
        if not said["mergeHunks"]:
            continue
        base = git(pair.path, "cat-file", "blob", versions[1][1])
        for stage, side in ((2, "destination"), (3, "source")):
            assert apply(base, said["mergeHunks"], side) == git(pair.path, "cat-file", "blob", versions[stage][1])


def apply(base: bytes, hunks: list[dict[str, Any]], side: str) -> bytes:
    lines, at, made = base.split(b"\n"), 0, []
    lines = [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    for hunk in hunks:
        made += lines[at : hunk["base"]["startLine"]]
        made.append(base64.b64decode(hunk[side]["hunkContent"]))
        at = hunk["base"]["endLine"]
    return b"".join([*made, *lines[at:]])


def test_differences_are_gits(pair: Pair) -> None:
    for before, after in ((pair.source, pair.destination), ("", pair.source)):
        raw = git(pair.path, "diff-tree", "-r", "-z", "--raw", "--no-renames", before or EMPTY, after).split(b"\0")
        said = [(head.decode().split(), shown(path)) for head, path in zip(raw[0::2], raw[1::2], strict=False)]
        found = list(differences(pair, before, after))
        assert len(found) == len(said)
        for (words, path), one in zip(said, found, strict=True):
            kind = "M" if words[4] == "T" else words[4]
            sides = {"beforeBlob": (words[0][1:], words[2]), "afterBlob": (words[1], words[3])}
            there = {side: blob for side, blob in sides.items() if blob[0] != "000000"}
            assert one == {
                "changeType": kind,
                **{side: {"blobId": blob, "mode": mode, "path": path} for side, (mode, blob) in there.items()},
            }


def differences(pair: Pair, before: str, after: str) -> Iterator[dict[str, Any]]:
    token: dict[str, str] = {}
    more = {"beforeCommitSpecifier": before} if before else {}
    while True:
        page = pair.service.call(
            "GetDifferences", repositoryName="demo", afterCommitSpecifier=after, MaxResults=3, **more, **token
        )
        yield from page["differences"]
        if "NextToken" not in page:
            return
        token = {"NextToken": page["NextToken"]}


def test_a_files_history_is_gits_without_renames(pair: Pair) -> None:
    for path in sorted(files(pair.path, pair.source))[:4]:
        if "�" in path:
            continue
        said = git(pair.path, "--literal-pathspecs", "log", "--topo-order", "--format=%H", pair.source, "--", path)
        found = pair.service.call(
            "ListFileCommitHistory", repositoryName="demo", commitSpecifier=pair.source, filePath=path
        )
        assert [one["commit"]["commitId"] for one in found["revisionDag"]] == said.decode().split()


def test_what_merges_leave_in_the_repository_is_whole(shared: Service) -> None:
    found = shared.call("GetRepository", repositoryName="demo")["repositoryMetadata"]
    path = shared.rooms.repositories.path(found["repositoryId"])
    git(path, "fsck", "--full", "--no-dangling", "--connectivity-only")
    assert not list(shared.rooms.git.scratches.iterdir())
