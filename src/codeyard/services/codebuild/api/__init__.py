"""The operations of CodeBuild, by noun."""

from __future__ import annotations

from codeyard.services.codebuild.api.builds import Builds
from codeyard.services.codebuild.api.images import Images
from codeyard.services.codebuild.api.projects import Projects


class CodeBuild(Projects, Builds, Images):
    """Every operation of CodeBuild that is built."""


__all__ = ["CodeBuild"]
