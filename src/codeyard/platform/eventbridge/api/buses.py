"""Event buses and who may send to them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from codeyard.contract import AwsError, Context, Params, not_implemented
from codeyard.formats.moments import moment
from codeyard.platform.eventbridge import model, store
from codeyard.platform.eventbridge.api.base import Base
from codeyard.platform.eventbridge.model import DEFAULT_BUS, Bus, invalid

_UNBUILT = ("EventSourceName", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig")


class Buses(Base):
    """Operations on buses."""

    def create_event_bus(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Create a custom bus; ResourceAlreadyExistsException when it is there."""
        _refuse_unbuilt(req, "CreateEventBus")
        name, tags = req["Name"], model.tags_of(req.get("Tags") or ())
        if "/" in name:
            raise invalid("Event bus name must not contain '/'.")
        arn, description = model.bus_arn(ctx.account, ctx.region, name), req.get("Description", "")

        def write(tx: Any) -> dict[str, Any]:
            if store.bus(tx, arn) is not None:
                raise AwsError("ResourceAlreadyExistsException", f"Event bus {name} already exists.")
            if len(store.buses_of(tx, ctx.account, ctx.region)) >= model.MAX_BUSES:
                raise AwsError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
            store.save_bus(
                tx, Bus(arn, ctx.account, ctx.region, name, description, "", tags, ctx.now, ctx.now, ctx.now)
            )
            return {"EventBusArn": arn, **({"Description": description} if description else {})}

        return ctx.write(write)

    def update_event_bus(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Change a bus's description."""
        _refuse_unbuilt(req, "UpdateEventBus")

        def write(tx: Any) -> dict[str, Any]:
            bus = self._bus(ctx, tx, req.get("Name"))
            changed = replace(bus, description=req.get("Description", ""), modified=ctx.now)
            store.save_bus(tx, changed)
            answer = {"Arn": bus.arn, "Name": bus.name}
            return {**answer, "Description": changed.description} if changed.description else answer

        return ctx.write(write)

    def describe_event_bus(self, ctx: Context, req: Params) -> dict[str, Any]:
        """A bus with its policy; the default one when none is named."""
        return _shown(self._kit.db.read(lambda tx: self._bus(ctx, tx, req.get("Name"))))

    def list_event_buses(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The buses of the account, the default one included."""
        prefix = req.get("NamePrefix", "")
        after = self._after(req, "buses", prefix)

        def read(tx: Any) -> list[Bus]:
            default = self._bus(ctx, tx, DEFAULT_BUS)
            rest = [bus for bus in store.buses_of(tx, ctx.account, ctx.region) if bus.name != DEFAULT_BUS]
            return sorted([default, *rest], key=lambda bus: bus.name)

        found = [bus for bus in self._kit.db.read(read) if bus.name.startswith(prefix) and bus.name > after]
        page, token = self._page(found, req, lambda bus: bus.name, "buses", prefix)
        return {"EventBuses": [_shown(bus) for bus in page], **token}

    def delete_event_bus(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a custom bus without rules; one that is not there is no error."""
        if req["Name"] == DEFAULT_BUS:
            raise invalid("Cannot delete event bus default.")
        arn = model.bus_arn(ctx.account, ctx.region, req["Name"])

        def write(tx: Any) -> dict[str, Any]:
            if store.rules_of(tx, arn, limit=1):
                raise invalid(f"Event bus {req['Name']} can't be deleted since it has rules.")
            store.delete_bus(tx, arn)
            return {}

        return ctx.write(write)

    def put_permission(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Set a bus's whole policy, or add one statement that lets an account in."""
        whole = req.get("Policy")
        if whole is not None:
            if any(req.get(member) for member in ("Action", "Principal", "StatementId", "Condition")):
                raise invalid("Parameter Policy cannot be used together with other parameters.")
            model.check_policy(whole)

        def write(tx: Any) -> dict[str, Any]:
            bus = self._bus(ctx, tx, req.get("EventBusName"))
            policy = whole if whole is not None else _with_statement(bus, req)
            model.check_policy(policy)
            store.save_bus(tx, replace(bus, policy=policy, modified=ctx.now))
            return {}

        return ctx.write(write)

    def remove_permission(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Take one statement, or the whole policy, off a bus."""

        def write(tx: Any) -> dict[str, Any]:
            bus = self._bus(ctx, tx, req.get("EventBusName"))
            store.save_bus(tx, replace(bus, policy=_without_statement(bus, req), modified=ctx.now))
            return {}

        return ctx.write(write)


def _refuse_unbuilt(req: Params, operation: str) -> None:
    for member in _UNBUILT:
        if req.get(member):
            raise not_implemented("events", f"{operation} with {member}")


def _statements(bus: Bus) -> list[dict[str, Any]]:
    found = json.loads(bus.policy)["Statement"] if bus.policy else []
    return found if isinstance(found, list) else [found]


def _with_statement(bus: Bus, req: Params) -> str:
    made = model.permission(bus.arn, req)
    kept = [one for one in _statements(bus) if one.get("Sid") != made["Sid"]]
    return json.dumps({"Version": "2012-10-17", "Statement": [*kept, made]})


def _without_statement(bus: Bus, req: Params) -> str:
    if req.get("RemoveAllPermissions"):
        return ""
    before = _statements(bus)
    if not before:
        raise AwsError("ResourceNotFoundException", "EventBus does not have a policy.")
    kept = [one for one in before if one.get("Sid") != req.get("StatementId")]
    if not req.get("StatementId") or len(kept) == len(before):
        raise AwsError("ResourceNotFoundException", "Statement with the provided id does not exist.")
    return json.dumps({"Version": "2012-10-17", "Statement": kept}) if kept else ""


def _shown(bus: Bus) -> dict[str, Any]:
    shown: dict[str, Any] = {"Name": bus.name, "Arn": bus.arn}
    if bus.description:
        shown["Description"] = bus.description
    if bus.policy:
        shown["Policy"] = bus.policy
    if bus.created:
        shown |= {"CreationTime": moment(bus.created), "LastModifiedTime": moment(bus.modified)}
    return shown
