"""Carries actions out: the effect that begins one, and the look that learns how it stands.

An action begins by the effect `codepipeline.start_action`, at least once per action execution id. Its end is learned by
an event of the service that does the work, which marks the action dirty; the look then reads the real state as the
pipeline's role. A slow timer looks again where no event came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from codeyard.contract import AwsError
from codeyard.engine import Kit, crash_point
from codeyard.engine.crash import register
from codeyard.services.codepipeline import artifacts, variables, workers
from codeyard.services.codepipeline.actions.base import (
    CONFIGURATION,
    ActionProvider,
    Done,
    Failed,
    Outcome,
    Run,
    Running,
    failure,
    passing,
)
from codeyard.services.codepipeline.apply import OBSERVE, Writer
from codeyard.services.codepipeline.engine import Engine
from codeyard.services.codepipeline.model.custom import OWNER
from codeyard.services.codepipeline.model.definition import ActionSpec, Definition
from codeyard.services.codepipeline.store import actions, executions, pipelines
from codeyard.storage import Row, Tx, dumps, loads

HOST = "codepipeline.amazonaws.com"
NET = 60 * 1_000_000
BEGUN = register("codepipeline.action.begun", "an action is marked as begun, its provider was not called")
CALLED = register("codepipeline.action.called", "an action's provider did its call, nothing of it is written")


class ActionRunner:
    """Begins actions and looks after them."""

    def __init__(self, kit: Kit, engine: Engine, providers: Mapping[tuple[str, str], ActionProvider]) -> None:
        self._kit, self._engine, self._providers = kit, engine, providers

    def start(self, run_id: str, _payload: dict[str, Any]) -> None:
        """The effect: begin the action, unless it is over or known to run."""
        found = self._kit.db.write(lambda tx: self._begin(tx, run_id))
        if found is not None:
            crash_point(BEGUN)
            outcome = self._call(found, lambda provider, run: provider.start(run))
            crash_point(CALLED)
            self._kit.db.write(lambda tx: self._settle(tx, run_id, outcome, first=True))

    def observe(self, run_id: str) -> None:
        """The look: ask how a running action stands."""
        found = self._kit.db.read(lambda tx: load(tx, run_id))
        if found is not None and found.row.external_id:
            outcome = self._call(found, lambda provider, run: provider.observe(run))
            self._kit.db.write(lambda tx: self._settle(tx, run_id, outcome, first=False))

    def _begin(self, tx: Tx, run_id: str) -> Loaded | None:
        loaded = load(tx, run_id)
        if loaded is None or loaded.row.external_id:
            return None
        try:
            configuration = loaded.resolve(tx)
        except variables.Unresolved as error:
            self._finish(tx, loaded, Failed(CONFIGURATION, str(error)))
            return None
        actions.update(tx, run_id, begun=1, configuration=dumps(configuration))
        loaded.configuration = configuration
        if loaded.spec.owner != OWNER:
            return loaded
        self._queue(tx, loaded)
        return None

    def _queue(self, tx: Tx, loaded: Loaded) -> None:
        """A job worker does it: queue its job, in the transaction that begins it."""
        facts = loaded.configuration
        refused = workers.queue(tx, self._kit, loaded.pipeline, loaded.spec, loaded.row.id, facts)
        if refused is not None:
            self._finish(tx, loaded, refused)

    def _call(self, loaded: Loaded, ask: Callable[[ActionProvider, Run], Outcome]) -> Outcome:
        spec = loaded.spec
        known = self._providers[(spec.category, spec.provider)] if spec.owner != OWNER else workers.CustomAction()
        provider: ActionProvider = known
        try:
            return ask(provider, loaded.run(self._kit, self._client(loaded)))
        except AwsError as error:
            if passing(error):
                self._postpone(loaded, error)
                raise
            return failure(error)

    def _postpone(self, loaded: Loaded, error: AwsError) -> None:
        """A throttled call did nothing: the next start is a first one again."""
        if error.code.startswith(("Throttl", "SlowDown")) and not loaded.row.begun and not loaded.row.external_id:
            self._kit.db.write(lambda tx: actions.update(tx, loaded.row.id, begun=0))

    def _client(self, loaded: Loaded) -> Any:
        pipeline = loaded.pipeline
        return self._kit.clients.as_role(
            loaded.definition.role_arn,
            service=HOST,
            region=pipeline.region,
            session_name=pipeline.name[:64].ljust(2, "-"),
            source_arn=f"arn:aws:codepipeline:{pipeline.region}:{pipeline.account}:{pipeline.name}",
        )

    def _settle(self, tx: Tx, run_id: str, outcome: Outcome, *, first: bool) -> None:
        loaded = load(tx, run_id)
        if loaded is None:
            if first and outcome.external_id:
                actions.update(tx, run_id, external_id=outcome.external_id, external_url=outcome.external_url)
            return
        if isinstance(outcome, Running):
            self._note(tx, run_id, outcome, first=first)
        else:
            self._finish(tx, loaded, outcome)

    def _note(self, tx: Tx, run_id: str, outcome: Running, *, first: bool) -> None:
        values: dict[str, Any] = {"percent": outcome.percent}
        named = {"external_id": outcome.external_id, "external_url": outcome.external_url, "summary": outcome.summary}
        values |= {key: value for key, value in named.items() if value}
        actions.update(tx, run_id, **values)
        if not outcome.external_id:
            return
        if first:
            tx.dirty(OBSERVE, run_id)
        else:
            tx.timer(OBSERVE, run_id, self._kit.clock.now() + NET)

    def _finish(self, tx: Tx, loaded: Loaded, outcome: Done | Failed) -> None:
        now, uid, run_id = self._kit.clock.now(), loaded.pipeline.uid, loaded.row.id
        writer = Writer(tx, loaded.pipeline, self._kit.ids, now)
        if isinstance(outcome, Done) and too_large(outcome.variables):
            outcome = Failed(CONFIGURATION, "The action's output variables are larger than 122880 bytes.")
        known = {"external_id": outcome.external_id, "external_url": outcome.external_url}
        known = {key: value for key, value in known.items() if value} | {"log_stream": outcome.log_stream}
        if isinstance(outcome, Failed):
            writer.fail_action(run_id, outcome.code, outcome.message, **known)
        else:
            known |= {"summary": outcome.summary, "variables": dumps(outcome.variables)}
            writer.succeed_action(run_id, **known, revision=self._revision(tx, loaded, outcome))
        self._engine.advance(tx, uid, now)

    @staticmethod
    def _revision(tx: Tx, loaded: Loaded, outcome: Done) -> str:
        if outcome.revision is None:
            return ""
        r, row = outcome.revision, loaded.row
        if not loaded.pins and _is_newest(tx, loaded):
            pipelines.see(tx, row.uid, row.action, r.id, row.execution)
        return dumps({"id": r.id, "summary": r.summary, "url": r.url, "created": r.created})


class Loaded:
    """An action run with all that belongs to it."""

    def __init__(self, row: Row, pipeline: Row, execution: Row, definition: Definition) -> None:
        self.row, self.pipeline, self.execution, self.definition = row, pipeline, execution, definition
        self.configuration: Mapping[str, str] = loads(row.configuration)
        self.pins: Mapping[str, str] = loads(execution.pins).get(row.action, {})

    @property
    def spec(self) -> ActionSpec:
        """The action's declaration in the version that the execution runs by."""
        stage = self.definition.stage(self.row.stage)
        spec = stage.action(self.row.action) if stage else None
        if spec is None:
            raise LookupError(f"no action {self.row.stage}/{self.row.action}")
        return spec

    def resolve(self, tx: Tx) -> dict[str, str]:
        """The configuration with its variables resolved; Unresolved also where an input was not made."""
        made = {a.name for a in artifacts.read(loads(self.row.inputs))}
        if missing := [name for name in self.spec.inputs if name not in made]:
            raise variables.Unresolved(f"The input artifact '{missing[0]}' was not made by an earlier action.")
        return variables.resolve(self.spec.configuration, scope(tx, self.execution, self.definition))

    def run(self, kit: Kit, client: Any) -> Run:
        """The run as its provider sees it."""
        row, pipeline = self.row, self.pipeline
        return Run(
            id=row.id,
            account=pipeline.account,
            region=pipeline.region,
            pipeline=pipeline.name,
            execution=row.execution,
            stage=row.stage,
            action=row.action,
            configuration=self.configuration,
            inputs=artifacts.read(loads(row.inputs)),
            outputs=artifacts.read(loads(row.outputs)),
            client=client,
            started=row.started,
            deadline=row.deadline,
            again=bool(row.begun),
            token=row.token,
            external_id=row.external_id,
            pins=self.pins,
            console=console_url(kit),
            key=self.definition.key(pipeline.region),
        )


