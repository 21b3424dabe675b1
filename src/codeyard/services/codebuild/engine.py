"""A build's life in the database: begun, offered, running, ended. Every change is one write with its events."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context
from codeyard.engine import Kit
from codeyard.services.codebuild import events, store
from codeyard.services.codebuild.model import MINUTE, TERMINAL, network_of, phase_record
from codeyard.storage import Tx

BUILD, PROJECT = "codebuild.build", "codebuild.project"
QUEUE = "codebuild"
STOPPED_CHANNEL = "codebuild.stopped"
_GRACE = 2 * MINUTE
_RUNNING = ("offered", "running")


class BuildEngine:
    """Begins, offers, stops and ends builds."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def begin(self, tx: Tx, ctx: Context, spec: dict[str, Any], uuid: str, version: str) -> dict[str, Any]:
        """A new build: SUBMITTED is over at once, QUEUED lasts until a runner takes it."""
        now, name = ctx.now, spec["name"]
        build_id = f"{name}:{uuid}"
        group = ((spec.get("logsConfig") or {}).get("cloudWatchLogs") or {}).get("groupName")
        doc: dict[str, Any] = {
            "id": build_id,
            "arn": ctx.arn(f"build/{build_id}"),
            "account": ctx.account,
            "region": ctx.region,
            "project": name,
            "number": store.next_number(tx, ctx.account, ctx.region, name),
            "created": now,
            "state": "waiting",
            "status": "IN_PROGRESS",
            "currentPhase": "QUEUED",
            "complete": False,
            "phases": [phase_record("SUBMITTED", now, now, "SUCCEEDED"), phase_record("QUEUED", now)],
            "spec": spec,
            "network": network_of(spec.get("tags")),
            "sourceVersion": version,
            "initiator": initiator(ctx),
            "logGroup": group or f"/aws/codebuild/{name}",
            "logStream": uuid,
            "deepLink": f"{self._kit.settings.console_url}/builds/{build_id}",
            "started": False,
            "stop": "",
            "logOffset": 0,
        }
        store.insert_build(tx, doc)
        tx.emit(events.state_change(doc, now))
        tx.emit(events.phase_change(doc, doc["phases"][0], now))
        tx.timer(BUILD, build_id, now + spec.get("queuedTimeoutInMinutes", 480) * MINUTE)
        self._offer_next(tx, doc)
        return doc

    def stop(self, tx: Tx, doc: dict[str, Any], now: int) -> None:
        """Ask for the end: at once while nobody runs it."""
        if doc["complete"]:
            return
        if doc["state"] == "running":
            doc["stop"] = doc["stop"] or "STOPPED"
            store.save_build(tx, doc)
            tx.notify(STOPPED_CHANNEL, doc["id"])
        else:
            self.end(tx, doc, "STOPPED", now)

    def claimed(self, tx: Tx, doc: dict[str, Any], now: int) -> None:
        """A runner has it: QUEUED is over, PROVISIONING begins."""
        doc["state"] = "running"
        self.enter(tx, doc, "PROVISIONING", now)
        tx.timer(BUILD, doc["id"], now + doc["spec"].get("timeoutInMinutes", 60) * MINUTE + _GRACE)

    def enter(self, tx: Tx, doc: dict[str, Any], phase: str, now: int) -> None:
        """The phase that runs ends well and the next begins."""
        self._close_phase(tx, doc, "SUCCEEDED", "", now)
        doc["phases"].append(phase_record(phase, now))
        doc["currentPhase"] = phase
        store.save_build(tx, doc)

    def record(self, tx: Tx, doc: dict[str, Any], phase: dict[str, Any]) -> None:
        """What the runner says of one phase: that it began, or how it ended."""
        kind, start = phase["phaseType"], phase["startTime"]
        if doc["phases"][-1]["phaseType"] != kind:
            self._close_phase(tx, doc, "SUCCEEDED", "", start)
            doc["phases"].append(phase_record(kind, start))
            doc["currentPhase"] = kind
        if "endTime" in phase:
            self._close_phase(tx, doc, phase["phaseStatus"], phase.get("context", ""), phase["endTime"])
        store.save_build(tx, doc)

    def end(self, tx: Tx, doc: dict[str, Any], status: str, now: int, context: str = "") -> None:
        """The build is over; whoever waits for its place is offered."""
        if doc["complete"]:
            return
        self._close_phase(tx, doc, status if status != "SUCCEEDED" else "SUCCEEDED", context, now)
        doc["phases"].append(phase_record("COMPLETED", now))
        doc |= {"status": status, "state": "ended", "complete": True, "ended": now, "currentPhase": "COMPLETED"}
        store.save_build(tx, doc)
        tx.cancel_timer(BUILD, doc["id"])
        tx.withdraw_job(doc["id"])
        tx.emit(events.state_change(doc, now))
        tx.dirty(PROJECT, f"{doc['account']}/{doc['region']}/{doc['project']}")

    def lapsed(self, build_id: str) -> None:
        """The lease ran out: offered again before the first command, FAULT after it; never run twice."""
        now = self._kit.clock.now()

        def write(tx: Tx) -> None:
            doc = store.build(tx, build_id)
            if doc is None or doc["complete"]:
                return
            if doc["stop"] or doc["started"]:
                self.end(tx, doc, doc["stop"] or "FAULT", now, "" if doc["stop"] else _LOST)
                return
            doc["state"] = "offered"
            doc["phases"] = [*doc["phases"][:1], phase_record("QUEUED", doc["created"])]
            doc["currentPhase"] = "QUEUED"
            store.save_build(tx, doc)
            tx.job(QUEUE, build_id, {})

        self._kit.db.write(write)

    def look(self, build_id: str) -> None:
        """A timer fired: a build that waited or ran too long is ended."""
        now = self._kit.clock.now()

        def write(tx: Tx) -> None:
            doc = store.build(tx, build_id)
            if doc is None or doc["complete"]:
                return
            limit = doc["spec"].get("timeoutInMinutes", 60) if doc["state"] == "running" else 0
            since = doc["phases"][1].get("endTime", now) if limit else doc["created"]
            limit = limit * MINUTE + _GRACE if limit else doc["spec"].get("queuedTimeoutInMinutes", 480) * MINUTE
            if now >= since + limit:
                self.end(tx, doc, "TIMED_OUT", now, "BUILD_TIMED_OUT: Build has timed out. ")

        self._kit.db.write(write)

    def offer(self, key: str) -> None:
        """A project's queue: offer the builds that fit under its concurrency limit."""
        account, region, name = key.split("/", 2)

        def write(tx: Tx) -> None:
            for build_id in store.waiting(tx, account, region, name, 20):
                doc = store.build(tx, build_id)
                if doc is not None:
                    self._offer_next(tx, doc)

        self._kit.db.write(write)

    def _offer_next(self, tx: Tx, doc: dict[str, Any]) -> None:
        limit = doc["spec"].get("concurrentBuildLimit")
        busy = limit and store.count_in_state(tx, doc["account"], doc["region"], doc["project"], _RUNNING)
        if limit and busy >= limit:
            return
        doc["state"] = "offered"
        store.save_build(tx, doc)
        tx.job(QUEUE, doc["id"], {})

    def _close_phase(self, tx: Tx, doc: dict[str, Any], status: str, context: str, now: int) -> None:
        phase = doc["phases"][-1]
        if "endTime" in phase:
            return
        closed = phase_record(phase["phaseType"], phase["startTime"], max(now, phase["startTime"]), status, context)
        doc["phases"][-1] = closed
        tx.emit(events.phase_change(doc, closed, now))


_LOST = "CLIENT_ERROR: Build container found dead before completing the build. Its runner went away."


def initiator(ctx: Context) -> str:
    """Who started it, as CODEBUILD_INITIATOR says: `codepipeline/<name>`, a user's name, a role and session."""
    principal = ctx.principal
    if principal.invoked_by == "codepipeline.amazonaws.com":
        return f"codepipeline/{principal.session_name}"
    if principal.kind == "role":
        return f"{principal.role_arn.rpartition('/')[2]}/{principal.session_name}"
    return principal.name or principal.account


__all__ = ["BUILD", "PROJECT", "QUEUE", "STOPPED_CHANNEL", "TERMINAL", "BuildEngine", "initiator"]
