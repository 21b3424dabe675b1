"""A whole CodePipeline on its real store and engine, with one seed for the order of everything.

The engine's queues are run row by row in random order; calls outside die before or after they were carried out; events
get lost, come late or twice; the server is started again in between. `check` holds what must be true after every step.
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from codeyard.contract import AwsError
from codeyard.services.codepipeline.apply import OBSERVE, START
from codeyard.services.codepipeline.engine import PIPELINE
from codeyard.services.codepipeline.store.tables import action_runs, executions, stage_runs
from tests.unit.services.codepipeline.support import NAME, World, approval, build, deploy, pipeline, source

STAGES = ("Source", "Build", "Approve", "Deploy")
USER_STEPS = ("start", "start", "close", "open", "open", "stop", "retry", "retry", "answer", "answer")
OTHER_STEPS = ("turn", "turn", "turn", "turn", "turn", "work", "work", "tell", "repeat", "time", "restart")


class Died(Exception):
    """The process is gone in the middle of a call."""


class ServiceWorld:
    """One pipeline's history under one seed."""

    def __init__(self, folder: Path, seed: int, database: str = "") -> None:
        self.rng = random.Random(seed)
        self.world = World(folder, seed, database)
        self.mode = self.rng.choice(("SUPERSEDED", "SUPERSEDED", "QUEUED", "PARALLEL"))
        self.closed: set[str] = set()
        self.untold: list[tuple[str, str, dict[str, str]]] = []
        self._risk(0.06)
        self.world.call("create_pipeline", pipeline=_declared(self.mode))

    def _risk(self, chance: float) -> None:
        """Let calls outside die with a chance, half of them after they were carried out."""
        outside, real = self.world.outside, type(self.world.outside).call

        def call(service: str, operation: str, params: Any = None) -> dict[str, Any]:
            dies = self.rng.random() < (chance * 6 if operation == "CreateDeployment" else chance)
            if dies and self.rng.random() < 0.5:
                raise Died
            answer = real(outside, service, operation, params)
            if dies:
                raise Died
            return answer

        outside.call = call  # type: ignore[method-assign, assignment]

    def step(self) -> None:
        """Do one thing, chosen by the seed; then check."""
        before = {stage: self._entries(stage) for stage in self.closed}
        name = self.rng.choice(USER_STEPS if self.rng.random() < 0.3 else OTHER_STEPS)
        closed = set(self.closed)
        with contextlib.suppress(AwsError):  # users ask for what cannot be done; a refusal is an answer
            getattr(self, f"_{name}")()
        for stage in closed & self.closed:
            assert self._entries(stage) == before[stage], f"someone passed the disabled transition into {stage}"
        self.check()

    # Users

    def _start(self) -> None:
        if len(self._live()) < 6:
            self.world.call("start_pipeline_execution", name=NAME)

    def _close(self) -> None:
        stage = self.rng.choice(STAGES)
        self._transition("disable_stage_transition", stage, reason="held")
        self.closed.add(stage)

    def _open(self) -> None:
        stage = self.rng.choice(STAGES)
        self.closed.discard(stage)
        self._transition("enable_stage_transition", stage)

    def _transition(self, operation: str, stage: str, **more: str) -> None:
        self.world.call(operation, pipelineName=NAME, stageName=stage, transitionType="Inbound", **more)

    def _stop(self) -> None:
        if self.rng.random() < 0.4 and (live := self._live()):
            chosen = self.rng.choice(live).id
            abandon = self.rng.random() < 0.5
            self.world.call("stop_pipeline_execution", pipelineName=NAME, pipelineExecutionId=chosen, abandon=abandon)

    def _retry(self) -> None:
        ended = [e for e in self._all(executions) if e.status in ("Failed", "Stopped", "InProgress")]
        if ended:
            chosen = self.rng.choice(ended)
            self.world.call(
                "retry_stage_execution",
                pipelineName=NAME,
                stageName=STAGES[chosen.position],
                pipelineExecutionId=chosen.id,
                retryMode=self.rng.choice(("FAILED_ACTIONS", "ALL_ACTIONS")),
            )

    def _answer(self) -> None:
        waiting = [r for r in self._all(action_runs) if r.token and r.status == "InProgress"]
        if waiting:
            status = "Rejected" if self.rng.random() < 0.2 else "Approved"
            self._put(self.rng.choice(waiting), status)

    def _put(self, run: Any, status: str) -> None:
        place = {"pipelineName": NAME, "stageName": run.stage, "actionName": run.action, "token": run.token}
        self.world.call("put_approval_result", result={"summary": "", "status": status}, **place)

    # The rest of the world

    def _turn(self) -> None:
        lane = self.rng.choice(self.world.engine._lanes)
        keys = lane.take(64)
        for key in keys:
            if self.rng.random() < 0.7:
                lane.run(key)
            else:
                lane.drop((key,))

    def _work(self) -> None:
        outside = self.world.outside
        builds = [b for b in outside.builds.values() if b["buildStatus"] == "IN_PROGRESS"]
        deployments = [d for d in outside.deployments.values() if d["status"] == "Created"]
        bad = self.rng.random() < 0.25
        if builds and (not deployments or self.rng.random() < 0.6):
            found = self.rng.choice(builds)
            found["buildStatus"] = "FAILED" if bad else "SUCCEEDED"
            news = ("aws.codebuild", "CodeBuild Build State Change", {"build-id": f"arn:x:build/{found['id']}"})
        elif deployments:
            found = self.rng.choice(deployments)
            found["status"] = "Failed" if bad else "Succeeded"
            told = "CodeDeploy Deployment State-change Notification"
            news = ("aws.codedeploy", told, {"deploymentId": found["deploymentId"]})
        else:
            return
        self.untold.extend([news] * self.rng.choice((0, 1, 1, 2)))

    def _tell(self) -> None:
        if self.untold:
            source_name, detail_type, detail = self.untold.pop(self.rng.randrange(len(self.untold)))
            self._emit(source_name, detail_type, detail)

    def _emit(self, source_name: str, detail_type: str, detail: dict[str, str]) -> None:
        from codeyard.contract import Event
        from tests.unit.services.codepipeline.support import ACCOUNT, REGION

        event = Event(source_name, detail_type, detail, ACCOUNT, REGION, self.world.clock.now())
        self.world.db.write(lambda tx: tx.emit(event))

    def _repeat(self) -> None:
        runs = self._all(action_runs)
        if not runs:
            return
        run, part = self.rng.choice(runs), self.world.part
        with contextlib.suppress(Died):
            if self.rng.random() < 0.5:
                part.effects[START](run.id, {})
            else:
                part.reconcilers[OBSERVE](run.id)
                part.reconcilers[PIPELINE](run.uid)

    def _time(self) -> None:
        self.world.clock.advance(self.rng.choice((1, 5, 70, 600)))

    def _restart(self) -> None:
        if self.rng.random() < 0.3:
            self.untold.clear()
            self.world.boot()

    # What must hold

    def _all(self, table: sa.Table) -> list[Any]:
        return list(self.world.db.read(lambda tx: tx.all(sa.select(table).order_by(*table.primary_key.columns))))

    def _live(self) -> list[Any]:
        return [e for e in self._all(executions) if e.live]

    def _entries(self, stage: str) -> int:
        return sum(run.stage == stage for run in self._all(stage_runs))

    def check(self) -> None:
        """Locks, gates, queues, and that nothing is begun twice."""
        live = self._live()
        holders = Counter(e.position for e in live if e.inside and e.mode != "PARALLEL")
        assert all(n == 1 for n in holders.values()), f"a stage is held by several: {holders}"
        waiters = Counter(e.position for e in live if not e.inside and e.mode == "SUPERSEDED")
        assert all(n == 1 for n in waiters.values()), f"several wait in SUPERSEDED mode: {waiters}"
        self._check_queue()
        marks = Counter(d["description"] for d in self.world.outside.deployments.values())
        assert all(n == 1 for n in marks.values()), f"a deployment was made twice: {marks}"
        current = Counter((r.execution, r.stage, r.action) for r in self._all(action_runs) if r.current)
        assert all(n == 1 for n in current.values()), "an action has two current attempts"

    def _check_queue(self) -> None:
        queued = {e.id: e.number for e in self._all(executions) if e.mode == "QUEUED"}
        for stage in STAGES:
            runs = sorted((r for r in self._all(stage_runs) if r.stage == stage), key=lambda r: r.seq)
            order = [queued[r.execution] for r in runs if r.execution in queued]
            assert order == sorted(order), f"the queue before {stage} was overtaken: {order}"

    def finish(self) -> None:
        """Everything that is owed comes, every transition is opened: each execution must end, each action with it."""
        self._risk(0.0)
        for stage in STAGES:
            self._transition("enable_stage_transition", stage)
        for _ in range(60):
            self.world.clock.advance(310)
            self.world.settle()
            if not self._live():
                break
            for _ in range(10):
                self._work()
            for run in self._all(action_runs):
                if run.token and run.status == "InProgress":
                    self._put(run, "Approved")
            self.check()
        assert self._live() == [], "an execution never ends"
        assert not [r for r in self._all(action_runs) if r.status == "InProgress"], "an action never ends"


def _declared(mode: str) -> dict[str, Any]:
    return pipeline(
        ("Source", [source()]),
        ("Build", [build("One", "one"), build("Two", "two"), build("Three", "three", runOrder=2)]),
        ("Approve", [approval()]),
        ("Deploy", [deploy()]),
        executionMode=mode,
    )
