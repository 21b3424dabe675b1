"""Reading a repository for the API: specifiers, commits, trees and files, with CodeCommit's own refusals."""

from __future__ import annotations

from pathlib import Path

from codeyard.contract import AwsError
from codeyard.git import trees
from codeyard.git.catfile import CatFiles
from codeyard.git.names import is_hidden, is_object_id, is_valid_ref_part
from codeyard.git.objects import EMPTY_TREE, EXECUTABLE, NORMAL, SYMLINK, Commit, TreeEntry, parse_commit
from codeyard.services.codecommit.model import Repository, check_branch_name
from codeyard.services.codecommit.repositories import RepositoryStore

MODE_NAMES = {NORMAL: "NORMAL", EXECUTABLE: "EXECUTABLE", SYMLINK: "SYMLINK"}


class Reader:
    """One repository, to be read in one call."""

    def __init__(self, repository: Repository, repositories: RepositoryStore, objects: CatFiles) -> None:
        self.repository = repository
        self.path: Path = repositories.path(repository.id)
        self._objects = objects

    def branch_tip(self, name: str) -> str | None:
        """The commit that a branch holds, None where there is no such branch."""
        check_branch_name(name)
        found = self._objects.info(self.path, f"refs/heads/{name}")
        return found.id if found else None

    def is_tag(self, name: str) -> bool:
        """Whether the name is that of a tag."""
        return self._objects.info(self.path, f"refs/tags/{name}") is not None

    def resolve(self, specifier: str | None) -> str:
        """The commit that a specifier stands for: a full id, a branch, a tag, a full reference, HEAD, or nothing."""
        text = specifier or "HEAD"
        if is_object_id(text):
            if not self.has_commit(text):
                raise _no_commit(text)
            return text
        if text == "HEAD":
            text = f"refs/heads/{self.repository.default_branch or ''}"
        if not is_valid_ref_part(text):
            if specifier is None or specifier == "HEAD":
                raise _no_commit("HEAD")
            raise AwsError("InvalidCommitException", f"The commit specifier is not valid: {text[:200]}")
        return self._resolve_name(text)

    def _resolve_name(self, text: str) -> str:
        names = [text] if text.startswith("refs/") else [f"refs/heads/{text}", f"refs/tags/{text}"]
        for name in names:
            if is_hidden(name):
                continue
            found = self._objects.info(self.path, f"{name}^{{commit}}")
            if found is not None and found.type == "commit":
                return found.id
        raise _no_commit(text)

    def _existing(self, object_id: str, kind: str) -> str | None:
        found = self._objects.info(self.path, object_id)
        return found.id if found is not None and found.type == kind else None

    def has_commit(self, commit_id: str) -> bool:
        """Whether the id is a commit's."""
        return self._existing(commit_id, "commit") is not None

    def commit(self, commit_id: str) -> Commit | None:
        """The commit, or None."""
        found = self._objects.read(self.path, commit_id) if self.has_commit(commit_id) else None
        return parse_commit(commit_id, found[1]) if found else None

    def commit_content(self, commit_id: str) -> bytes | None:
        """A commit as it stands in git, None where there is none."""
        found = self._objects.read(self.path, commit_id) if self.has_commit(commit_id) else None
        return found[1] if found else None

    def root(self, commit_id: str) -> str:
        """The id of a commit's tree."""
        commit = self.commit(commit_id)
        return commit.tree if commit else EMPTY_TREE

    def tree(self, tree_id: str) -> bytes:
        """A tree's content."""
        found = self._objects.read(self.path, tree_id)
        if found is None or found[0].type != "tree":
            raise LookupError(f"tree {tree_id} is missing")
        return found[1]

    def find(self, commit_id: str, path: str) -> TreeEntry | None:
        """What is at the path in a commit."""
        return trees.find(self.tree, self.root(commit_id), path)

    def blob_size(self, blob_id: str) -> int | None:
        """A blob's size; None where there is no such blob."""
        found = self._objects.info(self.path, blob_id)
        return found.size if found is not None and found.type == "blob" else None

    def content(self, blob_id: str) -> bytes:
        """A blob's content, whatever its size."""
        found = self._objects.read(self.path, blob_id)
        if found is None or found[0].type != "blob":
            raise LookupError(f"blob {blob_id} is missing")
        return found[1]

    def blob(self, blob_id: str, limit: int) -> tuple[int, bytes] | None:
        """A blob's size and content; FileTooLargeException beyond the limit, None where there is none."""
        size = self.blob_size(blob_id)
        if size is None:
            return None
        if size > limit:
            raise AwsError("FileTooLargeException", "The file is larger than 6 MB; use a Git client to get it.")
        found = self._objects.read(self.path, blob_id)
        return (size, found[1]) if found else None


def _no_commit(text: str) -> AwsError:
    return AwsError("CommitDoesNotExistException", f"No commit was found for {text[:200]}")
