"""A yard of real processes that tests kill: `codeyard serve` with its runner, one agent, and a short pipeline.

Everything is asked for as users ask: with git, boto3 and the command line. So it holds for any build of the server.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from codeyard.cli.demo.policies import Policies, document, trust

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


def wait_until(what: str, look: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Look until it is there; an AssertionError that says `what` after `seconds`."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        pause.wait(0.03)
    return found


def descendants(roots: set[int]) -> set[int]:
    """The pids of these processes and of all that they started, while they live."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = {pid for pid in roots if pid in parents}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def kill(*pids: int) -> None:
    """SIGKILL; one that is gone already is no fault."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class Crashyard:
    """The processes, on one port and one data folder, for as long as the test goes on killing them."""

    def __init__(self, folder: Path, database: str = "") -> None:
        self.folder, self.data = folder, folder / "data"
        self.ran = folder / "ran"
        self._database, self._mark = database, 0
        self.options: list[str] = []
        self._server: subprocess.Popen[bytes] | None = None
        self._agent: subprocess.Popen[bytes] | None = None
        self._runners: list[subprocess.Popen[bytes]] = []
        self._clients: dict[str, Any] = {}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    # -- the server

    def start(self, crash_at: str = "", after: int = 0, *, wait: bool = True) -> None:
        """Serve; with `crash_at`, the server dies at that point after it was passed `after` times.

        Its recovery may pass the point already: such a server is dead when this returns.
        """
        self._mark = len(self.log("server"))
        command = ["serve", "--data", str(self.data), "--port", str(self.port)]
        command += [*self.options, *(["--database", self._database] if self._database else [])]
        armed = {"CODEYARD_CRASH_AT": crash_at, "CODEYARD_CRASH_AFTER": str(after)} if crash_at else {}
        self._server = self._spawn("server", command, armed)
        if wait:
            wait_until("the server serves", lambda: (crash_at and self.died()) or self._serves(), 40)

    def _serves(self) -> bool:
        assert self._server is not None
        assert self._server.poll() is None, f"the server ended: {self.log('server')[-3000:]}"
        if "Codeyard serves at" not in self.log("server")[self._mark :]:
            return False
        self.facts = json.loads((self.data / "endpoint.json").read_text())
        return True

    def died(self) -> bool:
        """Whether the server was killed."""
        return self._server is not None and self._server.poll() == -signal.SIGKILL

    def await_death(self, seconds: float = 30.0) -> None:
        """Wait until the server was killed by its crash point."""
        assert self._server is not None
        wait_until("the server dies at its crash point", lambda: self._server.poll() is not None, seconds)  # type: ignore[union-attr]
        assert self.died(), f"the server ended otherwise: {self.log('server')[-3000:]}"

    def kill_server(self) -> None:
        """SIGKILL for the server, and for it alone."""
        assert self._server is not None
        kill(self._server.pid)
        self._server.wait()

    def stop_server(self) -> None:
        """SIGTERM, as an administrator ends a server; returns when it has ended."""
        assert self._server is not None
        self._server.terminate()
        assert self._server.wait(20) == 0, "the server did not end in order"

    # -- the runner

    @property
    def runner(self) -> int:
        """The pid of the loop that claims builds."""
        return int((self.data / "runner" / "runner.pid").read_text())

    def kill_runner(self, *, builds: bool = False) -> None:
        """SIGKILL for the runner's loop; with `builds`, for every process that it started, too."""
        doomed = self.runner_tree() if builds else {self.runner}
        kill(*doomed)
        for child in self._runners:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(0.01)

    def runner_tree(self) -> set[int]:
        """The runner, its builds (they leave its session and outlive it) and all that they started."""
        config = str(self.data / "runner" / "local.json").encode()
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if config in (entry / "cmdline").read_bytes().split(b"\0"):
                        found.add(int(entry.name))
        return descendants(found)

    def start_runner(self) -> None:
        """Start the runner again, as a supervisor would: the pid file tells a server which one is its own."""
        child = self._spawn("runner", ["runner", "--config", str(self.data / "runner" / "local.json")])
        self._runners.append(child)
        (self.data / "runner" / "runner.pid").write_text(str(child.pid))

    # -- the agent

    def start_agent(self) -> None:
        """Start the host's agent."""
        self._agent = self._spawn("agent", ["agent", "--config", str(self.folder / "host" / "agent.yml")])

    def kill_agent(self) -> None:
        """SIGKILL for the agent, and for it alone: a hook goes on."""
        assert self._agent is not None
        kill(self._agent.pid)
        self._agent.wait()

    # -- clients

    def client(self, service: str, keys: dict[str, str] | None = None) -> Any:
        """A boto3 client; kept, when it is the administrator's."""
        if keys is None and service in self._clients:
            return self._clients[service]
        made = boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name=self.facts["region"],
            aws_access_key_id=(keys or self.facts)["access_key_id"],
            aws_secret_access_key=(keys or self.facts)["secret_access_key"],
            aws_session_token=(keys or {}).get("session_token"),
            config=Config(
                retries={"total_max_attempts": 1}, read_timeout=20, connect_timeout=5, s3={"addressing_style": "path"}
            ),
        )
        if keys is None:
            self._clients[service] = made
        return made

    def git(self, *arguments: str, cwd: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """git, with nothing of the user's own configuration."""
        plain = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
        names = {f"GIT_{who}_{what}": "dev@x.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.folder / "work",
            env={"PATH": os.environ["PATH"], **plain, **names},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert not check or done.returncode == 0, f"git {arguments[0]}: {done.stderr}"
        return done

    def codeyard(self, *arguments: str) -> str:
        """Run the command line to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "codeyard.cli", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def log(self, name: str) -> str:
        """What a process of the yard has printed."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _spawn(self, name: str, arguments: list[str], more: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CODEYARD_CRASH")} | (more or {})
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "codeyard.cli", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def close(self) -> None:
        """Kill everything that is left, and remove the runner's folder where that lies outside of the data folder."""
        with contextlib.suppress(OSError, ValueError):
            kill(*self.runner_tree())
        for child in (self._agent, self._server, *self._runners):
            if child is not None:
                kill(child.pid)
                child.wait()
        config = self.data / "runner" / "local.json"
        if config.exists() and (work := json.loads(config.read_text()).get("work")):
            shutil.rmtree(work, ignore_errors=True)


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


def answered(call: Callable[[], Any]) -> Any:
    """The answer, or None when the server went away (or was not there) meanwhile; refusals are raised."""
    try:
        return call()
    except BotoCoreError:
        return None
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise AssertionError(f"the server failed: {error}") from error
        raise


@contextlib.contextmanager
def yard_in(folder: Path, database: str = "") -> Iterator[Crashyard]:
    """A yard that leaves no process behind."""
    yard = Crashyard(folder, database)
    try:
        yield yard
    finally:
        yard.close()
