"""PutApprovalResult: a person answers a manual approval."""

from __future__ import annotations

import hmac
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import moment
from codeyard.services.codepipeline import errors
from codeyard.services.codepipeline.api.base import Base
from codeyard.services.codepipeline.apply import Writer
from codeyard.services.codepipeline.store import actions
from codeyard.storage import Row, Tx


class Approvals(Base):
    """Answering approvals."""

    def put_approval_result(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Approve or reject; InvalidApprovalTokenException, ApprovalAlreadyCompletedException."""
        return ctx.write(lambda tx: self._put(tx, ctx, req))

    def _put(self, tx: Tx, ctx: Context, req: Params) -> dict[str, Any]:
        pipeline = self._pipeline(tx, ctx, req["pipelineName"])
        stage = self._stage(tx, pipeline, req["stageName"])
        if stage.action(req["actionName"]) is None:
            raise errors.action_not_found(pipeline.name, stage.name, req["actionName"])
        run = actions.by_token(tx, pipeline.uid, stage.name, req["actionName"], req["token"])
        if run is None or not hmac.compare_digest(run.token, req["token"]):
            raise AwsError("InvalidApprovalTokenException", "The approval token is not valid for this action")
        if run.status != "InProgress":
            raise AwsError("ApprovalAlreadyCompletedException", "The approval action has already been completed")
        self._answer(tx, ctx, pipeline, run, req["result"])
        return {"approvedAt": moment(ctx.now)}

    def _answer(self, tx: Tx, ctx: Context, pipeline: Row, run: Row, result: dict[str, str]) -> None:
        writer = Writer(tx, pipeline, self._engine.ids, ctx.now)
        summary = result["summary"].replace("\0", "")
        told = {"summary": summary, "updated_by": ctx.principal.arn}
        if result["status"] == "Approved":
            writer.succeed_action(run.id, **told)
        else:
            words = f"Rejected by {ctx.principal.arn}" + (f": {summary}" if summary else "")
            writer.fail_action(run.id, "JobFailed", words, **told)
        self._engine.advance(tx, pipeline.uid, ctx.now)
