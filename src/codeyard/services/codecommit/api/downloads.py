"""A door for those who may pull: a commit's files as an archive, streamed."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.git.archive import KINDS, archive_of
from codeyard.services.codecommit.api.base import Base


class Downloads(Base):
    """GetArchive."""

    def get_archive(self, ctx: Context, req: Params) -> dict[str, Any]:
        """{"commitId", "content"}: the files at `commitSpecifier` in pieces, as a `kind` of archive, below `folder`."""
        kind, folder = req.get("kind"), req.get("folder") or ""
        if kind not in KINDS:
            raise AwsError("ValidationException", f"An archive is one of {', '.join(KINDS)}.", status=400)
        reader = self._open(ctx, req)
        commit_id = reader.resolve(req.get("commitSpecifier"))
        ctx.annotate(commitId=commit_id, archive=kind)
        return {"commitId": commit_id, "content": archive_of(self._rooms.git, reader.path, commit_id, kind, folder)}
