"""What happens to one host of a deployment: its events one after another. All inside a caller's transaction.

A host's command is, in turn: offered (waits for a poll), handed (an agent polled it), running (acknowledged), and
then the next event's. Each handing out has its own attempt number, so that an older one is refused: no command runs
twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeyard.services.codedeploy import events, model, triggers
from codeyard.services.codedeploy.board import Board
from codeyard.services.codedeploy.store import deployments, hosts
from codeyard.storage import Row, Tx, dumps, loads

TARGET = "codedeploy.target"
DEPLOYMENT = "codedeploy.deployment"


def place_of(deployment: Row) -> events.Place:
    """Where a deployment's events happen."""
    return events.Place(
        deployment.account,
        deployment.region,
        deployment.application,
        deployment.group_name,
        deployment.group_id,
        deployment.id,
    )


class Lifecycle:
    """Moves targets on. `now` is the clock's time of the call."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def start(self, tx: Tx, deployment: Row, token: str, now: int) -> None:
        """Begin with a host: its first event is offered."""
        target = deployments.target(tx, token)
        if target is None or target.status != "Pending":
            return
        deployments.set_target(tx, token, status="InProgress", updated_at=now)
        self._offer(tx, target, now, step=0)
        self._announce(tx, deployment, target, "InProgress", now)

    def hand_out(self, tx: Tx, region: str, identifier: str, now: int) -> Row | None:
        """The host's next command, marked as handed out; None while it has one in hand or none waits."""
        target = deployments.offered_to(tx, region, identifier)
        if target is None or deployments.busy(tx, region, identifier):
            return None
        deployments.set_target(tx, target.token, command="handed", attempt=target.attempt + 1, updated_at=now)
        tx.timer(TARGET, target.token, min(now + model.UNANSWERED_AFTER, target.since + model.START_WITHIN))
        return deployments.target(tx, target.token)

    def acknowledge(self, tx: Tx, target: Row, noop: bool, now: int) -> str:
        """The agent has the command and would run it; answers the status that tells it whether to."""
        if target.command == "running":
            return "InProgress"
        deployment = deployments.deployment(tx, target.deployment_id)
        if deployment is None or target.command != "handed":
            return "Failed"
        self._begin_event(tx, target, now)
        if not noop:
            return "InProgress"
        begun = deployments.target(tx, target.token)
        assert begun is not None
        self.complete(tx, deployment, begun, model.diagnostics({"error_code": 0, "message": "Succeeded"}), True, now)
        return "Succeeded"

    def _begin_event(self, tx: Tx, target: Row, now: int) -> None:
        steps = loads(target.events)
        steps[target.step] |= {"status": "InProgress", "startTime": now}
        deployments.set_target(tx, target.token, command="running", since=now, updated_at=now, events=dumps(steps))
        tx.timer(TARGET, target.token, now + model.EVENT_WITHIN)

    def complete(self, tx: Tx, deployment: Row, target: Row, report: Mapping[str, Any], ok: bool, now: int) -> None:
        """An event ended; offers the next, or ends the host."""
        steps = loads(target.events)
        event = steps[target.step]
        event |= {"status": "Succeeded" if ok else "Failed", "endTime": now, "diagnostics": dict(report)}
        event.setdefault("startTime", now)
        deployments.set_target(tx, target.token, events=dumps(steps), command="", updated_at=now)
        self._wake(tx, target)
        ignored = event["name"] == "ApplicationStop" and loads(deployment.body).get("ignoreApplicationStopFailures")
        if not ok and not ignored:
            self._end(tx, deployment, target, "Failed", now)
        elif target.step + 1 == len(steps):
            self._end(tx, deployment, target, "Succeeded", now)
        elif deployment.stopping or deployment.status in model.ENDED:
            self._end(tx, deployment, target, "Skipped", now)
        else:
            self._offer(tx, target, now, step=target.step + 1)

    def skip(self, tx: Tx, token: str, now: int) -> None:
        """Leave a host out that was not begun with."""
        target = deployments.target(tx, token)
        if target is not None and target.status == "Pending":
            steps = [step | {"status": "Skipped"} for step in loads(target.events)]
            deployments.set_target(tx, token, status="Skipped", events=dumps(steps), updated_at=now)

    def halt(self, tx: Tx, deployment: Row, token: str, fault: str | None, now: int) -> None:
        """End a host where it stands: as failed with that message, else as skipped."""
        target = deployments.target(tx, token)
        if target is None or target.status != "InProgress":
            return
        if fault:
            report = {"errorCode": "UnknownError", "scriptName": "", "message": fault, "logTail": ""}
            self.complete(tx, deployment, target, report, False, now)
        else:
            self._end(tx, deployment, target, "Skipped", now)

    def look(self, tx: Tx, token: str, now: int) -> None:
        """A host's timer rang: offer again what was never acknowledged, fail what did not begin or end in time."""
        target = deployments.target(tx, token)
        deployment = deployments.deployment(tx, target.deployment_id) if target else None
        if target is None or deployment is None or target.status != "InProgress":
            return
        limit = model.EVENT_WITHIN if target.command == "running" else model.START_WITHIN
        if now >= target.since + limit:
            message = model.NO_AGENT if target.command != "running" else "The lifecycle event did not end in time."
            self.halt(tx, deployment, token, message, now)
        elif target.command == "handed" and now >= target.updated_at + model.UNANSWERED_AFTER:
            self.offer_again(tx, target)
        else:
            tx.timer(TARGET, token, target.since + limit)

    def offer_again(self, tx: Tx, target: Row) -> None:
        """Offer a handed-out command that was not acknowledged; what was handed out is worth nothing from now on."""
        deployments.set_target(tx, target.token, command="offered", attempt=target.attempt + 1)
        tx.timer(TARGET, target.token, target.since + model.START_WITHIN)
        self._wake(tx, target)

    def _offer(self, tx: Tx, target: Row, now: int, *, step: int) -> None:
        deployments.set_target(tx, target.token, step=step, command="offered", since=now)
        tx.timer(TARGET, target.token, now + model.START_WITHIN)
        self._wake(tx, target)

    def _wake(self, tx: Tx, target: Row) -> None:
        region, identifier = target.region, target.identifier
        tx.after_commit(lambda: self._board.mark(region, identifier))

    def _end(self, tx: Tx, deployment: Row, target: Row, status: str, now: int) -> None:
        row = deployments.target(tx, target.token)
        assert row is not None
        steps = [s | {"status": "Skipped"} if s["status"] == "Pending" else s for s in loads(row.events)]
        deployments.set_target(tx, row.token, status=status, command="", events=dumps(steps), updated_at=now)
        tx.cancel_timer(TARGET, row.token)
        if status != "Skipped" or row.step > 0:
            healthy = status == "Succeeded"
            revision = deployment.revision_key if healthy else ""
            hosts.set_health(tx, deployment.group_id, row.name, revision, healthy, deployment.id)
        if status != "Skipped":
            self._announce(tx, deployment, row, status, now)
        tx.dirty(DEPLOYMENT, deployment.id)

    def _announce(self, tx: Tx, deployment: Row, target: Row, status: str, now: int) -> None:
        tx.emit(events.instance_changed(place_of(deployment), target.name, target.arn, status, now))
        triggers.instance(tx, deployment, target.token, status, now)
