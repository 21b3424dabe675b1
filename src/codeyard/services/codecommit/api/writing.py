"""Operations that make commits: put a file, delete one, or many changes at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.git.names import ZERO
from codeyard.git.objects import EMPTY_TREE, NORMAL, NewObject, Signature, TreeEntry, commit
from codeyard.git.pktline import RefCommand
from codeyard.git.trees import PathConflict, TreeEditor, largest_tree
from codeyard.services.codecommit import edits, model
from codeyard.services.codecommit.api.base import Base
from codeyard.services.codecommit.reading import MODE_NAMES, Reader

MODES = {name: mode for mode, name in MODE_NAMES.items()}
_CONFLICTS = {
    "folder": "FileNameConflictsWithDirectoryNameException",
    "file": "DirectoryNameConflictsWithFileNameException",
    "submodule": "FilePathConflictsWithSubmodulePathException",
}


@dataclass(frozen=True, slots=True)
class _Made:
    commit_id: str
    tree_id: str


class Writing(Base):
    """Make commits on a branch, each only on top of the tip that the caller names."""

    def put_file(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Add or change one file in a commit of its own; SameFileContentException when nothing would change."""
        model.check_author(req.get("name") or "", req.get("email") or "", req.get("commitMessage") or "")
        content = _content(req["fileContent"])
        path = model.check_new_path(req["filePath"])
        reader = self._open(ctx, req)
        tip = self._tip(reader, req)
        editor = TreeEditor(reader.tree, reader.root(tip) if tip else EMPTY_TREE)
        blob = NewObject("blob", content)
        there = editor.get(path)
        mode = (
            MODES[req["fileMode"]] if req.get("fileMode") else there.mode if there and edits.is_file(there) else NORMAL
        )
        if there is not None and (there.id, there.mode) == (blob.id, mode):
            raise AwsError("SameFileContentException", "The file is already there with the same content.")
        _put(editor, path, mode, blob.id)
        message = req.get("commitMessage") or f"{'Edited' if there else 'Added'} {path.rpartition('/')[2]}"
        made = self._commit(ctx, reader, req, tip, editor, [blob], message, "name")
        return {"commitId": made.commit_id, "blobId": blob.id, "treeId": made.tree_id}

    def delete_file(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete one file in a commit of its own."""
        model.check_author(req.get("name") or "", req.get("email") or "", req.get("commitMessage") or "")
        path = model.clean_path(req["filePath"])
        reader = self._open(ctx, req)
        tip = self._tip(reader, req, may_be_new=False)
        editor = TreeEditor(reader.tree, reader.root(tip) if tip else EMPTY_TREE)
        there = _existing_file(editor, path)
        emptied = editor.remove(path)
        objects = edits.keep(editor, [emptied]) if req.get("keepEmptyFolders") else []
        message = req.get("commitMessage") or f"Deleted {path.rpartition('/')[2]}"
        made = self._commit(ctx, reader, req, tip, editor, objects, message, "name")
        return {"commitId": made.commit_id, "blobId": there.id, "treeId": made.tree_id, "filePath": path}

    def create_commit(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Put, delete and change the modes of up to 100 files in one commit."""
        model.check_author(req.get("authorName") or "", req.get("email") or "", req.get("commitMessage") or "")
        wanted = edits.read_request(req)
        reader = self._open(ctx, req)
        tip = self._tip(reader, req)
        root = reader.root(tip) if tip else EMPTY_TREE
        editor = TreeEditor(reader.tree, root)
        try:
            result = edits.apply(editor, wanted, keep_folders=bool(req.get("keepEmptyFolders")))
        except PathConflict as conflict:
            raise _conflict(conflict) from conflict
        if editor.finish()[0] == root:
            raise AwsError("NoChangeException", "The commit would change nothing.")
        message = req.get("commitMessage") or edits.default_message(result)
        made = self._commit(ctx, reader, req, tip, editor, result.objects, message, "authorName")
        return {
            "commitId": made.commit_id,
            "treeId": made.tree_id,
            "filesAdded": [_file_metadata(*one) for one in result.added],
            "filesUpdated": [_file_metadata(*one) for one in result.updated],
            "filesDeleted": [_file_metadata(*one) for one in result.deleted],
        }

    def _tip(self, reader: Reader, req: Params, *, may_be_new: bool = True) -> str | None:
        """The branch's tip, checked against parentCommitId; None for the first commit of an empty repository."""
        branch, parent = req["branchName"], req.get("parentCommitId")
        tip = reader.branch_tip(branch)
        if parent is not None:
            model.check_commit_id(parent, "InvalidParentCommitIdException")
        if tip is None:
            if reader.is_tag(branch):
                raise AwsError("BranchNameIsTagNameException", f"{branch} is a tag, not a branch.")
            if reader.repository.default_branch is not None or not may_be_new:
                raise AwsError("BranchDoesNotExistException", f"Branch {branch} does not exist.")
            if parent is not None:
                raise AwsError("ParentCommitDoesNotExistException", f"The commit {parent} does not exist.")
            return None
        if parent is None:
            raise AwsError("ParentCommitIdRequiredException", "parentCommitId is required.")
        if parent != tip:
            raise _outdated(parent, reader.has_commit(parent))
        return tip

    def _commit(
        self,
        ctx: Context,
        reader: Reader,
        req: Params,
        tip: str | None,
        editor: TreeEditor,
        objects: Sequence[NewObject],
        message: str,
        name_member: str,
    ) -> _Made:
        tree_id, trees = editor.finish()
        if largest_tree(trees) > model.MAX_FOLDER:
            raise AwsError("FolderContentSizeLimitExceededException", "A folder would be larger than 6 MB.")
        who = Signature(
            req.get(name_member) or ctx.principal.arn, req.get("email") or "", self._kit.clock.now() // 1_000_000
        )
        made = commit(tree_id, [tip] if tip else [], who, who, message)
        change = RefCommand(f"refs/heads/{req['branchName']}", tip or ZERO, made.id)
        try:
            self._rooms.changes.apply(ctx, reader.repository, [change], [*objects, *trees, made])
        except AwsError as error:
            if error.code != "ConcurrentReferenceUpdateException":
                raise
            raise _outdated(tip or "", exists=True) from error
        return _Made(made.id, tree_id)


def _content(content: bytes) -> bytes:
    if not content:
        raise AwsError("FileContentRequiredException", "PutFile adds no empty files.")
    if len(content) > model.MAX_FILE:
        raise AwsError("FileContentSizeLimitExceededException", "A file has at most 6 MB.")
    return content


def _existing_file(editor: TreeEditor, path: str) -> TreeEntry:
    there = editor.get(path)
    if there is None or not edits.is_file(there):
        raise AwsError("FileDoesNotExistException", f"The file {path} does not exist.")
    return there


def _put(editor: TreeEditor, path: str, mode: int, blob_id: str) -> None:
    try:
        editor.put(path, mode, blob_id)
    except PathConflict as conflict:
        raise _conflict(conflict) from conflict


def _conflict(conflict: PathConflict) -> AwsError:
    return AwsError(_CONFLICTS[conflict.kind], f"{conflict.path} is the path of a {conflict.kind}.")


def _outdated(parent: str, exists: bool) -> AwsError:
    if not exists:
        return AwsError("ParentCommitDoesNotExistException", f"The commit {parent} does not exist.")
    return AwsError("ParentCommitIdOutdatedException", "The parent commit is not the tip of the branch any more.")


def _file_metadata(path: str, entry: TreeEntry) -> dict[str, str]:
    return {"absolutePath": path, "blobId": entry.id, "fileMode": MODE_NAMES.get(entry.mode, "NORMAL")}
