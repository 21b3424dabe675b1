"""The runner's side of CodeBuild: a leased job protocol over HTTP. Each call carries the fence of its lease."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.engine import Kit, StaleFence
from codeyard.services.codebuild import store
from codeyard.services.codebuild.claims import Claims
from codeyard.services.codebuild.engine import QUEUE, STOPPED_CHANNEL, TERMINAL, BuildEngine
from codeyard.storage import Tx

LEASE_US = 60_000_000
MAX_WAIT_S = 20
RUNNER_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "codeyard-runner:*", "Resource": "*"}],
}


class Runners:
    """The operations of `codeyard-runner`."""

    def __init__(self, kit: Kit, engine: BuildEngine) -> None:
        self._kit, self._engine = kit, engine
        self._claims = Claims(kit)
        self._stopped = threading.Condition()
        kit.db.subscribe(STOPPED_CHANNEL, self._heard)

    def claim_job(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Lease the oldest build, waiting up to `waitSeconds` for one; an empty answer when there is none."""
        job = self._kit.jobs.claim((QUEUE,), ctx.principal.arn, LEASE_US, min(req.get("waitSeconds", 0), MAX_WAIT_S))
        if job is None:
            return {}
        doc = self._kit.db.write(lambda tx: self._begin(tx, job.id))
        if doc is None:
            self._kit.jobs.finish(job.id, job.fence)
            return {}
        try:
            work = self._claims.work(doc)
        except AwsError as error:
            self._refuse(doc, error)
            return {}
        return {"buildId": job.id, "fence": job.fence, "work": json.dumps(work)}

    def heartbeat(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Extend the lease; says whether the build is to stop, waiting up to `waitSeconds` for that."""
        build_id, fence = req["buildId"], req["fence"]
        with _fenced():
            self._kit.jobs.heartbeat(build_id, fence, LEASE_US)
        wanted = self._stop_wanted(build_id)
        if not wanted and req.get("waitSeconds"):
            with self._stopped:
                self._stopped.wait(min(req["waitSeconds"], MAX_WAIT_S))
            wanted = self._stop_wanted(build_id)
        return {"stop": bool(wanted)}

    def put_phase(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A phase began or ended; the first command is about to run when `commandsStarted` says so.

        With `buildspec`, answers the variables that the buildspec takes from Parameter Store and Secrets Manager.
        """
        phase = json.loads(req["phase"]) if req.get("phase") else None

        def write(tx: Tx) -> dict[str, Any]:
            doc = self._held(tx, req)
            doc["started"] = doc["started"] or bool(req.get("commandsStarted"))
            for name in ("resolvedSourceVersion", "sandbox"):
                if req.get(name):
                    doc[name] = req[name]
            if phase is not None:
                self._engine.record(tx, doc, phase)
            else:
                store.save_build(tx, doc)
            return doc

        doc = ctx.write(write)
        if not req.get("buildspec"):
            return {}
        return {"variables": json.dumps(self._claims.resolve(doc, req["buildspec"]))}

    def put_logs(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Append to the build's log at `offset`; what is there already is left out. Answers the next offset."""
        doc = self._kit.db.read(lambda tx: self._held(tx, req))
        data: bytes = req["data"]
        fresh = data[max(0, doc["logOffset"] - req["offset"]) :]
        if fresh and req["offset"] <= doc["logOffset"]:
            self._log(doc, fresh, req.get("times") or "")
            self._kit.db.write(lambda tx: self._advance(tx, req, len(fresh)))
        return {"offset": max(doc["logOffset"], req["offset"] + len(data)) if fresh else doc["logOffset"]}

    def complete_job(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The build is over: its status, exported variables and artifacts."""
        result = json.loads(req["result"])
        if result.get("status") not in TERMINAL:
            raise AwsError("InvalidRequestException", "status is not one that a build ends with")

        def write(tx: Tx) -> dict[str, Any]:
            doc = self._held(tx, req)
            doc["exported"] = result.get("exported") or []
            doc["artifacts"] = result.get("artifacts") or []
            status = doc["stop"] or result["status"]
            self._engine.end(tx, doc, status, ctx.now)
            return {}

        return ctx.write(write)

    def _begin(self, tx: Tx, build_id: str) -> dict[str, Any] | None:
        doc = store.build(tx, build_id)
        if doc is None or doc["complete"]:
            return None
        self._engine.claimed(tx, doc, self._kit.clock.now())
        return doc

    def _refuse(self, doc: dict[str, Any], error: AwsError) -> None:
        """The service role may not read what the build needs: it fails where AWS fails it."""
        now = self._kit.clock.now()
        context = f"{error.code}: {error.message}"
        self._kit.db.write(lambda tx: self._fail(tx, doc["id"], now, context))

    def _fail(self, tx: Tx, build_id: str, now: int, context: str) -> None:
        doc = store.build(tx, build_id)
        if doc is not None:
            self._engine.enter(tx, doc, "DOWNLOAD_SOURCE", now)
            self._engine.end(tx, doc, "FAILED", now, context)

    def _held(self, tx: Tx, req: Params) -> dict[str, Any]:
        doc = store.build(tx, req["buildId"])
        if doc is None or not self._kit.jobs.holds(tx, req["buildId"], req["fence"]):
            raise AwsError("StaleFenceException", "This build is not this runner's any more.")
        return doc

    def _stop_wanted(self, build_id: str) -> str:
        doc = self._kit.db.read(lambda tx: store.build(tx, build_id))
        return str(doc["stop"] or ("ended" if doc["complete"] else "")) if doc is not None else "gone"

    def _advance(self, tx: Tx, req: Params, length: int) -> None:
        doc = store.build(tx, req["buildId"])
        if doc is not None:
            doc["logOffset"] += length
            store.save_build(tx, doc)

    def _log(self, doc: dict[str, Any], data: bytes, times: str) -> None:
        """Write to CloudWatch Logs as the service role; a role that may not write logs loses them, not the build."""
        stream = {"logGroupName": doc["logGroup"], "logStreamName": doc["logStream"]}
        now = self._kit.clock.now() // 1000
        lines = data.decode("utf-8", "replace").splitlines(keepends=True)
        entries = [{"timestamp": now, "message": line if line.strip("\n") else " \n"} for line in lines]
        try:
            client = self._claims.role(doc)
            if not doc["logOffset"]:
                _make(client, doc)
            for start in range(0, len(entries), 1000):
                client.call("logs", "PutLogEvents", {**stream, "logEvents": entries[start : start + 1000]})
        except AwsError:
            return

    def _heard(self, message: str) -> None:
        with self._stopped:
            self._stopped.notify_all()


def _make(client: Any, doc: dict[str, Any]) -> None:
    for operation, params in (
        ("CreateLogGroup", {"logGroupName": doc["logGroup"]}),
        ("CreateLogStream", {"logGroupName": doc["logGroup"], "logStreamName": doc["logStream"]}),
    ):
        try:
            client.call("logs", operation, params)
        except AwsError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise


class _fenced:
    """Turns the engine's StaleFence into the model's exception."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        if kind is StaleFence:
            raise AwsError("StaleFenceException", "This build is not this runner's any more.") from None


def enrol(call: Callable[[str, str, dict[str, Any]], dict[str, Any]], name: str) -> dict[str, str]:
    """Make the runner's IAM user with the policy that it needs, and keys; `call` does API calls as an administrator."""
    try:
        call("iam", "CreateUser", {"UserName": name, "Path": "/codeyard/"})
    except AwsError as error:
        if error.code != "EntityAlreadyExists":
            raise
        for old in call("iam", "ListAccessKeys", {"UserName": name})["AccessKeyMetadata"]:
            call("iam", "DeleteAccessKey", {"UserName": name, "AccessKeyId": old["AccessKeyId"]})
    policy = {"UserName": name, "PolicyName": "runner", "PolicyDocument": json.dumps(RUNNER_POLICY)}
    call("iam", "PutUserPolicy", policy)
    key = call("iam", "CreateAccessKey", {"UserName": name})["AccessKey"]
    return {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
