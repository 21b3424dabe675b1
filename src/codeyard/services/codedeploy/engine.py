"""Deployments as level-triggered work: read the rows, decide, write. Woken by dirty rows and timers."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError
from codeyard.engine import Kit
from codeyard.services.codedeploy import events, model, revisions, triggers
from codeyard.services.codedeploy.board import Board
from codeyard.services.codedeploy.lifecycle import DEPLOYMENT, TARGET, Lifecycle, place_of
from codeyard.services.codedeploy.model import Fault
from codeyard.services.codedeploy.store import catalog, deployments, hosts
from codeyard.storage import Row, Tx, dumps, loads

_ROLE_MISSING = "The role {role} cannot be found or does not let CodeDeploy assume it: {why}"


def new_id(kit: Kit) -> str:
    """A deployment id, such as d-A1B2C3D4E."""
    return f"d-{kit.ids.token(9)}"


class DeploymentEngine:
    """Starts deployments, keeps as many hosts busy as the health rules let it, and ends them."""

    def __init__(self, kit: Kit, board: Board) -> None:
        self._kit, self._board = kit, board
        self.lifecycle = Lifecycle(board)

    def recover(self) -> None:
        """At start: hosts whose command waits may poll; what was handed out and not acknowledged is offered anew."""

        def again(tx: Tx) -> None:
            for target in deployments.waiting(tx):
                if target.command == "handed":
                    self.lifecycle.offer_again(tx, target)
                else:
                    self._mark_later(tx, target)

        if self._kit.db.read(deployments.waiting):
            self._kit.db.write(again)

    def _mark_later(self, tx: Tx, target: Row) -> None:
        region, identifier = target.region, target.identifier
        tx.after_commit(lambda: self._board.mark(region, identifier))

    def deployment(self, key: str) -> None:
        """Look at one deployment and take its next step."""
        row = self._kit.db.read(lambda tx: deployments.deployment(tx, key))
        if row is None or row.status in model.ENDED:
            return
        fault = self._role_fault(row) if row.status == "Created" else None
        self._kit.db.write(lambda tx: self._step(tx, key, fault))

    def target(self, key: str) -> None:
        """A host's timer rang."""
        self._kit.db.write(lambda tx: self.lifecycle.look(tx, key, self._kit.clock.now()))

    def _role_fault(self, row: Row) -> Fault | None:
        """Assume the group's service role, as CodeDeploy does before it reads a fleet."""
        group = self._kit.db.read(lambda tx: catalog.group_by_id(tx, row.group_id))
        if group is None:
            return Fault("DEPLOYMENT_GROUP_MISSING", "The deployment group was deleted.")
        role = loads(group.body)["serviceRoleArn"]
        try:
            self._kit.clients.as_role(
                role,
                service="codedeploy.amazonaws.com",
                region=row.region,
                session_name=row.id,
                source_arn=place_of(row).group_arn,
            ).call("sts", "GetCallerIdentity", {})
        except AwsError as error:
            return Fault("IAM_ROLE_MISSING", _ROLE_MISSING.format(role=role, why=error.message or error.code))
        return None

    def _step(self, tx: Tx, key: str, fault: Fault | None) -> None:
        now = self._kit.clock.now()
        row = deployments.deployment(tx, key)
        if row is None or row.status in model.ENDED:
            return
        if row.status == "Created":
            fault = self._begin(tx, row, now) if fault is None else fault
            if fault is not None:
                self._end(tx, row, "Failed", fault, now)
                return
            row = deployments.deployment(tx, key)
            assert row is not None
        self._advance(tx, row, now)

    def _begin(self, tx: Tx, row: Row, now: int) -> Fault | None:
        group = catalog.group_by_id(tx, row.group_id)
        if group is None:
            return Fault("DEPLOYMENT_GROUP_MISSING", "The deployment group was deleted.")
        body = loads(row.body)
        chosen = self._choose(tx, row, group, body)
        if not chosen:
            return Fault("NO_INSTANCES", model.NO_INSTANCES)
        if len(chosen) > model.MAX_TARGETS:
            return Fault("OVER_MAX_INSTANCES", f"The deployment has more than {model.MAX_TARGETS} instances.")
        for host, standing in chosen:
            self._add_target(tx, row, host, standing, now)
        minimum = model.minimum_healthy(body["minimumHealthyHosts"], len(chosen))
        deployments.set_deployment(tx, row.id, status="InProgress", minimum=minimum, started_at=now)
        tx.timer(DEPLOYMENT, row.id, now + model.DEPLOYMENT_WITHIN)
        tx.emit(events.deployment_changed(place_of(row), "InProgress", now))
        triggers.deployment(tx, row, "InProgress", now)
        return None

    def _choose(self, tx: Tx, row: Row, group: Row, body: dict[str, Any]) -> list[tuple[Row, str]]:
        wanted, health = loads(group.body), hosts.health_of(tx, group.id)
        filters = wanted.get("onPremisesInstanceTagFilters") or []
        sets = (wanted.get("onPremisesTagSet") or {}).get("onPremisesTagSetList")
        chosen = []
        for host in hosts.instances_of(tx, (row.account, row.region)):
            if host.deregistered_at is not None or not model.selected(filters, sets, hosts.tags_of(host)):
                continue
            standing = model.standing(health.get(host.name), row.revision_key)
            if not (body.get("updateOutdatedInstancesOnly") and standing == "current"):
                chosen.append((host, standing))
        return chosen

    def _add_target(self, tx: Tx, row: Row, host: Row, standing: str, now: int) -> None:
        deployments.add_target(
            tx,
            token=self._kit.ids.uuid(),
            deployment_id=row.id,
            region=row.region,
            name=host.name,
            arn=host.arn,
            identifier=host.iam_user_arn or host.iam_session_arn,
            standing=standing,
            status="Pending",
            events=dumps(model.order_of_events()),
            step=0,
            command="",
            attempt=0,
            since=now,
            updated_at=now,
        )

    def _advance(self, tx: Tx, row: Row, now: int) -> None:
        changes = model.decide(self._fleet(tx, row), now)
        for token in changes.start:
            self.lifecycle.start(tx, row, token, now)
        for token in changes.skip:
            self.lifecycle.skip(tx, token, now)
        for token in changes.halt:
            self.lifecycle.halt(tx, row, token, changes.fault.message if changes.fault else None, now)
        fault = changes.fault or _fault_of(row)
        if changes.end:
            self._end(tx, row, changes.end, fault, now)
        elif changes.fault:
            deployments.set_deployment(tx, row.id, fault=_fault_text(changes.fault))

    def _fleet(self, tx: Tx, row: Row) -> model.Fleet:
        members = [
            model.Host(t.token, t.status, t.standing, t.command in ("handed", "running"))
            for t in deployments.statuses(tx, row.id)
        ]
        deadline = (row.started_at or row.created_at) + model.DEPLOYMENT_WITHIN
        return model.Fleet(members, row.minimum, deadline, bool(row.stopping), _fault_of(row))

    def _end(self, tx: Tx, row: Row, status: str, fault: Fault | None, now: int) -> None:
        if status == "Stopped":
            fault = Fault("MANUAL_STOP", "The deployment was stopped by a user.")
        values = {"status": status, "completed_at": now, "fault": _fault_text(fault) if status != "Succeeded" else None}
        deployments.set_deployment(tx, row.id, **values)
        tx.cancel_timer(DEPLOYMENT, row.id)
        if status == "Succeeded" and catalog.group_by_id(tx, row.group_id) is not None:
            catalog.set_group(tx, row.group_id, revision=row.revision, last_successful=row.id)
        ended = deployments.deployment(tx, row.id)
        assert ended is not None
        tx.emit(events.deployment_changed(place_of(row), status, now))
        triggers.deployment(tx, ended, status, now)
        if status != "Succeeded":
            self._roll_back(tx, ended, now)

    def _roll_back(self, tx: Tx, row: Row, now: int) -> None:
        body, group = loads(row.body), catalog.group_by_id(tx, row.group_id)
        cause = "DEPLOYMENT_STOP_ON_REQUEST" if row.status == "Stopped" else "DEPLOYMENT_FAILURE"
        wanted = body.get("rollbackOnStop") if row.status == "Stopped" else None
        if wanted is None:
            wanted = model.rolls_back(body.get("autoRollbackConfiguration"), cause)
        if not wanted or group is None:
            return
        if body["creator"] == "codeDeployRollback":
            self._note_rollback(tx, row, {"rollbackMessage": "A rollback deployment is not rolled back itself."})
            return
        if group.revision is None:
            self._note_rollback(tx, row, {"rollbackMessage": "There is no revision that was deployed successfully."})
            return
        new = self._add_rollback(tx, row, group, body, now)
        message = f"Deployment {new} deploys the last revision that was deployed successfully."
        self._note_rollback(tx, row, {"rollbackDeploymentId": new, "rollbackMessage": message})

    def _note_rollback(self, tx: Tx, row: Row, info: dict[str, str]) -> None:
        body = loads(row.body)
        body["rollbackInfo"] = (body.get("rollbackInfo") or {}) | info
        deployments.set_deployment(tx, row.id, body=dumps(body))

    def _add_rollback(self, tx: Tx, row: Row, group: Row, body: dict[str, Any], now: int) -> str:
        new = new_id(self._kit)
        reason = f"Deployment {row.id} ended as {row.status}."
        kept = {
            k: v for k, v in body.items() if k not in ("rollbackInfo", "description", "updateOutdatedInstancesOnly")
        }
        info = {"rollbackTriggeringDeploymentId": row.id, "rollbackMessage": reason}
        last = deployments.deployment(tx, group.last_successful) if group.last_successful else None
        key = last.revision_key if last else revisions.key(loads(group.revision))
        add(
            tx,
            new,
            group,
            group.revision,
            key,
            kept | {"creator": "codeDeployRollback", "rollbackInfo": info, "previousRevision": loads(row.revision)},
            now,
        )
        added = deployments.deployment(tx, new)
        assert added is not None
        triggers.deployment(tx, added, "Rollback", now)
        return new


def add(tx: Tx, new: str, group: Row, revision: str, key: str, body: dict[str, Any], now: int) -> None:
    """Insert a deployment to a group and have the engine look at it."""
    deployments.add_deployment(
        tx,
        id=new,
        account=group.account,
        region=group.region,
        application=group.application,
        group_name=group.name,
        group_id=group.id,
        status="Created",
        revision=revision,
        revision_key=key,
        body=dumps(body),
        minimum=0,
        stopping=0,
        created_at=now,
    )
    catalog.set_group(tx, group.id, last_attempted=new)
    tx.dirty(DEPLOYMENT, new)


def _fault_of(row: Row) -> Fault | None:
    return Fault(**loads(row.fault)) if row.fault else None


def _fault_text(fault: Fault | None) -> str | None:
    return dumps({"code": fault.code, "message": fault.message}) if fault else None


__all__ = ["DEPLOYMENT", "TARGET", "DeploymentEngine", "add", "new_id"]
