"""The short pipeline of the crash tests: what it is made of, its pushes, and what must hold when all is over."""

from __future__ import annotations

import json
import shutil
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from codeyard.cli.demo.policies import Policies, document, trust
from tests.crash.support import Crashyard, answered, wait_until

NAME = "short"
BRANCH = "main"
ENDED = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")
BUILDSPEC = """\
version: 0.2
phases:
  build:
    commands:
      - echo building
artifacts:
  files: ["**/*"]
"""
HOOK = """\
#!/bin/sh
echo "$DEPLOYMENT_ID $LIFECYCLE_EVENT" >> {ran}
"""
APPSPEC = """\
version: 0.0
os: linux
files:
  - source: release.txt
    destination: /srv
file_exists_behavior: OVERWRITE
hooks:
  BeforeInstall: [{location: hook.sh, timeout: 60}]
  AfterInstall: [{location: hook.sh, timeout: 60}]
  ApplicationStart: [{location: hook.sh, timeout: 60}]
"""


class Short:
    """The short pipeline on a yard: Source, Build (one echo), Deploy to one host. What was answered is kept here."""

    def __init__(self, yard: Crashyard) -> None:
        self.yard = yard
        self.account, self.region = yard.facts["account"], yard.facts["region"]
        self.bucket = f"short-{self.account}"
        self.policies = Policies(self.account, self.region, NAME, self.bucket)
        self.pushed: list[str] = []
        self.unanswered: list[str] = []
        self.number = 0

    def role(self, name: str) -> str:
        """The ARN of one of the roles."""
        return f"arn:aws:iam::{self.account}:role/{NAME}-{name}"

    def set_up(self, buildspec: str = BUILDSPEC, hook: str = HOOK, *, deploy: bool = True) -> None:
        """Make roles, bucket, repository, project, host, application, pipeline and its rule."""
        self._identities()
        client = self.yard.client
        client("s3").create_bucket(Bucket=self.bucket)
        made = client("codecommit").create_repository(repositoryName=NAME)["repositoryMetadata"]
        self.url = self._clone_url(made["cloneUrlHttp"])
        self.project(f"{NAME}-build")
        if deploy:
            self._host()
        self._work_tree(buildspec, hook)
        client("codepipeline").create_pipeline(pipeline=self._definition(deploy))
        self._rule()

    def project(self, name: str, buildspec: str | None = None) -> None:
        """Make a project: of the pipeline, or (with `buildspec`) one without any source."""
        kind = "NO_SOURCE" if buildspec else "CODEPIPELINE"
        environment = {"image": "codeyard", "type": "LINUX_CONTAINER", "computeType": "BUILD_GENERAL1_SMALL"}
        self.yard.client("codebuild").create_project(
            name=name,
            source={"type": kind, **({"buildspec": buildspec} if buildspec else {})},
            artifacts={"type": "NO_ARTIFACTS" if buildspec else "CODEPIPELINE"},
            environment=environment,
            serviceRole=self.role("build"),
        )

    def push(self) -> str:
        """Commit and push; the commit id, which counts as answered only if git said so."""
        self.number += 1
        work = self.yard.folder / "work"
        (work / "release.txt").write_text(f"release {self.number}\n")
        self.yard.git("add", "-A")
        self.yard.git("commit", "-q", "-m", f"Release {self.number}")
        commit = self.yard.git("rev-parse", "HEAD").stdout.strip()
        done = self.yard.git("push", "-q", self.url, f"HEAD:refs/heads/{BRANCH}", check=False)
        (self.pushed if done.returncode == 0 else self.unanswered).append(commit)
        return commit

    def executions(self) -> list[dict[str, Any]]:
        """Every execution, newest first."""
        pages = self.yard.client("codepipeline").get_paginator("list_pipeline_executions").paginate(pipelineName=NAME)
        return [found for page in pages for found in page["pipelineExecutionSummaries"]]

    def execution_of(self, commit: str, seconds: float = 30) -> str:
        """Wait for the execution that a push started; its id."""

        def look() -> str | None:
            for found in answered(self.executions) or []:
                if any(r.get("revisionId") == commit for r in found.get("sourceRevisions", [])):
                    return str(found["pipelineExecutionId"])
            return None

        return str(wait_until(f"an execution of {commit[:8]}", look, seconds))

    def wait_ended(self, seconds: float = 120) -> list[dict[str, Any]]:
        """Wait until every execution is over; all of them."""

        def look() -> list[dict[str, Any]] | None:
            found = answered(self.executions) or []
            return found if found and all(e["status"] in ENDED for e in found) else None

        found: list[dict[str, Any]] = wait_until("every execution ends", look, seconds)
        return found

    def action_executions(self) -> list[dict[str, Any]]:
        """The details of every action execution."""
        pages = self.yard.client("codepipeline").get_paginator("list_action_executions").paginate(pipelineName=NAME)
        return [found for page in pages for found in page["actionExecutionDetails"]]

    def builds(self) -> list[dict[str, Any]]:
        """Every build of the pipeline's project."""
        client = self.yard.client("codebuild")
        ids = client.list_builds_for_project(projectName=f"{NAME}-build")["ids"]
        return list(client.batch_get_builds(ids=ids)["builds"]) if ids else []

    # -- what must hold when the dust has settled

    def check(self) -> None:
        """Every invariant of the short pipeline."""
        self.check_git()
        self.check_executions()
        self.check_builds()
        self.check_host()

    def check_git(self) -> None:
        """No answered push is lost, and git itself finds no fault."""
        for repository in self.yard.data.glob("**/HEAD"):
            if (repository.parent / "objects").is_dir():
                done = self.yard.git("fsck", "--full", "--strict", cwd=repository.parent, check=False)
                assert done.returncode == 0, done.stderr
        clone = self.yard.folder / "clone"
        shutil.rmtree(clone, ignore_errors=True)
        self.yard.git("clone", "-q", self.url, str(clone), cwd=self.yard.folder)
        has = set(self.yard.git("rev-list", "--all", cwd=clone).stdout.split())
        assert set(self.pushed) <= has, "an answered push is lost"

    def check_executions(self) -> None:
        """Each push that was answered started one execution or was overtaken; each that failed says why."""
        found = self.executions()
        started = [r["revisionId"] for e in found for r in e.get("sourceRevisions", [])]
        triggered = [c for c in self.pushed if c in started]
        assert triggered or not self.pushed
        for execution in found:
            assert execution["status"] in ENDED
            if execution["status"] == "Failed":
                assert self.reason(execution["pipelineExecutionId"]), f"{execution} failed without a reason"

    def reason(self, execution: str) -> str:
        """Why an execution failed, by its own account."""
        for action in self.action_executions():
            if action["pipelineExecutionId"] == execution and action["status"] == "Failed":
                result = action["output"]["executionResult"]
                return str(result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary", ""))
        return ""

    def check_builds(self) -> None:
        """No action execution started its build twice: each build is the one of exactly one action execution."""
        actions = [a for a in self.action_executions() if a["actionName"] == "Build"]
        known = [a["output"]["executionResult"].get("externalExecutionId") for a in actions if "output" in a]
        known = [k for k in known if k]
        assert len(known) == len(set(known))
        builds = self.builds()
        assert {b["id"] for b in builds} <= set(known), "a build was started that no action execution knows"
        for build in builds:
            assert build["buildComplete"]
            assert build["buildStatus"] != "IN_PROGRESS"

    def check_host(self) -> None:
        """No deployment ran an event's command twice on the host."""
        lines = self.yard.ran.read_text().splitlines() if self.yard.ran.exists() else []
        twice = sorted({line for line in lines if lines.count(line) > 1})
        assert not twice, f"ran twice on the host: {twice}"

    # -- the pieces

    def _identities(self) -> None:
        iam = self.yard.client("iam")
        deploy = document(("codedeploy:*", "*"))
        for name, service, policy in (
            ("pipeline", "codepipeline", self.policies.pipeline()),
            ("build", "codebuild", self.policies.build()),
            ("deploy", "codedeploy", deploy),
            ("events", "events", self.policies.events()),
        ):
            role = f"{NAME}-{name}"
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(service, self.account))
            iam.put_role_policy(RoleName=role, PolicyName="least", PolicyDocument=policy)
        iam.create_user(UserName="dev")
        iam.put_user_policy(UserName="dev", PolicyName="least", PolicyDocument=self.policies.developer())
        made = iam.create_service_specific_credential(UserName="dev", ServiceName="codecommit.amazonaws.com")
        self._git = made["ServiceSpecificCredential"]

    def _clone_url(self, url: str) -> str:
        user, password = (quote(self._git[name], safe="") for name in ("ServiceUserName", "ServicePassword"))
        path = urlsplit(url).path
        return urlunsplit(("http", f"{user}:{password}@127.0.0.1:{self.yard.port}", path, "", ""))

    def _host(self) -> None:
        folder, client = self.yard.folder / "host", self.yard.client("codedeploy")
        where = ["--data", str(self.yard.data), "--folder", str(folder), "--bucket", self.bucket]
        self.yard.codeyard("host", "add", "one", "--tag", "env=here", *where)
        self.yard.start_agent()
        client.create_application(applicationName=NAME, computePlatform="Server")
        client.create_deployment_group(
            applicationName=NAME,
            deploymentGroupName="here",
            deploymentConfigName="CodeDeployDefault.AllAtOnce",
            onPremisesInstanceTagFilters=[{"Key": "env", "Value": "here", "Type": "KEY_AND_VALUE"}],
            serviceRoleArn=self.role("deploy"),
        )

    def _work_tree(self, buildspec: str, hook: str) -> None:
        work = self.yard.folder / "work"
        work.mkdir()
        (work / "buildspec.yml").write_text(buildspec)
        (work / "appspec.yml").write_text(APPSPEC)
        (work / "hook.sh").write_text(hook.format(ran=self.yard.ran))
        (work / "hook.sh").chmod(0o755)
        self.yard.git("init", "-q", "-b", BRANCH)

    def _definition(self, deploy: bool) -> dict[str, Any]:
        source = {"RepositoryName": NAME, "BranchName": BRANCH, "PollForSourceChanges": "false"}
        target = {"ApplicationName": NAME, "DeploymentGroupName": "here"}
        stages = [
            _stage("Source", "Source", "CodeCommit", source, outputs=["App"]),
            _stage("Build", "Build", "CodeBuild", {"ProjectName": f"{NAME}-build"}, ["App"], ["Release"]),
            _stage("Deploy", "Deploy", "CodeDeploy", target, ["Release"]),
        ]
        return {
            "name": NAME,
            "roleArn": self.role("pipeline"),
            "pipelineType": "V2",
            "artifactStore": {"type": "S3", "location": self.bucket},
            "stages": stages if deploy else stages[:2],
        }

    def _rule(self) -> None:
        events = self.yard.client("events")
        pattern = {
            "source": ["aws.codecommit"],
            "resources": [self.policies.arn("codecommit", NAME)],
            "detail": {"referenceName": [BRANCH]},
        }
        events.put_rule(Name="push", EventPattern=json.dumps(pattern))
        pipeline = {"Id": "1", "Arn": self.policies.arn("codepipeline", NAME), "RoleArn": self.role("events")}
        events.put_targets(Rule="push", Targets=[pipeline])


def _stage(
    name: str,
    category: str,
    provider: str,
    configuration: dict[str, str],
    inputs: list[str] | None = None,
    outputs: list[str] | None = None,
) -> dict[str, Any]:
    action = {
        "name": name,
        "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
        "configuration": configuration,
        "inputArtifacts": [{"name": n} for n in inputs or []],
        "outputArtifacts": [{"name": n} for n in outputs or []],
    }
    return {"name": name, "actions": [action]}
