"""The demo's story: three pushes. The first is released, the second fails its test, the third mends it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import urlopen

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from codeyard.cli.demo.setup import BRANCH, NAME, Host, Setup
from codeyard.cli.demo.yard import DemoFailed, Yard, wait_for

EXAMPLE = Path(__file__).resolve().parents[4] / "examples" / "greeter"
_ENDED = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")


def tell(*, stay: bool) -> int:
    """Run the demo; the process's exit code. Its folder stays only where something failed."""
    console = Console(highlight=False)
    folder = Path(tempfile.mkdtemp(prefix="codeyard-demo-"))
    story = Story(Yard(folder), console)
    try:
        story.run()
        story.summary()
        if stay:
            story.stay()
    except DemoFailed as failure:
        console.print(f"[red]The demo failed:[/red] {failure}", markup=True)
        console.print(f"Logs are in {folder}")
        return 1
    finally:
        story.end()
    shutil.rmtree(folder, ignore_errors=True)
    return 0


class Story:
    """Tells each step with its time as it happens."""

    def __init__(self, yard: Yard, console: Console) -> None:
        self.yard, self.console = yard, console
        self.began = self.marked = time.monotonic()
        self.steps: list[tuple[str, float]] = []
        self.hosts: list[Host] = []

    def run(self) -> None:
        """Set up, then the three pushes."""
        self.yard.start()
        self.step("server started")
        self.set_up()
        commit = self.push("A greeter")
        self.release(commit, "first push")
        self.break_it(commit)
        self.mend_it()

    def set_up(self) -> None:
        """Create everything that the first push needs."""
        setup = Setup(self.yard)
        self.git, self.approver = setup.identities()
        self.step("users and roles made, each with the least it needs")
        self.clone_url = setup.storage()
        self.hosts = setup.hosts()
        setup.projects([h.url for h in self.hosts if h.environment == "staging"])
        setup.deployments()
        self.step("bucket, repository, build projects, two staging and two production hosts")
        setup.pipeline()
        self.pipelines = self.yard.client("codepipeline")
        first = self.wait_execution(lambda found: bool(found), "the pipeline's own first execution")
        self.wait_end(first)
        self.step("pipeline made; its first execution found no branch yet and failed, as it should")
        self.work = self.yard.folder / "greeter"
        shutil.copytree(EXAMPLE, self.work, ignore=shutil.ignore_patterns("__pycache__"))
        self.run_git("init", "-q", "-b", BRANCH)

    def release(self, commit: str, what: str) -> None:
        """Follow an execution through approval to production, and check every host."""
        execution = self.execution_of(commit)
        token = self.follow_to_approval(execution)
        self.yard.aws(
            "codepipeline",
            "put-approval-result",
            "--pipeline-name",
            NAME,
            "--stage-name",
            "Approve",
            "--action-name",
            "Release",
            "--token",
            token,
            "--result",
            "summary=looks good,status=Approved",
            **self.approver,
        )
        self.step("approved with aws codepipeline put-approval-result")
        state = self.wait_end(execution)
        if state != "Succeeded":
            raise DemoFailed(f"the {what} ended {state}: {self.why()}")
        self.step("production deployed")
        self.check_hosts(self.hosts, commit)
        self.step(f"all four hosts answer with commit {commit[:8]}")

    def break_it(self, before: str) -> None:
        """Push a commit whose test fails: the pipeline must stop, say why, and deploy nothing."""
        path = self.work / "app" / "greeting.py"
        self.good = path.read_text()
        path.write_text(self.good.replace("Hello, ", "Helo, "))
        commit = self.push("Greet faster")
        state = self.wait_end(self.execution_of(commit))
        if state != "Failed":
            raise DemoFailed(f"a failing test ended {state}")
        self.step(f"the failing test stopped the pipeline: {self.why()}")
        for line in self.failing_lines():
            plain = line if line.isprintable() else repr(line)[1:-1]  # a build's output is not for terminals to obey
            self.console.print(f"           [dim]{escape(plain)}[/dim]", markup=True)
        self.check_hosts(self.hosts, before)
        self.step("nothing was deployed: every host still answers with the release before")

    def mend_it(self) -> None:
        """Push the fix and release it."""
        (self.work / "app" / "greeting.py").write_text(self.good + "\n\nPOLITE = True\n")
        self.release(self.push("Spell the greeting right again"), "fix")

    def push(self, message: str) -> str:
        """Commit and push as the developer with IAM Git credentials over HTTPS; the commit id."""
        url = urlsplit(self.clone_url)
        netloc = f"{quote(self.git['user'], safe='')}:{quote(self.git['password'], safe='')}@{url.netloc}"
        self.run_git("add", "-A")
        self.run_git("-c", "user.name=Dev", "-c", "user.email=dev@example.com", "commit", "-q", "-m", message)
        commit = self.run_git("rev-parse", "HEAD").strip()
        self.run_git("push", "-q", urlunsplit(url._replace(netloc=netloc)), f"HEAD:refs/heads/{BRANCH}")
        self.step(f"git push {commit[:8]} “{message}”")
        return commit

    def run_git(self, *arguments: str) -> str:
        """git, in the work tree, with nothing of the user's own configuration."""
        plain = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
        return self.yard.run(["git", *arguments], cwd=self.work, **plain)

    def execution_of(self, commit: str) -> str:
        """The execution that the push of this commit started."""

        def has(found: list[dict[str, Any]]) -> Any:
            for summary in found:
                if any(r.get("revisionId") == commit for r in summary.get("sourceRevisions", [])):
                    return summary["pipelineExecutionId"]
            return None

        found = self.wait_execution(has, f"an execution for {commit[:8]}")
        self.step("the push's event started the pipeline")
        return found

    def wait_execution(self, pick: Any, what: str) -> str:
        """Wait until one of the executions is what `pick` looks for; its id."""

        def look() -> Any:
            found = self.pipelines.list_pipeline_executions(pipelineName=NAME)["pipelineExecutionSummaries"]
            picked = pick(found)
            return found[0]["pipelineExecutionId"] if picked is True else picked

        return str(wait_for(what, look, 30))

    def follow_to_approval(self, execution: str) -> str:
        """Tell each action as it ends, until the approval waits; its token."""
        told: set[str] = set()

        def look() -> str | None:
            for stage in self.pipelines.get_pipeline_state(name=NAME)["stageStates"]:
                if stage.get("latestExecution", {}).get("pipelineExecutionId") != execution:
                    continue
                for action in stage.get("actionStates", []):
                    latest = action.get("latestExecution", {})
                    self._tell(stage["stageName"], action["actionName"], latest, told)
                    if latest.get("token") and latest.get("status") == "InProgress":
                        return str(latest["token"])
                    if latest.get("status") == "Failed":
                        raise DemoFailed(f"{stage['stageName']}/{action['actionName']}: {self.why()}")
            return None

        return str(wait_for("the approval", look, 120))

    def _tell(self, stage: str, action: str, latest: dict[str, Any], told: set[str]) -> None:
        name = f"{stage}/{action}"
        if latest.get("status") == "Succeeded" and name not in told:
            told.add(name)
            self.step(f"{name} succeeded")

    def wait_end(self, execution: str) -> str:
        """Wait for an execution's end; its status."""

        def look() -> str | None:
            found = self.pipelines.get_pipeline_execution(pipelineName=NAME, pipelineExecutionId=execution)
            status: str = found["pipelineExecution"]["status"]
            return status if status in _ENDED else None

        return str(wait_for(f"the end of {execution}", look, 120))

    def why(self) -> str:
        """What the pipeline itself says of its failed action."""
        for stage in self.pipelines.get_pipeline_state(name=NAME)["stageStates"]:
            for action in stage.get("actionStates", []):
                latest = action.get("latestExecution", {})
                if latest.get("status") == "Failed":
                    return f"{stage['stageName']}/{action['actionName']}: {latest['errorDetails']['message']}"
        return "it does not say why"

    def failing_lines(self) -> list[str]:
        """The lines of the build log that show the failed assertion."""
        builds = self.yard.client("codebuild")
        latest = builds.list_builds_for_project(projectName=f"{NAME}-test")["ids"][0]
        log = builds.batch_get_builds(ids=[latest])["builds"][0]["logs"]
        events = self.yard.client("logs").filter_log_events(
            logGroupName=log["groupName"], logStreamNames=[log["streamName"]], filterPattern="AssertionError"
        )["events"]
        if not events:
            raise DemoFailed("the failed test's log does not show its assertion")
        return [event["message"].rstrip() for event in events[:2]]

    def check_hosts(self, hosts: list[Host], commit: str) -> None:
        """Ask every host by HTTP which commit it runs."""
        for host in hosts:
            with urlopen(f"{host.url}/version", timeout=5) as answer:
                running = json.load(answer)["commit"]
            if running != commit:
                raise DemoFailed(f"{host.name} runs {running[:8]}, not {commit[:8]}")

    def step(self, text: str) -> None:
        """One line of the story, with the time since the step before."""
        now = time.monotonic()
        self.steps.append((text, now - self.marked))
        line = f"[green]✓[/green] {now - self.began:6.2f} s  {text}"
        self.console.print(line, markup=True, soft_wrap=True)
        self.marked = now

    def summary(self) -> None:
        """The table of the steps' times, and where to look on."""
        table = Table("step", "seconds", title="What happened", title_justify="left")
        for text, seconds in self.steps:
            table.add_row(text.split("\n")[0][:90], f"{seconds:.2f}")
        table.add_row("in all", f"{time.monotonic() - self.began:.2f}")
        self.console.print(table)
        link = self.yard.run(self.yard.codeyard("console", "--data", str(self.yard.data))).strip()
        self.console.print(f"Console (works once): {link}", soft_wrap=True)

    def stay(self) -> None:
        """Keep serving until Ctrl-C."""
        self.console.print("The server stays up. Press Ctrl-C to end it.")
        self.console.print(f'In another shell: eval "$(codeyard env --data {self.yard.data})"', soft_wrap=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            self.console.print("ending")

    def end(self) -> None:
        """Stop the services on the hosts, the agents and the server."""
        stop = EXAMPLE / "scripts" / "stop.sh"
        for host in self.hosts:
            subprocess.run(
                ["sh", str(stop)],
                env={**os.environ, "CODEYARD_HOST_ROOT": str(host.root)},
                check=False,
                timeout=10,
            )
        self.yard.stop()