def load(tx: Tx, run_id: str, *, ended: bool = False) -> Loaded | None:
    """A run in progress, or with `ended` any that is known; None where there is none, or no more."""
    row = actions.get(tx, run_id)
    if row is None or (row.status != "InProgress" and not ended):
        return None
    pipeline, execution = pipelines.by_uid(tx, row.uid), executions.get(tx, row.execution)
    if pipeline is None or execution is None:
        return None
    return Loaded(row, pipeline, execution, pipelines.definition(tx, row.uid, execution.version))


def console_url(kit: Kit) -> str:
    """The base of links to this server's console."""
    return (kit.settings.console_url or kit.settings.base_url).rstrip("/")


def scope(tx: Tx, execution: Row, definition: Definition) -> dict[str, dict[str, str]]:
    """Every variable that an action of the execution may refer to, by namespace."""
    found: dict[str, dict[str, str]] = {
        variables.PIPELINE_NAMESPACE: {"PipelineExecutionId": execution.id},
        variables.VARIABLES_NAMESPACE: loads(execution.variables),
    }
    for run in actions.made_for(tx, execution):
        stage = definition.stage(run.stage)
        spec = stage.action(run.action) if stage else None
        if spec is not None and spec.namespace:
            found[spec.namespace] = loads(run.variables)
    return found


def too_large(values: Mapping[str, str]) -> bool:
    """Whether an action's output variables are more than it may have."""
    return sum(len(k.encode()) + len(v.encode()) for k, v in values.items()) > variables.OUTPUT_LIMIT


def _is_newest(tx: Tx, loaded: Loaded) -> bool:
    """Whether no later execution has already taken a revision of this source."""
    watch = pipelines.watch(tx, loaded.pipeline.uid, loaded.row.action)
    other = executions.get(tx, watch.seen_by) if watch is not None and watch.seen_by else None
    return other is None or other.number <= loaded.execution.number
