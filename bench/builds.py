"""StartBuild → first line of the build's log, and push → first line through a pipeline of Source and Build.

The first line counts from when GetLogEvents shows it to a client. A push is timed twice: from the start of `git push`
and from its return. To reach, p50: StartBuild ≤ 100 ms; push ≤ 500 ms (goal 250); 5,000 files ≤ 1.5 s first, ≤ 700 ms
next. No peer of ours does this, so there is no ratio.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import boto3
from rich.console import Console
from rich.table import Table

from bench.git import run
from bench.peers import codeyard
from codeyard.cli.demo.policies import Policies, document, trust

STARTS = int(os.environ.get("BENCH_STARTS", "10"))
SMALL_PUSHES = int(os.environ.get("BENCH_PUSHES", "8"))
LARGE_PUSHES = int(os.environ.get("BENCH_LARGE_PUSHES", "5"))
FILES = int(os.environ.get("BENCH_FILES", "5000"))
T = TypeVar("T")
BUCKET = "bench-artifacts"
EXAMPLE = Path(__file__).parent.parent / "examples" / "greeter"
SPEC = "version: 0.2\nphases:\n  build:\n    commands:\n      - echo built\n"
TARGETS = {
    "StartBuild": 100.0,
    "push, greeter": 500.0,
    f"push, {FILES:,} files, first": 1500.0,
    f"push, {FILES:,} files, next": 700.0,
}


@dataclass
class Wait:
    """Milliseconds from a push's start, and from its return, to the first line."""

    from_start: float
    from_return: float


