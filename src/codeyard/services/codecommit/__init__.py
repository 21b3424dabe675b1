"""CodeCommit: git repositories behind AWS's API and behind git itself."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Part
from codeyard.engine import Kit
from codeyard.git.catfile import CatFiles
from codeyard.git.command import Git
from codeyard.services.codecommit import refs, triggers
from codeyard.services.codecommit.access import ACCESS, with_resource_tags
from codeyard.services.codecommit.api import Rooms
from codeyard.services.codecommit.api.base import SignerOf
from codeyard.services.codecommit.encryption import Encryption
from codeyard.services.codecommit.errors import error_for
from codeyard.services.codecommit.lfs import LargeFiles
from codeyard.services.codecommit.lfs.door import WithLargeFiles
from codeyard.services.codecommit.lookup import Lookup
from codeyard.services.codecommit.pulls.access import pull_access
from codeyard.services.codecommit.refs import RefChanges
from codeyard.services.codecommit.repositories import LocalRepositories

__all__ = ["part"]


def part(kit: Kit, signer_of: SignerOf = lambda account, key: None) -> Part:
    """CodeCommit over repositories in the data folder; `signer_of` is IAM's, which knows whose SSH key one is."""
    folder = kit.data_dir.resolve() / "git"
    git = Git(folder / "home")
    objects = CatFiles(git, kit.clock.now)
    repositories = LocalRepositories(folder, git, objects)
    changes = RefChanges(kit, git, repositories)
    large, lookup = LargeFiles(kit), Lookup(kit)
    rooms = Rooms(kit, git, objects, repositories, changes, lookup, Encryption(kit, repositories, changes), signer_of)

    def remove(token: str, payload: dict[str, Any]) -> None:
        repositories.remove(payload["repositoryId"])
        large.forget(payload["repositoryId"])

    def start() -> None:
        git.prepare()
        repositories.close()
        changes.settle_all()

    return Part(
        service="codecommit",
        api=WithLargeFiles(rooms, large),
        access=with_resource_tags({**ACCESS, **pull_access(kit)}, lookup.tags),
        errors=error_for,
        doors=frozenset(
            {
                "GetArchive",
                "GitPull",
                "GitPush",
                "UploadArchive",
                "GetBlame",
                "GetCommitSignatures",
                "GetCommitsFromMergeBase",
            }
        ),
        reconcilers={refs.SETTLE: changes.settle_lapsed},
        effects={
            refs.HEAD: changes.align_head,
            triggers.TRIGGER: triggers.Sender(kit.clients).send,
            "codecommit.remove": remove,
        },
        on_start=start,
        on_close=repositories.close,
    )
