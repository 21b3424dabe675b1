"""How each action type is run: one module a provider, found by (category, provider)."""

from __future__ import annotations

from collections.abc import Mapping

from codeyard.services.codepipeline.actions.base import (
    ActionProvider,
    Done,
    Failed,
    Outcome,
    Revision,
    Run,
    Running,
)
from codeyard.services.codepipeline.actions.codebuild import CodeBuild
from codeyard.services.codepipeline.actions.codecommit import CodeCommitSource
from codeyard.services.codepipeline.actions.codedeploy import CodeDeploy
from codeyard.services.codepipeline.actions.manual import ManualApproval
from codeyard.services.codepipeline.actions.s3_deploy import S3Deploy
from codeyard.services.codepipeline.actions.s3_source import S3Source
from codeyard.storage import Blobs

__all__ = ["ActionProvider", "Done", "Failed", "Outcome", "Revision", "Run", "Running", "providers"]


def providers(blobs: Blobs) -> Mapping[tuple[str, str], ActionProvider]:
    """The providers of every action type in the catalogue, by category and provider name."""
    build = CodeBuild()
    return {
        ("Source", "CodeCommit"): CodeCommitSource(),
        ("Source", "S3"): S3Source(),
        ("Build", "CodeBuild"): build,
        ("Test", "CodeBuild"): build,
        ("Deploy", "CodeDeploy"): CodeDeploy(),
        ("Deploy", "S3"): S3Deploy(blobs),
        ("Approval", "Manual"): ManualApproval(),
    }
