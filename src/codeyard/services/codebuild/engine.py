"""What moves builds: admission, deadlines, reports of runners, lost runners. State and events go in one write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeyard.engine import Kit
from codeyard.services.codebuild import events, store
from codeyard.services.codebuild.logs import BuildLogs, session_name
from codeyard.services.codebuild.model import builds
from codeyard.services.codebuild.model.builds import Course
from codeyard.services.codebuild.runners.offers import BUILDS, CHANNEL
from codeyard.storage import Row, Tx, loads

BUILD, QUEUE, LOGS = "codebuild.build", "codebuild.queue", "codebuild.logs"
REVOKE = "codebuild.revoke"
MINUTE = 60_000_000
# The runner ends a build at its timeout; the server does when the runner did not within this.
GRACE = MINUTE


class BuildEngine:
    """Every change of a build's state passes here."""

    def __init__(self, kit: Kit, logs: BuildLogs) -> None:
        self._kit, self._logs = kit, logs

    def start(self, tx: Tx, record: dict[str, Any], plan: dict[str, Any], place: tuple[str, str]) -> dict[str, Any]:
        """Put a new build into the queue, and offer it at once where its project's limit allows."""
        now = record["startTime"]
        course = Course.of(record)
        course.enter("QUEUED", now)
        deadline = now + course.record["queuedTimeoutInMinutes"] * MINUTE
        limit = plan["document"].get("concurrentBuildLimit")
        free = limit is None or store.active(tx, *place, record["projectName"]) < limit
        stage = "offered" if free else "queued"
        state = "new" if course.record["logs"].get("groupName") else "off"
        store.insert_build(tx, course.record, plan, place, stage=stage, deadline=deadline, log_state=state)
        tx.timer(BUILD, record["id"], deadline)
        if free:
            tx.job(BUILDS, record["id"], {})
        course.turned = True
        self._announce(tx, course, now)
        return course.record

    def end(self, tx: Tx, row: Row, status: str, now: int, code: str = "", message: str = "") -> dict[str, Any]:
        """End a build from here: whoever runs it finds its lease gone and kills it. One that is over stays."""
        course = Course.of(store.record_of(row))
        if course.over:
            return course.record
        course.finish(status, now, code, message)
        tx.withdraw_job(row.id)
        self._settled(tx, row, course, now)
        return course.record

    def claimed(self, tx: Tx, row: Row, runner: str, now: int) -> None:
        """A runner has the build's job."""
        course = Course.of(store.record_of(row))
        course.enter("PROVISIONING", now)
        deadline = now + course.record["timeoutInMinutes"] * MINUTE + GRACE
        store.save_build(tx, course.record, stage="claimed", runner=runner, deadline=deadline)
        tx.timer(BUILD, row.id, deadline)
        self._announce(tx, course, now)

    def reported(self, tx: Tx, row: Row, course: Course, sequence: int, now: int, *, running: bool) -> None:
        """Keep what a runner said of a build that goes on. `running`: a command may have run."""
        stage = "running" if running or row.stage == "running" else row.stage
        store.save_build(tx, course.record, stage=stage, reports=sequence)
        self._announce(tx, course, now)

    def completed(self, tx: Tx, row: Row, course: Course, fence: int, now: int) -> None:
        """Keep a build that its runner ended."""
        self._kit.jobs.finish_in(tx, row.id, fence)
        self._settled(tx, row, course, now)

    def wake(self, tx: Tx, account: str, region: str, project: str) -> None:
        """Look at a project's queue again."""
        tx.dirty(QUEUE, f"{account}/{region}/{project}")

    def admit(self, key: str) -> None:
        """Offer a project's waiting builds, first come first, as far as its limit allows."""
        account, region, name = key.split("/", 2)

        def write(tx: Tx) -> None:
            project = store.project(tx, account, region, name)
            limit = loads(project.document).get("concurrentBuildLimit") if project is not None else None
            room = 1000 if limit is None else limit - store.active(tx, account, region, name)
            for row in store.queued(tx, account, region, name, max(room, 0)):
                store.set_build(tx, row.id, stage="offered")
                tx.job(BUILDS, row.id, {})

        self._kit.db.write(write)

    def look(self, build_id: str) -> None:
        """A deadline of the build may have passed."""

        def write(tx: Tx) -> None:
            row, now = store.build(tx, build_id), self._kit.clock.now()
            if row is None:
                return
            verdict = builds.on_timer(row.stage, row.deadline, now)
            if verdict.end:
                self.end(tx, row, verdict.end, now, verdict.code, verdict.message)
            elif verdict.look_again:
                tx.timer(BUILD, build_id, verdict.look_again)

        self._kit.db.write(write)

    def lapsed(self, build_id: str) -> None:
        """The lease of the build's job ran out: offer it again, or end it, never both."""

        def write(tx: Tx) -> None:
            row, now = store.build(tx, build_id), self._kit.clock.now()
            if row is None:
                return
            verdict = builds.on_lapse(row.stage)
            if verdict.end:
                self.end(tx, row, verdict.end, now, verdict.code, verdict.message)
            elif verdict.offer:
                self._offer_again(tx, row, now)

        self._kit.db.write(write)

    def _offer_again(self, tx: Tx, row: Row, now: int) -> None:
        record = builds.back_to_queue(store.record_of(row), now)
        deadline = record["startTime"] + record["queuedTimeoutInMinutes"] * MINUTE
        store.save_build(tx, record, stage="offered", runner="", reports=0, deadline=deadline)
        tx.timer(BUILD, row.id, deadline)
        tx.job(BUILDS, row.id, {})

    def _settled(self, tx: Tx, row: Row, course: Course, now: int) -> None:
        store.save_build(tx, course.record, stage="ended", deadline=0)
        tx.cancel_timer(BUILD, row.id)
        tx.notify(CHANNEL, row.id)
        tx.effect(REVOKE, row.id, {"role": course.record["serviceRole"], "session": session_name(row.id)})
        self.wake(tx, row.account, row.region, row.project)
        self._announce(tx, course, now)

    def revoke(self, token: str, payload: Mapping[str, Any]) -> None:
        """A build is over: its credentials end with it, wherever they are by now."""
        self._kit.clients.end_sessions(payload["role"], payload["session"])

    @staticmethod
    def _announce(tx: Tx, course: Course, now: int) -> None:
        for phase in course.closed:
            tx.emit(events.phase_change(course.record, phase, now))
        if course.turned:
            tx.emit(events.state_change(course.record, now))
