"""Archives of commits that are built upon the one before, and when they are not."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from codeyard.git.archive import zip_of
from codeyard.services.codecommit import archives
from codeyard.services.codecommit.archives import Archives
from tests.unit.services.codecommit.harness import Service

LARGE = os.urandom(700 << 10)


class Rooms:
    """Archives of the one repository."""

    def __init__(self, service: Service) -> None:
        self.service, self.rooms = service, service.rooms
        self.made = Archives(service.rooms.kit, service.rooms.git)
        self.path: Path = service.rooms.repositories.path(
            service.call("GetRepository", repositoryName="demo")["repositoryMetadata"]["repositoryId"]
        )
        self.tip = ""

    def commit(self, path: str, content: bytes) -> str:
        parent = {"parentCommitId": self.tip} if self.tip else {}
        put = {"filePath": path, "fileContent": content}
        made = self.service.call("PutFile", repositoryName="demo", branchName="main", **put, **parent)
        self.tip = str(made["commitId"])
        return self.tip

    def archive(self, commit: str) -> str:
        """The blob of the commit's archive, which is remembered; it is what git makes of the commit."""
        staged = self.made.make("r", self.path, commit)
        self.made.remember("r", commit, staged)
        data = b"".join(self.rooms.kit.blobs.read(staged.blob_id))
        assert data == b"".join(zip_of(self.rooms.git, self.path, commit))
        return staged.blob_id


@pytest.fixture
def rooms(service: Service) -> Rooms:
    return Rooms(service)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The paths that git was asked to pack; none for a whole commit."""
    found: list[Sequence[str]] = []

    def spy(git: Any, repository: Path, commit: str, paths: Sequence[str] = ()) -> Iterator[bytes]:
        found.append(list(paths))
        return zip_of(git, repository, commit, paths)

    monkeypatch.setattr(archives, "zip_of", spy)
    return found


def test_the_next_archive_packs_only_what_changed(rooms: Rooms, asked: list[Sequence[str]]) -> None:
    for path, content in (("large", LARGE), ("a/b", b"b"), ("a/b", b"c")):
        rooms.archive(rooms.commit(path, content))
    assert asked == [[], ["a/b"], ["a/b"]]


def test_a_small_archive_is_made_whole(rooms: Rooms, asked: list[Sequence[str]]) -> None:
    for content in (b"1", b"2"):
        rooms.archive(rooms.commit("small", content))
    assert asked == [[], []]


def test_an_archive_whose_blob_is_gone_is_not_built_upon(rooms: Rooms, asked: list[Sequence[str]]) -> None:
    rooms.rooms.kit.blobs.delete(rooms.archive(rooms.commit("large", LARGE)))
    rooms.archive(rooms.commit("b", b"b"))
    assert asked == [[], []]


def test_what_cannot_be_built_upon_is_made_whole(rooms: Rooms, asked: list[Sequence[str]]) -> None:
    rooms.archive(rooms.commit("large", LARGE))
    rooms.archive(rooms.commit(".gitattributes", b"* text\n"))
    assert asked == [[], []]


def test_another_branch_is_built_upon_as_well(rooms: Rooms, asked: list[Sequence[str]]) -> None:
    first = rooms.commit("large", LARGE)
    rooms.archive(rooms.commit("b", b"b"))
    rooms.archive(first)
    assert asked[0] == []
    assert asked[1] == ["large"]
