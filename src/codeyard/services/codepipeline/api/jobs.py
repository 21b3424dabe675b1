"""Jobs, as job workers take and answer them: poll, acknowledge, renew the keys, tell the end."""

from __future__ import annotations

import hmac
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import micros_of
from codeyard.services.codepipeline import workers
from codeyard.services.codepipeline.actions.base import denied, failure
from codeyard.services.codepipeline.api.base import Base
from codeyard.services.codepipeline.api.custom_types import place_of
from codeyard.services.codepipeline.apply import Writer
from codeyard.services.codepipeline.model import custom as model
from codeyard.services.codepipeline.model.catalog import ActionType
from codeyard.services.codepipeline.runner import Loaded, load, too_large
from codeyard.services.codepipeline.store import custom, jobs
from codeyard.services.codepipeline.store.custom import Place
from codeyard.storage import Row, Tx, dumps, loads

OFFER_US = 30 * 1_000_000  # a job that its worker does not acknowledge is offered again after this


class Jobs(Base):
    """Operations of job workers."""

    def poll_for_jobs(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Offer waiting jobs of a type, each with a fresh nonce; ActionTypeNotFoundException."""
        asked = req["actionTypeId"]
        place, limit = place_of(ctx, asked), req.get("maxBatchSize") or 1
        row = self._kit.db.read(lambda tx: custom.get(tx, place))
        if row is None or row.deleted or asked["owner"] != model.OWNER:
            words = " ".join(asked[part] for part in ("category", "owner", "provider", "version"))
            raise AwsError("ActionTypeNotFoundException", f"The action type {words} was not found")
        kind = model.of_shape(loads(row.shape))
        query = model.check_query(kind, req.get("queryParam") or {})
        if not self._kit.db.read(lambda tx: jobs.waiting(tx, place, query, ctx.now, 1)):
            return {"jobs": []}
        offered = ctx.write(lambda tx: self._offer(tx, ctx, place, query, limit))
        told = [(job, self._data(ctx, job, kind)) for job in offered]
        return {
            "jobs": [
                {"id": job.id, "data": found, "nonce": job.nonce, "accountId": job.account}
                for job, found in told
                if found is not None
            ]
        }

    def _offer(self, tx: Tx, ctx: Context, place: Place, query: str, limit: int) -> list[Any]:
        offered = []
        for job in jobs.waiting(tx, place, query, ctx.now, limit):
            until = ctx.now + OFFER_US
            jobs.update(tx, job.id, status="Dispatched", nonce=self._kit.ids.uuid(), offered_until=until)
            offered.append(jobs.get(tx, job.id))
        return offered

    def _data(self, ctx: Context, job: Row, kind: ActionType) -> dict[str, Any] | None:
        """What a job tells; None where it cannot be done, because its role lets nobody in: then its action failed."""
        loaded = self._kit.db.read(lambda tx: load(tx, job.run))
        if loaded is None:
            return None
        run = loaded.run(self._kit, None)
        try:
            keys = workers.credentials(self._kit, run, loaded.definition.role_arn, job.id)
        except AwsError as error:
            if not denied(error):
                raise
            self._fail(loaded, job, error)
            return None
        return workers.data(self._kit, run, kind, job.continuation, keys)

    def _fail(self, loaded: Loaded, job: Row, error: AwsError) -> None:
        told, now = failure(error), self._kit.clock.now()

        def write(tx: Tx) -> None:
            jobs.close(tx, job.run)
            Writer(tx, loaded.pipeline, self._kit.ids, now).fail_action(job.run, told.code, told.message)
            self._engine.advance(tx, loaded.pipeline.uid, now)

        self._kit.db.write(write)

    def acknowledge_job(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take a job, if nobody else was offered it meanwhile; InvalidNonceException."""

        def take(tx: Tx) -> dict[str, Any]:
            job = _own(tx, ctx, req["jobId"])
            if not job.nonce or not hmac.compare_digest(job.nonce.encode(), req["nonce"].encode()):
                raise AwsError("InvalidNonceException", "The nonce is not the one that the job was last offered with")
            if job.status == "Dispatched":
                jobs.update(tx, job.id, status="InProgress")
                return {"status": "InProgress"}
            return {"status": job.status}

        return ctx.write(take)

    def get_job_details(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A job once more, with keys that last anew; of a job that is over, without keys."""

        def read(tx: Tx) -> tuple[Row, Row | None, Loaded | None]:
            job = _own(tx, ctx, req["jobId"])
            return job, custom.get(tx, Place.of(job)), load(tx, job.run, ended=True)

        job, row, loaded = self._kit.db.read(read)
        if row is None or loaded is None:
            raise workers.not_found(job.id)
        run, keys = loaded.run(self._kit, None), None
        if job.status in jobs.OPEN:
            keys = workers.credentials(self._kit, run, loaded.definition.role_arn, job.id)
        told = workers.data(self._kit, run, model.of_shape(loads(row.shape)), job.continuation, keys)
        return {"jobDetails": {"id": job.id, "data": told, "accountId": job.account}}

    def put_job_success_result(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The job is done; with a continuation token the action goes on by another job, which carries it."""
        values = req.get("outputVariables") or {}
        if too_large(values):
            raise AwsError("OutputVariablesSizeExceededException", "The output variables are larger than 122880 bytes")
        if values and req.get("continuationToken"):
            raise AwsError("ValidationException", "outputVariables cannot be sent with a continuationToken")
        return ctx.write(lambda tx: self._succeed(tx, ctx, req))

    def _succeed(self, tx: Tx, ctx: Context, req: Params) -> dict[str, Any]:
        job, loaded = self._in_progress(tx, ctx, req["jobId"])
        writer = Writer(tx, loaded.pipeline, self._kit.ids, ctx.now)
        jobs.update(tx, job.id, status="Succeeded")
        known = _execution(tx, loaded, job, req.get("executionDetails") or {})
        if revision := req.get("currentRevision"):
            known["revision"] = _revision(tx, loaded, job, revision, ctx.now)
        if token := req.get("continuationToken"):
            workers.put(tx, self._kit, loaded.pipeline, Place.of(job), job.run, query=job.query, continuation=token)
            writer.note_action(job.run, **known)
            return {}
        known["variables"] = dumps(dict(req.get("outputVariables") or {}))
        writer.succeed_action(job.run, **{"revision": ""} | known)
        self._engine.advance(tx, loaded.pipeline.uid, ctx.now)
        return {}

    def put_job_failure_result(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The job failed, and with it its action."""
        told = req["failureDetails"]

        def write(tx: Tx) -> dict[str, Any]:
            job, loaded = self._in_progress(tx, ctx, req["jobId"])
            jobs.update(tx, job.id, status="Failed")
            known = _execution(tx, loaded, job, {"externalExecutionId": told.get("externalExecutionId")})
            writer = Writer(tx, loaded.pipeline, self._kit.ids, ctx.now)
            writer.fail_action(job.run, told["type"], told["message"], **known)
            self._engine.advance(tx, loaded.pipeline.uid, ctx.now)
            return {}

        return ctx.write(write)

    @staticmethod
    def _in_progress(tx: Tx, ctx: Context, job_id: str) -> tuple[Row, Loaded]:
        job = _own(tx, ctx, job_id)
        loaded = load(tx, job.run)
        if job.status != "InProgress" or loaded is None:
            raise AwsError("InvalidJobStateException", f"The job is {job.status}, not InProgress: acknowledge it first")
        return job, loaded


def _own(tx: Tx, ctx: Context, job_id: str) -> Row:
    job = jobs.get(tx, job_id)
    if job is None or (job.account, job.region) != (ctx.account, ctx.region):
        raise workers.not_found(job_id)
    return job


def _execution(tx: Tx, loaded: Loaded, job: Row, told: Params) -> dict[str, Any]:
    """What a worker tells of the work in its own system, as an action's run keeps it."""
    known: dict[str, Any] = {}
    if execution := told.get("externalExecutionId"):
        template = custom.settings(tx, Place.of(job)).get("executionUrlTemplate", "")
        known["external_id"] = execution
        known["external_url"] = model.link(template, loaded.configuration, execution=execution)
    if told.get("summary"):
        known["summary"] = told["summary"]
    if told.get("percentComplete") is not None:
        known["percent"] = told["percentComplete"]
    return known


def _revision(tx: Tx, loaded: Loaded, job: Row, told: Params, now: int) -> str:
    template = custom.settings(tx, Place.of(job)).get("revisionUrlTemplate", "")
    url = model.link(template, loaded.configuration, revision=told["revision"])
    created = micros_of(told["created"]) if told.get("created") else now
    return dumps({"id": told["revision"], "summary": told.get("revisionSummary") or "", "url": url, "created": created})
