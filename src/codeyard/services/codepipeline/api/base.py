"""What the operations share: their ports, and how a pipeline and its parts are found."""

from __future__ import annotations

from codeyard.contract import Context
from codeyard.engine import Kit
from codeyard.services.codepipeline import errors
from codeyard.services.codepipeline.engine import Engine
from codeyard.services.codepipeline.model.definition import Definition, StageSpec
from codeyard.services.codepipeline.store import pipelines
from codeyard.storage import Row, Tx


class Base:
    """The ports of every operation."""

    def __init__(self, kit: Kit, engine: Engine) -> None:
        self._kit, self._engine = kit, engine

    @staticmethod
    def _pipeline(tx: Tx, ctx: Context, name: str) -> Row:
        """The caller's pipeline of that name; PipelineNotFoundException."""
        found = pipelines.by_name(tx, ctx.account, ctx.region, name)
        if found is None:
            raise errors.pipeline_not_found(ctx.account, name)
        return found

    @staticmethod
    def _current(tx: Tx, pipeline: Row) -> Definition:
        """The pipeline's current definition."""
        return pipelines.definition(tx, pipeline.uid, pipeline.version)

    def _stage(self, tx: Tx, pipeline: Row, stage: str) -> StageSpec:
        """A stage of the current definition; StageNotFoundException."""
        found = self._current(tx, pipeline).stage(stage)
        if found is None:
            raise errors.stage_not_found(pipeline.name, stage)
        return found
