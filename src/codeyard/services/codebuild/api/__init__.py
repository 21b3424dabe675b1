"""CodeBuild's operations, by noun."""

from __future__ import annotations

from codeyard.services.codebuild.api.builds import Builds
from codeyard.services.codebuild.api.projects import Projects


class CodeBuild(Projects, Builds):
    """Every built operation of CodeBuild."""


__all__ = ["CodeBuild"]
