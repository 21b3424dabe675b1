"""GitPull and GitPush with large files: the same doors, judged and recorded alike, for another kind of request."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Params
from codeyard.git.lfs import LfsRequest
from codeyard.services.codecommit.api import CodeCommit, Rooms
from codeyard.services.codecommit.lfs.keeper import LargeFiles


class WithLargeFiles(CodeCommit):
    """CodeCommit whose git doors answer Git LFS too."""

    def __init__(self, rooms: Rooms, large: LargeFiles) -> None:
        super().__init__(rooms)
        self._large = large

    def git_pull(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A fetch, or what Git LFS may ask with the same permission."""
        if isinstance(req, LfsRequest):
            return self._large.pull(ctx, self._open(ctx, req).repository, req)
        return super().git_pull(ctx, req)

    def git_push(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A push, or what Git LFS may ask with the same permission."""
        if isinstance(req, LfsRequest):
            return self._large.push(ctx, self._open(ctx, req).repository, req)
        return super().git_push(ctx, req)
