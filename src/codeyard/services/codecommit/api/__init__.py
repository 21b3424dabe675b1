"""The operations of CodeCommit, by noun."""

from __future__ import annotations

from codeyard.services.codecommit.api.approving import Approving
from codeyard.services.codecommit.api.base import Rooms
from codeyard.services.codecommit.api.blobs import Blobs
from codeyard.services.codecommit.api.branches import Branches
from codeyard.services.codecommit.api.commits import Commits
from codeyard.services.codecommit.api.conflicts import Conflicts
from codeyard.services.codecommit.api.downloads import Downloads
from codeyard.services.codecommit.api.files import Files
from codeyard.services.codecommit.api.merges import Merges
from codeyard.services.codecommit.api.pull_merges import PullMerges
from codeyard.services.codecommit.api.pulls import Pulls
from codeyard.services.codecommit.api.reacting import Reacting
from codeyard.services.codecommit.api.reading_back import ReadingBack
from codeyard.services.codecommit.api.repositories import Repositories
from codeyard.services.codecommit.api.signatures import Signatures
from codeyard.services.codecommit.api.templates import Templates
from codeyard.services.codecommit.api.transfers import Transfers
from codeyard.services.codecommit.api.triggers import Triggers
from codeyard.services.codecommit.api.writing import Writing

__all__ = ["CodeCommit", "Rooms"]


class CodeCommit(
    Repositories,
    Branches,
    Files,
    Blobs,
    Commits,
    Writing,
    Merges,
    Conflicts,
    Triggers,
    Transfers,
    Pulls,
    Approving,
    PullMerges,
    Templates,
    Reacting,
    ReadingBack,
    Signatures,
    Downloads,
):
    """Every operation that is built; the others answer 501."""
