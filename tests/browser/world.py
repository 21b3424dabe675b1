"""A yard with something to look at: users, a repository with history, projects, a pipeline, and a worker for builds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.support.yard import TestYard, wait_until

PASSWORD = "Correct-horse-7"
PIPELINE = REPOSITORY = "greeter"
HOSTILE = '<img src=x onerror="document.title=1">'
APP = '''"""Says hello."""

import http.server


def greeting(name: str) -> str:
    """What the page says."""
    return f"Hello, {name}!"
'''


class World:
    """Builds it through boto3, as users do."""

    def __init__(self, yard: TestYard) -> None:
        self.yard = yard
        self.worker = Worker(yard)
        self.pipelines = yard.client("codepipeline")
        self._user()
        self._repository()
        self._projects()
        self._pipeline()

    def commit(self, message: str, **files: str) -> str:
        """Commit files (a double underscore is a dot) to main; the commit's id."""
        client = self.yard.client("codecommit")
        puts = [{"filePath": name.replace("__", "."), "fileContent": text.encode()} for name, text in files.items()]
        branches = client.list_branches(repositoryName=REPOSITORY)["branches"]
        parent = {}
        if branches:
            tip = client.get_branch(repositoryName=REPOSITORY, branchName="main")["branch"]["commitId"]
            parent = {"parentCommitId": tip}
        made = client.create_commit(
            repositoryName=REPOSITORY,
            branchName="main",
            authorName="Ada Lovelace",
            email="ada@example.com",
            commitMessage=message,
            putFiles=puts,
            **parent,
        )
        return str(made["commitId"])

    def action(self, name: str) -> dict[str, Any]:
        """The latest execution of one of the pipeline's actions."""
        stages = self.pipelines.get_pipeline_state(name=PIPELINE)["stageStates"]
        found = {a["actionName"]: a.get("latestExecution", {}) for s in stages for a in s["actionStates"]}
        return dict(found[name])

    def until(self, name: str, status: str) -> dict[str, Any]:
        """Wait until an action has the status."""
        found = wait_until(lambda: (a := self.action(name)).get("status") == status and a)
        return dict(found)

    def run_builds(self, status: str = "SUCCEEDED") -> None:
        """Do the pipeline's two builds."""
        for _ in range(2):
            job = self.worker.claim()
            self.worker.phase(job, "BUILD", "IN_PROGRESS", 1)
            self.worker.log(job, 0, "[Container] Entering phase BUILD\n")
            self.worker.phase(job, "BUILD", status, 2)
            self.worker.end(job, status)

    def solo(self) -> tuple[str, dict[str, Any]]:
        """A build outside the pipeline, and its claim; builds of the pipeline that wait before it end first."""
        build = str(self.yard.client("codebuild").start_build(projectName="greeter-solo")["build"]["id"])
        while (job := self.worker.claim())["jobId"] != build:
            self.worker.end(job, "SUCCEEDED")
        return build, job

    def approve(self) -> None:
        """Let the waiting release go on."""
        token = self.until("Release", "InProgress")["token"]
        self.pipelines.put_approval_result(
            pipelineName=PIPELINE,
            stageName="Approve",
            actionName="Release",
            token=token,
            result={"summary": "looks right", "status": "Approved"},
        )

    def pull_request(self) -> str:
        """A pull request with everything on it: a conflict, comments at lines, rules, some satisfied; its page."""
        client, made = self.yard.client("codecommit"), {"repositoryName": REPOSITORY}
        first = client.get_commit(**made, commitId=client.get_branch(**made, branchName="main")["branch"]["commitId"])
        parent = first["commit"]["parents"][0]
        client.create_branch(**made, branchName="rival", commitId=parent)
        text = APP.replace("Hello", "Good evening")
        puts = [{"filePath": name, "fileContent": text.encode()} for name in ("app.py", "src/more.py")]
        said = {"commitMessage": f"Greet late {HOSTILE}", "authorName": "Bob", "email": "b@x.example"}
        tip = client.create_commit(**made, branchName="rival", parentCommitId=parent, putFiles=puts, **said)["commitId"]
        self.yard.call("codecommit", "TagResource", {"resourceArn": self.arn, "tags": {"team": "blue"}})
        rule = '{"Version":"2018-11-08","Statements":[{"Type":"Approvers","NumberOfApprovalsNeeded":1}]}'
        client.create_approval_rule_template(approvalRuleTemplateName="Seniors", approvalRuleTemplateContent=rule)
        client.associate_approval_rule_template_with_repository(approvalRuleTemplateName="Seniors", **made)
        target = {**made, "sourceReference": "rival", "destinationReference": "main"}
        about = {"title": f"Greet late {HOSTILE}", "description": "It **is** late:\n\n- [app](app.py)\n\n```\nx\n```"}
        number = client.create_pull_request(targets=[target], **about)["pullRequest"]["pullRequestId"]
        client.create_pull_request_approval_rule(
            pullRequestId=number, approvalRuleName="Own", approvalRuleContent=rule.replace(":1}", ":2}")
        )
        place = {"pullRequestId": number, **made, "beforeCommitId": parent, "afterCommitId": tip}
        line = {"filePath": "app.py", "filePosition": 8, "relativeFileVersion": "AFTER"}
        comment = client.post_comment_for_pull_request(content="Late?", location=line, **place)["comment"]["commentId"]
        client.post_comment_reply(content="Very.", inReplyTo=comment)
        client.put_comment_reaction(commentId=comment, reactionValue=":heart:")
        client.post_comment_for_pull_request(content="All in all: `fine`.", **place)
        return f"/repositories/{REPOSITORY}/pulls/{number}"

    @property
    def arn(self) -> str:
        """The repository's ARN."""
        found = self.yard.client("codecommit").get_repository(repositoryName=REPOSITORY)
        return str(found["repositoryMetadata"]["Arn"])

    def _user(self) -> None:
        iam = self.yard.client("iam")
        iam.create_user(UserName="ada")
        iam.attach_user_policy(UserName="ada", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
        iam.create_login_profile(UserName="ada", Password=PASSWORD, PasswordResetRequired=False)

    def _repository(self) -> None:
        self.yard.client("codecommit").create_repository(
            repositoryName=REPOSITORY, repositoryDescription="A small web service that greets"
        )
        self.commit("Begin", app__py=APP, README__md="# Greeter\n")
        self.commit(f"Greet warmly {HOSTILE}", app__py=APP.replace("Hello", "Good morning"))

    def _projects(self) -> None:
        role = self.yard.role(
            "build",
            "codebuild.amazonaws.com",
            [
                {"Effect": "Allow", "Action": "logs:*", "Resource": "*"},
                {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": "arn:aws:s3:::*"},
            ],
        )
        environment = {
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        }
        spec = "version: 0.2\nphases:\n  build:\n    commands:\n      - true\n"
        common = {"artifacts": {"type": "NO_ARTIFACTS"}, "environment": environment, "serviceRole": role}
        client = self.yard.client("codebuild")
        client.create_project(name="greeter-solo", source={"type": "NO_SOURCE", "buildspec": spec}, **common)
        for name in ("greeter-build", "greeter-test"):
            piped = {**common, "artifacts": {"type": "CODEPIPELINE"}}
            client.create_project(name=name, source={"type": "CODEPIPELINE", "buildspec": spec}, **piped)

    def _pipeline(self) -> None:
        s3 = self.yard.client("s3")
        for bucket in ("artifacts", "staging-site", "production-site"):
            s3.create_bucket(Bucket=bucket)
        allowed = ["codecommit:*", "codebuild:*", "s3:*"]
        role = self.yard.role(
            "pipeline", "codepipeline.amazonaws.com", [{"Effect": "Allow", "Action": allowed, "Resource": "*"}]
        )
        self.pipelines.create_pipeline(pipeline=_declared(role))


class Worker:
    """Does builds by the runners' protocol, but only says that it does."""

    def __init__(self, yard: TestYard) -> None:
        self._call = yard.call
        token = yard.call("codeyard-runner", "CreateRunnerToken")["token"]
        self._call("codeyard-runner", "RegisterRunner", {"token": token, "name": "worker"})

    def claim(self) -> dict[str, Any]:
        """The next build."""
        found: dict[str, Any] = self._call("codeyard-runner", "ClaimJob", {"waitSeconds": 15, "capacity": 1})
        return {"jobId": found["job"]["jobId"], "fence": found["job"]["fence"]}

    def log(self, job: dict[str, Any], offset: int, text: str) -> int:
        """Write to the build's log; where it ends."""
        data = {"offset": offset, "data": text.encode()}
        return int(self._call("codeyard-runner", "PutLogs", {**job, **data})["nextOffset"])

    def phase(self, job: dict[str, Any], phase: str, status: str, sequence: int) -> None:
        """A phase began or ended."""
        told = {"phase": phase, "status": status, "sequence": sequence, "time": datetime.now(UTC)}
        self._call("codeyard-runner", "PutPhase", {**job, **told})

    def end(self, job: dict[str, Any], status: str) -> None:
        """The build is over."""
        self._call("codeyard-runner", "CompleteJob", {**job, "status": status})


def _declared(role: str) -> dict[str, Any]:
    source = {"RepositoryName": REPOSITORY, "BranchName": "main", "PollForSourceChanges": "false"}
    stages = [
        ("Source", [_action("Source", "Source", "CodeCommit", source, outputArtifacts=[{"name": "App"}])]),
        ("BuildAndTest", [_build("Build"), _build("Test")]),
        ("DeployStaging", [_deploy("staging")]),
        ("Approve", [_action("Release", "Approval", "Manual", {"CustomData": "Staging held. Release it?"})]),
        ("DeployProduction", [_deploy("production")]),
    ]
    return {
        "name": PIPELINE,
        "roleArn": role,
        "pipelineType": "V2",
        "artifactStore": {"type": "S3", "location": "artifacts"},
        "stages": [{"name": name, "actions": actions} for name, actions in stages],
    }


def _action(name: str, category: str, provider: str, configuration: dict[str, str], **more: Any) -> dict[str, Any]:
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": kind, "configuration": configuration, **more}


def _build(name: str) -> dict[str, Any]:
    kind = "Test" if name == "Test" else "Build"
    return _action(
        name, kind, "CodeBuild", {"ProjectName": f"greeter-{name.lower()}"}, inputArtifacts=[{"name": "App"}]
    )


def _deploy(environment: str) -> dict[str, Any]:
    placed = {"BucketName": f"{environment}-site", "Extract": "true"}
    return _action("Publish", "Deploy", "S3", placed, inputArtifacts=[{"name": "App"}]) | {
        "name": f"Publish-{environment}"
    }
