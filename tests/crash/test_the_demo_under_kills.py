"""The demo's whole pipeline, four hosts and all, while server, runner and agents are killed at random moments."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import urlopen

import pytest

from codeyard.cli.demo.setup import BRANCH, NAME, Host, Setup
from tests.crash.short import ENDED
from tests.crash.support import Background, Crashyard, answered, kill, wait_until, yard_in

EXAMPLE = Path(__file__).parents[2] / "examples" / "greeter"
RAN = 'echo "$DEPLOYMENT_ID $LIFECYCLE_EVENT $(basename "$0")" >> "$root/ran"\n'


class Stage:
    """What the demo's set-up asks of a yard, on one whose processes are killed."""

    def __init__(self, yard: Crashyard) -> None:
        self.yard, self.folder, self.data, self.endpoint = yard, yard.folder, yard.data, yard.facts
        self.client = yard.client
        self.commands: dict[str, list[str]] = {}
        self.agents: dict[str, subprocess.Popen[bytes]] = {}

    @staticmethod
    def codeyard(*arguments: str) -> list[str]:
        """The command line of `codeyard …`."""
        return [sys.executable, "-m", "codeyard.cli", *arguments]

    @staticmethod
    def run(command: list[str]) -> None:
        """Run to the end."""
        subprocess.run(command, check=True, capture_output=True)

    def spawn(self, name: str, command: list[str]) -> None:
        """Start an agent, and know how to start it again."""
        self.commands[name] = command
        with (self.folder / f"{name}.log").open("ab") as log:
            self.agents[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def kill_agent(self, name: str) -> None:
        """SIGKILL for one agent, and for it alone: a hook goes on. Then it is started again."""
        kill(self.agents[name].pid)
        self.agents[name].wait()
        self.spawn(name, self.commands[name])

    def close(self, hosts: list[Host]) -> None:
        """End the agents and the services on the hosts."""
        for agent in self.agents.values():
            kill(agent.pid)
            agent.wait()
        for host in hosts:
            environment = {**os.environ, "CODEYARD_HOST_ROOT": str(host.root)}
            subprocess.run(["sh", str(EXAMPLE / "scripts" / "stop.sh")], env=environment, check=False, timeout=10)


class Story:
    """Releases of the greeter, followed through approval to production by a client that may find nobody there."""

    def __init__(self, yard: Crashyard) -> None:
        self.yard, self.stage = yard, Stage(yard)
        self.hosts: list[Host] = []
        self.trouble = ""

    def set_up(self) -> None:
        """Everything that the demo makes before its first push."""
        setup = Setup(self.stage)  # type: ignore[arg-type]
        git, _ = setup.identities()
        url = urlsplit(setup.storage())
        login = f"{quote(git['user'], safe='')}:{quote(git['password'], safe='')}@127.0.0.1:{self.yard.port}"
        self.url = urlunsplit(("http", login, url.path, "", ""))
        self.hosts = setup.hosts()
        setup.projects([host.url for host in self.hosts if host.environment == "staging"])
        setup.deployments()
        setup.pipeline()
        self.client = self.yard.client("codepipeline")
        shutil.copytree(EXAMPLE, self.yard.folder / "work", ignore=shutil.ignore_patterns("__pycache__"))
        with (self.yard.folder / "work" / "scripts" / "common.sh").open("a") as common:
            common.write(RAN)
        self.yard.git("init", "-q", "-b", BRANCH)

    def release(self, number: int) -> None:
        """Push until the push is answered, follow it, approve it, and ask every host what it runs."""
        greeting = self.yard.folder / "work" / "app" / "greeting.py"
        greeting.write_text(f"{greeting.read_text()}\n\nRELEASE_{number} = True\n")
        self.yard.git("add", "-A")
        self.yard.git("commit", "-q", "-m", f"Release {number}")
        commit = self.yard.git("rev-parse", "HEAD").stdout.strip()
        wait_until("the push is answered", self._push, 60)
        execution = wait_until("the push starts the pipeline", lambda: self._execution_of(commit), 60)
        wait_until(f"release {number} reaches production", lambda: self._driven(execution) == "Succeeded", 300)
        for host in self.hosts:
            with urlopen(f"{host.url}/version", timeout=60) as answer:
                assert json.load(answer)["commit"] == commit, host.name

    def _push(self) -> bool:
        return self.yard.git("push", "-q", self.url, f"HEAD:refs/heads/{BRANCH}", check=False).returncode == 0

    def _execution_of(self, commit: str) -> str | None:
        found = answered(lambda: self.client.list_pipeline_executions(pipelineName=NAME)) or {}
        for summary in found.get("pipelineExecutionSummaries", []):
            if any(r.get("revisionId") == commit for r in summary.get("sourceRevisions", [])):
                return str(summary["pipelineExecutionId"])
        return None

    def _driven(self, execution: str) -> str:
        """The execution's status; what waits for a person is done on the way: an approval, or a retry of a failure."""
        assert not self.trouble, f"the killer itself failed: {self.trouble}"
        found = answered(lambda: self.client.get_pipeline_execution(pipelineName=NAME, pipelineExecutionId=execution))
        status = str(found["pipelineExecution"]["status"]) if found else ""
        if status in ("InProgress", "Failed"):
            for stage in (answered(lambda: self.client.get_pipeline_state(name=NAME)) or {}).get("stageStates", []):
                if stage.get("latestExecution", {}).get("pipelineExecutionId") == execution:
                    self._look(stage, execution)
        return status

    def _look(self, stage: dict[str, Any], execution: str) -> None:
        name = stage["stageName"]
        if stage["latestExecution"]["status"] == "Failed":
            failed = [a["latestExecution"] for a in stage["actionStates"] if "latestExecution" in a]
            assert any(one.get("errorDetails", {}).get("message") for one in failed), f"{name} failed without a reason"
            with contextlib.suppress(self.client.exceptions.StageNotRetryableException):
                answered(
                    lambda: self.client.retry_stage_execution(
                        pipelineName=NAME, stageName=name, pipelineExecutionId=execution, retryMode="FAILED_ACTIONS"
                    )
                )
        for action in stage["actionStates"]:
            latest = action.get("latestExecution", {})
            if latest.get("token") and latest["status"] == "InProgress":
                self._approve(name, action["actionName"], latest["token"])

    def _approve(self, stage: str, action: str, token: str) -> None:
        result = {"summary": "looks good", "status": "Approved"}
        # An answer that was lost is asked for again: the approval may have been taken the first time.
        with contextlib.suppress(self.client.exceptions.ApprovalAlreadyCompletedException):
            answered(
                lambda: self.client.put_approval_result(
                    pipelineName=NAME, stageName=stage, actionName=action, token=token, result=result
                )
            )

    def check(self) -> None:
        """What must hold when the dust has settled."""
        for repository in self.yard.data.glob("**/HEAD"):
            if (repository.parent / "objects").is_dir():
                done = self.yard.git("fsck", "--full", "--strict", cwd=repository.parent, check=False)
                assert done.returncode == 0, done.stderr
        found = self.client.list_pipeline_executions(pipelineName=NAME)["pipelineExecutionSummaries"]
        assert {one["status"] for one in found} <= set(ENDED)
        for host in self.hosts:
            lines = (host.root / "ran").read_text().splitlines()
            twice = sorted({line for line in lines if lines.count(line) > 1})
            assert not twice, f"ran twice on {host.name}: {twice}"


class Killer(Background):
    """Kills one of the processes at a random moment, again and again, and starts it again each time."""

    def __init__(self, story: Story, dice: random.Random) -> None:
        super().__init__()
        self._story, self._dice = story, dice
        self.kills = 0

    def _run(self) -> None:
        try:
            while not self._over.wait(self._dice.uniform(0.3, 4.0)):
                self._kill()
                self.kills += 1
        except Exception as fault:  # told by the test: a thread's own failure would be silent
            self._story.trouble = repr(fault)

    def _kill(self) -> None:
        yard, who = self._story.yard, self._dice.choice(("server", "runner", "agent", "agent"))
        if who == "server":
            yard.kill_server()
            yard.start()
        elif who == "runner":
            yard.kill_runner()
            yard.start_runner()
        else:
            self._story.stage.kill_agent(self._dice.choice(sorted(self._story.stage.agents)))


@contextlib.contextmanager
def story_in(folder: Path) -> Iterator[Story]:
    """The demo's yard, set up; nothing of it is left behind."""
    with yard_in(folder) as yard:
        yard.start()
        story = Story(yard)
        try:
            story.set_up()
            yield story
        finally:
            story.stage.close(story.hosts)


@pytest.mark.deep
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("releases", [5])
def test_every_release_reaches_all_hosts_once_whoever_is_killed_on_the_way(tmp_path: Path, releases: int) -> None:
    seed = int(os.environ.get("CODEYARD_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"CODEYARD_SEED={seed}")
    with story_in(tmp_path) as story:
        with Killer(story, random.Random(seed)) as killer:
            for number in range(releases):
                story.release(number)
        assert not story.trouble
        assert killer.kills >= releases
        story.check()