class Bench:
    """A served Codeyard with what the builds need: roles, a bucket, a user who may push."""

    def __init__(self, endpoint: dict[str, Any]) -> None:
        self.endpoint = endpoint
        self.account, self.region = endpoint["account"], endpoint["region"]
        self.iam, self.codebuild, self.logs = self.client("iam"), self.client("codebuild"), self.client("logs")
        self.environment = self._git_user()
        self.client("s3").create_bucket(Bucket=BUCKET)

    def client(self, service: str) -> Any:
        """A boto3 client as the administrator."""
        keys = {name: self.endpoint[name] for name in ("access_key_id", "secret_access_key")}
        return boto3.client(
            service,
            endpoint_url=self.endpoint["endpoint"],
            region_name=self.region,
            **{f"aws_{name}": value for name, value in keys.items()},
        )

    def _git_user(self) -> dict[str, str]:
        self.iam.create_user(UserName="developer")
        arn = f"arn:aws:codecommit:{self.region}:{self.account}:*"
        policy = document((["codecommit:GitPull", "codecommit:GitPush"], arn))
        self.iam.put_user_policy(UserName="developer", PolicyName="git", PolicyDocument=policy)
        made = self.iam.create_service_specific_credential(
            UserName="developer", ServiceName="codecommit.amazonaws.com"
        )["ServiceSpecificCredential"]
        helper = '!f() { echo "username=$BENCH_USER"; echo "password=$BENCH_PASSWORD"; }; f'
        return {
            "BENCH_USER": made["ServiceUserName"],
            "BENCH_PASSWORD": made["ServicePassword"],
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "credential.helper",
            "GIT_CONFIG_VALUE_0": helper,
        }

    def repository(self, name: str) -> str:
        """Make a repository and the roles of its builds; its clone URL."""
        policies = Policies(self.account, self.region, name, BUCKET)
        pull = document((["codecommit:GitPull"], policies.arn("codecommit", name)))
        for role, service, policy in (
            ("build", "codebuild", policies.build()),
            ("pipeline", "codepipeline", policies.pipeline()),
            ("events", "events", policies.events()),
        ):
            self.iam.create_role(RoleName=f"{name}-{role}", AssumeRolePolicyDocument=trust(service, self.account))
            self.iam.put_role_policy(RoleName=f"{name}-{role}", PolicyName="least", PolicyDocument=policy)
        self.iam.put_role_policy(RoleName=f"{name}-build", PolicyName="pull", PolicyDocument=pull)
        made = self.client("codecommit").create_repository(repositoryName=name)
        return str(made["repositoryMetadata"]["cloneUrlHttp"])

    def role(self, name: str) -> str:
        """A role's ARN."""
        return f"arn:aws:iam::{self.account}:role/{name}"

    def project(self, name: str, source: dict[str, str], artifacts: str) -> str:
        """A build project of the repository `name`; its name."""
        self.codebuild.create_project(
            name=f"{name}-{artifacts.lower()[:4]}",
            source=source,
            artifacts={"type": artifacts},
            environment={
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/standard:7.0",
                "computeType": "BUILD_GENERAL1_SMALL",
            },
            serviceRole=self.role(f"{name}-build"),
        )
        return f"{name}-{artifacts.lower()[:4]}"

    def pipeline(self, name: str, project: str) -> None:
        """Source → Build, started by a push to main."""
        stages: list[tuple[str, str, dict[str, str]]] = [
            ("Source", "CodeCommit", {"RepositoryName": name, "BranchName": "main", "PollForSourceChanges": "false"}),
            ("Build", "CodeBuild", {"ProjectName": project}),
        ]
        self.client("codepipeline").create_pipeline(
            pipeline={
                "name": name,
                "roleArn": self.role(f"{name}-pipeline"),
                "pipelineType": "V2",
                "artifactStore": {"type": "S3", "location": BUCKET},
                "stages": [{"name": stage[0], "actions": [_action(*stage)]} for stage in stages],
            }
        )
        arn = Policies(self.account, self.region, name, BUCKET).arn
        detail = {"event": ["referenceCreated", "referenceUpdated"], "referenceName": ["main"]}
        pattern = {"source": ["aws.codecommit"], "resources": [arn("codecommit", name)], "detail": detail}
        events = self.client("events")
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        target = {"Id": "pipeline", "Arn": arn("codepipeline", name), "RoleArn": self.role(f"{name}-events")}
        events.put_targets(Rule=name, Targets=[target])

    def start(self, project: str) -> float:
        """StartBuild; milliseconds to its first line."""
        began = time.perf_counter()
        build = self.codebuild.start_build(projectName=project)["build"]["id"]
        self.await_line(build)
        took = time.perf_counter() - began
        self.await_end(build)
        return took * 1e3

    def push(self, project: str, clone: Path, url: str) -> Wait:
        """Push what is committed; milliseconds to the first line of the build that the pipeline starts."""
        known = set(self._builds(project))
        began = time.perf_counter()
        run(["git", "-C", str(clone), "push", "-q", url, "HEAD:refs/heads/main"], **self.environment)
        returned = time.perf_counter()
        new = look(f"a build of {project}", lambda: [b for b in self._builds(project) if b not in known])[0]
        self.await_line(new)
        seen = time.perf_counter()
        self.await_end(new)
        return Wait((seen - began) * 1e3, (seen - returned) * 1e3)

    def _builds(self, project: str) -> list[str]:
        found: list[str] = self.codebuild.list_builds_for_project(projectName=project)["ids"]
        return found

    def await_line(self, build: str) -> None:
        """Return once the build's log has a line."""
        project, _, stream = build.partition(":")
        look(f"a line of {build}", lambda: self._lines(f"/aws/codebuild/{project}", stream))

    def _lines(self, group: str, stream: str) -> list[Any]:
        try:
            answer = self.logs.get_log_events(logGroupName=group, logStreamName=stream, limit=1, startFromHead=True)
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        found: list[Any] = answer["events"]
        return found

    def await_end(self, build: str) -> None:
        """Return once the build has succeeded, so that builds do not overlap; RuntimeError when it failed."""

        def status() -> str:
            found = self.codebuild.batch_get_builds(ids=[build])["builds"][0]["buildStatus"]
            return "" if found == "IN_PROGRESS" else str(found)

        ended = look(f"the end of {build}", status, every=0.03)
        if ended != "SUCCEEDED":
            raise RuntimeError(f"{build} ended {ended}")


def _action(stage: str, provider: str, configuration: dict[str, str]) -> dict[str, Any]:
    kind = {"category": stage, "owner": "AWS", "provider": provider, "version": "1"}
    outputs, inputs = ([{"name": "App"}], []) if stage == "Source" else ([], [{"name": "App"}])
    return {
        "name": stage,
        "actionTypeId": kind,
        "configuration": configuration,
        "inputArtifacts": inputs,
        "outputArtifacts": outputs,
    }


