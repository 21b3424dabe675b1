"""Transitions into and out of stages: disabled, executions wait before them."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Params
from codeyard.services.codepipeline.api.base import Base
from codeyard.services.codepipeline.store import pipelines
from codeyard.storage import Tx


class Transitions(Base):
    """Operations on transitions."""

    def enable_stage_transition(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Let executions pass; who waits goes in at once where the stage is free."""
        return ctx.write(lambda tx: self._set(tx, ctx, req, enabled=1, reason=""))

    def disable_stage_transition(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Keep executions from passing, with a reason that GetPipelineState shows."""
        return ctx.write(lambda tx: self._set(tx, ctx, req, enabled=0, reason=req["reason"]))

    def _set(self, tx: Tx, ctx: Context, req: Params, *, enabled: int, reason: str) -> dict[str, Any]:
        pipeline = self._pipeline(tx, ctx, req["pipelineName"])
        stage = self._stage(tx, pipeline, req["stageName"])
        pipelines.set_transition(
            tx,
            pipeline.uid,
            stage.name,
            req["transitionType"],
            enabled=enabled,
            reason=reason,
            changed_by=ctx.principal.arn,
            changed_at=ctx.now,
        )
        self._engine.advance(tx, pipeline.uid, ctx.now)
        return {}
