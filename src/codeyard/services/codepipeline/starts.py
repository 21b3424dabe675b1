"""Makes executions: every way to start a pipeline (API, creation, event, change of a source) ends here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from codeyard.contract import AwsError
from codeyard.services.codepipeline.apply import Writer
from codeyard.services.codepipeline.engine import Engine
from codeyard.services.codepipeline.model.definition import Definition
from codeyard.services.codepipeline.store import executions, pipelines
from codeyard.storage import Row, Tx, dumps

MAX_CONCURRENT = 50
Pins = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Start:
    """Why and how an execution starts. `pins` are revisions by source action, then by revision type; `position` is the
    stage where it begins, the only one of an execution that rolls back to an earlier one."""

    trigger: str
    detail: str
    variables: Mapping[str, str] = field(default_factory=dict)
    pins: Pins = field(default_factory=dict)
    position: int = 0
    rolls_back_to: str = ""


def begin(tx: Tx, engine: Engine, pipeline: Row, start: Start, now: int) -> str:
    """Create an execution of the pipeline's current version and let it go as far as it can; its id."""
    definition = pipelines.definition(tx, pipeline.uid, pipeline.version)
    values = resolved_variables(definition, start.variables)
    if definition.mode != "SUPERSEDED":
        _check_concurrency(tx, pipeline, definition.mode)
    execution = engine.ids.uuid()
    executions.insert(
        tx,
        id=execution,
        uid=pipeline.uid,
        number=pipelines.next_execution(tx, pipeline.uid),
        version=pipeline.version,
        mode=definition.mode,
        trigger_type=start.trigger,
        trigger_detail=start.detail[:1024],
        variables=dumps(values),
        pins=dumps(start.pins),
        position=start.position,
        rolls_back_to=start.rolls_back_to or None,
        started=now,
        updated=now,
    )
    writer = Writer(tx, pipeline, engine.ids, now)
    row = executions.get(tx, execution)
    writer.pipeline_event(row, "STARTED", trigger=(start.trigger, start.detail[:1024]))  # type: ignore[arg-type]
    engine.advance(tx, pipeline.uid, now)
    return execution


def _check_concurrency(tx: Tx, pipeline: Row, mode: str) -> None:
    if sum(e.mode == mode for e in executions.live(tx, pipeline.uid)) >= MAX_CONCURRENT:
        raise AwsError(
            "ConcurrentPipelineExecutionsLimitExceededException",
            f"Pipeline '{pipeline.name}' has reached the limit of {MAX_CONCURRENT} concurrent executions",
        )


def resolved_variables(definition: Definition, given: Mapping[str, str]) -> dict[str, str]:
    """The pipeline variables of an execution; ValidationException for unknown names and missing values."""
    if unknown := sorted(set(given) - set(definition.variables)):
        raise AwsError("ValidationException", f"Pipeline variable '{unknown[0]}' is not declared in the pipeline")
    values: dict[str, str] = {}
    for name, default in definition.variables.items():
        value = given.get(name, default)
        if value is None:
            raise AwsError("ValidationException", f"Pipeline variable '{name}' has no default and needs a value")
        values[name] = value
    return values
