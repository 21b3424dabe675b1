"""The leased job protocol of build runners. A stale fence means: the build is not yours any more, kill it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from typing import Any

from codeyard.contract import AwsError, Context, Params, access_denied
from codeyard.engine import Job, Kit, StaleFence
from codeyard.formats.moments import micros_of
from codeyard.services.codebuild import store
from codeyard.services.codebuild.engine import BuildEngine
from codeyard.services.codebuild.logs import BuildLogs, session_name
from codeyard.services.codebuild.model.builds import COMMANDS_FROM, ENDS, PHASES, Course
from codeyard.services.codebuild.runners.offers import BUILDS, CHANNEL
from codeyard.storage import Row, Tx, dumps, loads

SESSION_S = 900
TOKEN_LIFE = 3_600_000_000
_MOST_LOG = 1 << 20
_EXPORTED = 10_240


class RunnerProtocol:
    """The operations."""

    def __init__(self, kit: Kit, engine: BuildEngine, logs: BuildLogs) -> None:
        self._kit, self._engine, self._logs = kit, engine, logs
        self._lease = kit.settings.runner_lease * 1_000_000
        self._news, self._generation, self._closed = threading.Condition(), 0, False
        for channel in ("jobs", CHANNEL):
            kit.db.subscribe(channel, self._heard)

    def create_runner_token(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A token with which one runner may register, once, within an hour."""
        token = "cyr-" + self._kit.ids.token(40)

        def write(tx: Tx) -> dict[str, Any]:
            expires = ctx.now + TOKEN_LIFE
            tx.insert(store.invitations, digest=_digest(token), account=ctx.account, fleet=BUILDS, expires=expires)
            return {"token": token}

        return ctx.write(write)

    def register_runner(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Make the caller a runner; the token is used up. A caller that is one already stays it."""

        def write(tx: Tx) -> dict[str, Any]:
            if store.runner(tx, ctx.principal.arn) is not None:
                return {"fleet": BUILDS}
            invitation = store.take_invitation(tx, _digest(req["token"]), ctx.account, ctx.now)
            if invitation is None:
                raise AwsError("InvalidRequestException", "The registration token is unknown, used or over")
            values = {"account": ctx.account, "name": req["name"], "fleet": invitation.fleet, "created": ctx.now}
            tx.upsert(store.registered, {"principal": ctx.principal.arn}, values)
            return {"fleet": invitation.fleet}

        return ctx.write(write)

    def claim_job(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The next build, waited for; answers early when a build that the runner holds is no longer its own."""
        fleet = self._runner(ctx).fleet
        worker = f"{ctx.principal.arn}#{req.get('process') or ''}"  # one identity may have several processes
        self._take_back(worker, {held["jobId"] for held in req.get("holding") or ()})
        until = time.monotonic() + min(req.get("waitSeconds") or 0, 20)
        while True:
            generation = self._generation
            lost = self._lost(req.get("holding") or ())
            if lost:
                return {"lost": lost}
            if req.get("capacity", 1) > 0 and (job := self._take(worker, fleet)) is not None:
                return {"job": job}
            left = until - time.monotonic()
            if left <= 0 or self._closed:
                return {}
            with self._news:
                self._news.wait_for(lambda seen=generation: self._generation != seen, left)  # type: ignore[misc]

    def heartbeat(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Extend the leases of the builds that the runner holds; fresh credentials for those that ask."""
        self._runner(ctx)
        lost, credentials = [], []
        for held in req["holding"]:
            try:
                self._kit.jobs.heartbeat(held["jobId"], held["fence"], self._lease)
            except StaleFence:
                lost.append(held["jobId"])
                continue
            if held.get("needsCredentials"):
                row = self._kit.db.read(lambda tx, i=held["jobId"]: store.build(tx, i))  # type: ignore[misc]
                if row is not None:
                    credentials.append({"jobId": row.id, "credentials": self._credentials(row)})
        return {"lost": lost, "credentials": credentials}

    def put_logs(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Append to a build's log at an offset; answers where the log ends, from where the runner goes on."""
        self._runner(ctx)
        data = req["data"][:_MOST_LOG]

        def write(tx: Tx) -> dict[str, Any]:
            row = self._held(tx, ctx, req)
            return {"nextOffset": self._logs.append(tx, row, req["offset"], data, self._kit.clock.now())}

        return self._kit.db.write(write)

    def put_phase(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A phase began (IN_PROGRESS) or ended; a sequence that was heard before changes nothing."""
        self._runner(ctx)
        if req["phase"] not in PHASES[2:-1] or req["status"] not in ("IN_PROGRESS", *ENDS):
            raise AwsError("InvalidRequestException", "The phase or its status is not one that a runner reports")

        def write(tx: Tx) -> dict[str, Any]:
            row, now = self._held(tx, ctx, req), self._kit.clock.now()
            if req["sequence"] <= row.reports:
                return {}
            course, at = Course.of(store.record_of(row)), self._time(req, now)
            if req["status"] == "IN_PROGRESS":
                course.enter(req["phase"], at)
            elif course.current is not None and course.current["phaseType"] == req["phase"]:
                course.leave(req["status"], at, req.get("statusCode") or "", req.get("message") or "")
            running = PHASES.index(req["phase"]) >= COMMANDS_FROM
            self._engine.reported(tx, row, course, req["sequence"], now, running=running)
            return {}

        return ctx.write(write)

    def put_source_resolved(self, ctx: Context, req: Params) -> dict[str, Any]:
        """What the build's source turned out to be."""
        self._runner(ctx)

        def write(tx: Tx) -> dict[str, Any]:
            row = self._held(tx, ctx, req)
            record = store.record_of(row)
            record["resolvedSourceVersion"] = req["resolvedSourceVersion"]
            store.save_build(tx, record)
            return {}

        return ctx.write(write)

    def complete_job(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The build ended. Said again, it changes nothing."""
        self._runner(ctx)
        if req["status"] not in ENDS:
            raise AwsError("InvalidRequestException", "The status is not one that a build ends with")

        def write(tx: Tx) -> dict[str, Any]:
            row = store.build(tx, req["jobId"])
            if row is not None and row.stage == "ended":
                return {}
            row, now = self._held(tx, ctx, req), self._kit.clock.now()
            course = Course.of(store.record_of(row))
            _keep_results(course.record, req)
            course.finish(req["status"], self._time(req, now), req.get("statusCode") or "", req.get("message") or "")
            self._engine.completed(tx, row, course, req["fence"], now)
            if row.log_state in ("new", "open"):
                tx.dirty("codebuild.logs", row.id)
            return {}

        return ctx.write(write)

    def _close(self) -> None:
        """Let every waiting claim go with nothing: the server ends."""
        self._closed = True
        self._heard("")

    def _take_back(self, worker: str, holding: set[str]) -> None:
        """Builds that the process was given in an answer which never reached it: offer them again at once."""
        for build_id in set(self._kit.jobs.leased_to(worker)) - holding:
            row = self._kit.db.read(lambda tx, i=build_id: store.build(tx, i))  # type: ignore[misc]
            if row is not None and row.stage == "offered":
                self._kit.jobs.lapse(build_id, worker)

    def _take(self, worker: str, fleet: str) -> dict[str, Any] | None:
        """Lease the next build. Its record learns of it with the first report, which spares the claim a write."""
        job = self._kit.jobs.claim((fleet,), worker, self._lease)
        while job is not None:
            row = self._kit.db.read(lambda tx, i=job.id: store.build(tx, i))  # type: ignore[misc]
            if row is None or row.stage == "ended":
                self._kit.jobs.finish(job.id, job.fence)
            elif (answer := self._answer(row, job)) is not None:
                return answer
            job = self._kit.jobs.claim((fleet,), worker, self._lease)
        return None

    def _answer(self, row: Row, job: Job) -> dict[str, Any] | None:
        """The claim's answer; None where the role cannot be assumed: then the build has failed."""
        try:
            credentials = self._credentials(row)
        except AwsError as error:
            record = store.record_of(row)
            said = f"CodeBuild is not authorized to perform: sts:AssumeRole on {record['serviceRole']}: {error.message}"
            self._fail(row.id, "ACCESS_DENIED", said)
            return None
        plan, record = loads(row.plan), store.record_of(row)
        document = {
            "build": {
                k: record[k]
                for k in ("id", "arn", "projectName", "buildNumber", "startTime", "initiator", "environment")
            },
            "region": row.region,
            "account": row.account,
            "document": plan["document"],
            "network": plan["network"],
            "artifacts": record.get("artifacts"),
            "timeoutSeconds": record["timeoutInMinutes"] * 60,
            "leaseSeconds": self._kit.settings.runner_lease,
            "logs": record["logs"],
            "project": row.project,
        }
        return {"jobId": job.id, "fence": job.fence, "document": dumps(document), "credentials": credentials}

    def _fail(self, build_id: str, code: str, message: str) -> None:
        def write(tx: Tx) -> None:
            row = store.build(tx, build_id)
            if row is not None:
                self._engine.end(tx, row, "FAILED", self._kit.clock.now(), code, message)

        self._kit.db.write(write)

    def _credentials(self, row: Row) -> dict[str, Any]:
        record = store.record_of(row)
        return self._kit.clients.credentials_for(
            record["serviceRole"],
            service="codebuild.amazonaws.com",
            region=row.region,
            session_name=session_name(row.id),
            source_arn=record["arn"].replace(":build/", ":project/").rpartition(":")[0],
            duration_s=SESSION_S,
        )

    def _runner(self, ctx: Context) -> Row:
        row = self._kit.db.read(lambda tx: store.runner(tx, ctx.principal.arn))
        if row is None:
            raise access_denied(f"{ctx.principal.arn} is not a registered runner")
        return row

    def _held(self, tx: Tx, ctx: Context, req: Params) -> Row:
        """The build that the caller holds; with the first report it is being provisioned."""
        row = store.build(tx, req["jobId"])
        if row is not None and self._kit.jobs.holds(tx, req["jobId"], req["fence"]):
            if row.stage != "offered":
                return row
            self._engine.claimed(tx, row, ctx.principal.arn, self._kit.clock.now())
            if (fresh := store.build(tx, req["jobId"])) is not None:
                return fresh
        raise AwsError("StaleFenceException", "The build is not this runner's any more")

    def _lost(self, holding: tuple[Mapping[str, Any], ...] | list[Mapping[str, Any]]) -> list[str]:
        def read(tx: Tx) -> list[str]:
            return [h["jobId"] for h in holding if not self._kit.jobs.holds(tx, h["jobId"], h["fence"])]

        return self._kit.db.read(read) if holding else []

    @staticmethod
    def _time(req: Params, now: int) -> int:
        return min(micros_of(req["time"]), now) if req.get("time") else now

    def _heard(self, message: str) -> None:
        with self._news:
            self._generation += 1
            self._news.notify_all()


def _keep_results(record: dict[str, Any], req: Params) -> None:
    exported = [{"name": v["name"], "value": v["value"][:_EXPORTED]} for v in req.get("exportedVariables") or ()]
    if exported:
        record["exportedEnvironmentVariables"] = exported
    for uploaded in req.get("artifacts") or ():
        identifier = uploaded.get("artifactIdentifier") or ""
        every = [record["artifacts"], *(record.get("secondaryArtifacts") or ())]
        for artifact in every:
            primary = artifact is record["artifacts"] and not identifier
            if primary or (identifier and artifact.get("artifactIdentifier") == identifier):
                artifact.update({k: uploaded[k] for k in ("location", "md5sum", "sha256sum") if uploaded.get(k)})


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