def look(what: str, found: Callable[[], T], seconds: float = 30, every: float = 0.003) -> T:
    """Ask until the answer is truthy."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come within {seconds:.0f} s")
        time.sleep(every)
    return answer


def work_tree(folder: Path, files: dict[str, bytes]) -> Path:
    """A repository with these files committed, made by fast-import: 5,000 files are one process."""
    run(["git", "init", "-q", "--bare", "-b", "main", str(folder)])
    parts = [b"commit refs/heads/main\ncommitter A <a@example.com> 1700000000 +0000\ndata 5\nfirst\n"]
    parts += [b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(data), data) for name, data in files.items()]
    subprocess.run(["git", "-C", str(folder), "fast-import", "--quiet"], input=b"".join(parts), check=True)
    return folder


def change(repository: Path, number: int) -> None:
    """Commit one small changed file."""
    text = f"change {number}\n".encode()
    parts = [
        f"commit refs/heads/main\ncommitter A <a@example.com> {1700000001 + number} +0000\ndata 4\nnext\n".encode()
    ]
    parts += [b"from refs/heads/main^0\n", b"M 100644 inline changed.txt\ndata %d\n%s\n" % (len(text), text)]
    subprocess.run(["git", "-C", str(repository), "fast-import", "--quiet"], input=b"".join(parts), check=True)


def example() -> dict[str, bytes]:
    """The files of the example application."""
    return {str(p.relative_to(EXAMPLE)): p.read_bytes() for p in sorted(EXAMPLE.rglob("*")) if _belongs(p)}


def _belongs(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def many() -> dict[str, bytes]:
    """A buildspec and FILES small files that do not compress."""
    named = {f"d{n % 100}/f{n}": os.urandom(1024).hex().encode() for n in range(FILES)}
    return {"buildspec.yml": SPEC.encode(), **named}


def measure_starts(bench: Bench, clone: Path) -> list[float]:
    """StartBuild of a project whose source is a small repository."""
    url = bench.repository("starts")
    run(["git", "-C", str(clone), "push", "-q", url, "main"], **bench.environment)
    source = {"type": "CODECOMMIT", "location": url, "buildspec": SPEC}
    project = bench.project("starts", source, "NO_ARTIFACTS")
    bench.start(project)
    return [bench.start(project) for _ in range(STARTS)]


def measure_pushes(bench: Bench, name: str, clone: Path, count: int) -> list[Wait]:
    """The first push of a repository with its pipeline there already, then small changes."""
    url = bench.repository(name)
    source = {"type": "CODEPIPELINE", "buildspec": "buildspec.yml"}
    project = bench.project(name, source, "CODEPIPELINE")
    bench.pipeline(name, project)
    waits = [bench.push(project, clone, url)]
    for number in range(count):
        change(clone, number)
        waits.append(bench.push(project, clone, url))
    return waits


def main() -> None:
    """Serve with a runner, measure, print beside the targets."""
    with tempfile.TemporaryDirectory() as folder, codeyard(cpu=None) as ours:
        bench = Bench(ours)
        small = work_tree(Path(folder) / "small.git", example())
        starts = measure_starts(bench, small)
        pushes = measure_pushes(bench, "greeter", small, SMALL_PUSHES)
        large = measure_pushes(bench, "large", work_tree(Path(folder) / "large.git", many()), LARGE_PUSHES)
    report(starts, pushes, large)


def report(starts: list[float], pushes: list[Wait], large: list[Wait]) -> None:
    """Print p50 and p95 in milliseconds; the target is for the p50."""
    start, small, first, following = TARGETS
    table = Table(title="→ first line of the build's log, milliseconds")
    for name in ("from", "times", "p50", "p95", "p50 after the push returned", "target p50", "reached"):
        table.add_column(name, justify="left" if name == "from" else "right")
    rows: list[tuple[str, list[float], list[Wait]]] = [
        (start, starts, []),
        (small, [], pushes[1:]),
        (first, [], large[:1]),
        (following, [], large[1:]),
    ]
    for name, plain, waits in rows:
        times = plain or [wait.from_start for wait in waits]
        after = f"{statistics.median(w.from_return for w in waits):.0f}" if waits else "-"
        middle = statistics.median(times)
        reached = "yes" if middle <= TARGETS[name] else "no"
        table.add_row(
            name, str(len(times)), f"{middle:.0f}", f"{p95(times):.0f}", after, f"{TARGETS[name]:.0f}", reached
        )
    Console(width=130).print(table)


def p95(times: list[float]) -> float:
    """The 95th percentile, the nearest rank."""
    return sorted(times)[max(0, math.ceil(len(times) * 0.95) - 1)]


if __name__ == "__main__":
    main()
