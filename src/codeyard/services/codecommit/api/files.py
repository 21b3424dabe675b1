"""Operations that read files and folders."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.git import trees
from codeyard.git.objects import FOLDER, SUBMODULE, SYMLINK, TreeEntry
from codeyard.services.codecommit import model
from codeyard.services.codecommit.api.base import Base
from codeyard.services.codecommit.reading import MODE_NAMES


class Files(Base):
    """Get a file or a folder's list."""

    def get_file(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A file of at most 6 MB as it is in a commit."""
        reader = self._open(ctx, req)
        path = model.clean_path(req["filePath"])
        commit_id = reader.resolve(req.get("commitSpecifier"))
        entry = reader.find(commit_id, path)
        if entry is None or entry.mode in (FOLDER, SUBMODULE):
            raise AwsError("FileDoesNotExistException", f"The file {path} does not exist.")
        found = reader.blob(entry.id, model.MAX_FILE)
        if found is None:
            raise AwsError("FileDoesNotExistException", f"The file {path} does not exist.")
        return {
            "commitId": commit_id,
            "blobId": entry.id,
            "filePath": path,
            "fileMode": MODE_NAMES.get(entry.mode, "NORMAL"),
            "fileSize": found[0],
            "fileContent": found[1],
        }

    def get_folder(self, ctx: Context, req: Params) -> dict[str, Any]:
        """What lies directly in a folder: folders, files, symbolic links and submodules apart."""
        reader = self._open(ctx, req)
        path = model.clean_path(req["folderPath"], folder=True)
        commit_id = reader.resolve(req.get("commitSpecifier"))
        entry = reader.find(commit_id, path)
        if entry is None or not entry.is_folder:
            raise AwsError("FolderDoesNotExistException", f"The folder {path} does not exist.")
        answer: dict[str, Any] = {
            "commitId": commit_id,
            "folderPath": path,
            "treeId": entry.id,
            "subFolders": [],
            "files": [],
            "symbolicLinks": [],
            "subModules": [],
        }
        for child in trees.list_folder(reader.tree, entry.id):
            member, row = _folder_row(path, child)
            answer[member].append(row)
        return answer


def _folder_row(folder: str, entry: TreeEntry) -> tuple[str, dict[str, str]]:
    name = entry.name.decode("utf-8", "replace")
    row = {"absolutePath": f"{folder}/{name}" if folder else name, "relativePath": name}
    if entry.mode == FOLDER:
        return "subFolders", {**row, "treeId": entry.id}
    if entry.mode == SUBMODULE:
        return "subModules", {**row, "commitId": entry.id}
    row |= {"blobId": entry.id, "fileMode": MODE_NAMES.get(entry.mode, "NORMAL")}
    return ("symbolicLinks" if entry.mode == SYMLINK else "files"), row
