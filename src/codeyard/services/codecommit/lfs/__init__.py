"""Large files of repositories: objects in the blob store by their SHA-256, and locks on paths."""

from __future__ import annotations

from codeyard.services.codecommit.lfs.keeper import LargeFiles

__all__ = ["LargeFiles"]
