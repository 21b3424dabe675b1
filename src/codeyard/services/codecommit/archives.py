"""Archives of commits as blobs. Of each repository the last one is remembered, and the next is built upon it."""

from __future__ import annotations

import io
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from codeyard.contract import Staged
from codeyard.engine import Kit
from codeyard.git import rezip
from codeyard.git.archive import zip_of
from codeyard.git.command import Git, GitError
from codeyard.git.diff import diff_trees
from codeyard.storage.blobs import BlobMissingError
from codeyard.storage.frames import BlobDamagedError

log = logging.getLogger(__name__)
_REMEMBERED, _MOST_FRESH = 1000, 32 << 20
_SMALL = 512 << 10  # an archive this small is made as a whole in less time than it takes to ask what changed
_DIGESTS = ("md5", "crc64nvme")


class Archives:
    """Makes archives. What it remembers is of use only: a blob that is gone by now costs the time it would spare."""

    def __init__(self, kit: Kit, git: Git) -> None:
        self._kit, self._git = kit, git
        self._last: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._lock = threading.Lock()

    def make(self, repository_id: str, path: Path, commit: str) -> Staged:
        """The commit's files as a zip, in a blob that nothing holds yet."""
        with self._lock:
            last = self._last.get(repository_id)
        staged = self._anew(last, path, commit) if last is not None else None
        return staged or self._kit.blobs.put(zip_of(self._git, path, commit), digests=_DIGESTS)

    def remember(self, repository_id: str, commit: str, staged: Staged) -> None:
        """The archive is kept by somebody: build the next one upon it, unless it is small."""
        with self._lock:
            self._last.pop(repository_id, None)
            if staged.size <= _SMALL:
                return
            self._last[repository_id] = (commit, staged.blob_id)
            while len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)

    def _anew(self, last: tuple[str, str], path: Path, commit: str) -> Staged | None:
        """Built upon the last one; None where that cannot be."""
        try:
            with self._kit.blobs.open(last[1]) as file:
                return self._kit.blobs.put(self._spliced(rezip.Zip(file), last[0], path, commit), digests=_DIGESTS)
        except BlobMissingError:
            return None  # the pipeline's bucket does not hold it any more
        except (rezip.Unusable, BlobDamagedError, GitError) as reason:
            log.debug("the archive of %s is made as a whole: %s", commit, reason)
            return None

    def _spliced(self, before: rezip.Zip, known: str, path: Path, commit: str) -> Iterator[bytes]:
        changes = diff_trees(self._git, path, known, commit)
        fresh = io.BytesIO()
        for chunk in zip_of(self._git, path, commit, rezip.wanted(before, changes)):
            fresh.write(chunk)
            if fresh.tell() > _MOST_FRESH:
                raise rezip.Unusable("the changes are large")
        yield from rezip.spliced(before, rezip.Zip(fresh), changes, commit)
