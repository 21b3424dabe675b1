"""The least that each of the demo's roles and users needs. No policy here says `*:*`."""

from __future__ import annotations

import json
from typing import Any

Document = dict[str, Any]


def document(*statements: tuple[str | list[str], str | list[str]]) -> str:
    """A policy that allows each (actions, resources)."""
    allowed = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": allowed})


def trust(service: str, account: str) -> str:
    """A trust policy for one AWS service, and only on behalf of this account."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Policies:
    """The demo's policies, with the names of its things filled in."""

    def __init__(self, account: str, region: str, name: str, bucket: str) -> None:
        self.account, self.region, self.name, self.bucket = account, region, name, bucket

    def arn(self, service: str, resource: str) -> str:
        """An ARN of this account."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    @property
    def _objects(self) -> str:
        return f"arn:aws:s3:::{self.bucket}/*"

    def pipeline(self) -> str:
        """For CodePipeline: read the branch, move artifacts, run the projects, deploy the application."""
        return document(
            (
                [f"codecommit:{a}" for a in ("GetBranch", "GetCommit", "UploadArchive", "GetUploadArchiveStatus")],
                self.arn("codecommit", self.name),
            ),
            (["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], self._objects),
            ("s3:GetBucketVersioning", f"arn:aws:s3:::{self.bucket}"),
            (
                ["codebuild:StartBuild", "codebuild:StopBuild", "codebuild:BatchGetBuilds"],
                self.arn("codebuild", f"project/{self.name}-*"),
            ),
            (
                [
                    "codedeploy:CreateDeployment",
                    "codedeploy:GetDeployment",
                    "codedeploy:StopDeployment",
                    "codedeploy:ListDeployments",
                ],
                self.arn("codedeploy", f"deploymentgroup:{self.name}/*"),
            ),
            (
                ["codedeploy:GetApplicationRevision", "codedeploy:RegisterApplicationRevision"],
                self.arn("codedeploy", f"application:{self.name}"),
            ),
            ("codedeploy:GetDeploymentConfig", self.arn("codedeploy", "deploymentconfig:*")),
        )

    def build(self) -> str:
        """For CodeBuild: write the log, read inputs, write outputs."""
        group = self.arn("logs", f"log-group:/aws/codebuild/{self.name}-*")
        return document(
            (["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], [group, f"{group}:*"]),
            (["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], self._objects),
        )

    def events(self) -> str:
        """For the rule: start this one pipeline."""
        return document(("codepipeline:StartPipelineExecution", self.arn("codepipeline", self.name)))

    def developer(self) -> str:
        """For the developer: pull and push this one repository."""
        return document((["codecommit:GitPull", "codecommit:GitPush"], self.arn("codecommit", self.name)))

    def approver(self) -> str:
        """For the approver: see the pipeline, decide its one approval."""
        pipeline = self.arn("codepipeline", self.name)
        return document(
            ("codepipeline:GetPipelineState", pipeline),
            ("codepipeline:PutApprovalResult", f"{pipeline}/Approve/Release"),
        )
