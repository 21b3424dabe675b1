"""What each operation of EventBridge needs; sending to a bus also asks the bus's own policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from codeyard.contract import Access, Check, Params, Scope, anywhere, pass_role, request_tags, text
from codeyard.platform.eventbridge import store
from codeyard.platform.eventbridge.model import HOST, bus_arn, rule_arn
from codeyard.storage import Database


def access(db: Database) -> dict[str, Access]:
    """The access table; PutEvents looks bus policies up."""
    return {
        **{
            name: _on_bus(name, "Name")
            for name in ("CreateEventBus", "DescribeEventBus", "DeleteEventBus", "UpdateEventBus")
        },
        **{name: _on_bus(name, "EventBusName") for name in ("PutPermission", "RemovePermission")},
        **{name: _on_rule(name, "Name") for name in ("DescribeRule", "DeleteRule", "EnableRule", "DisableRule")},
        **{name: _on_rule(name, "Rule") for name in ("RemoveTargets", "ListTargetsByRule")},
        **{name: _on_tagged(name) for name in ("TagResource", "UntagResource", "ListTagsForResource")},
        **{name: anywhere(f"events:{name}") for name in ("ListEventBuses", "ListRules", "ListRuleNamesByTarget")},
        "TestEventPattern": anywhere("events:TestEventPattern"),
        "PutRule": _put_rule,
        "PutTargets": _put_targets,
        "PutEvents": _put_events(db),
        "ForwardEvent": _forward(db),
    }


def _bus(scope: Scope, given: str) -> str:
    return bus_arn(scope.account, scope.region, given)


def _rule(scope: Scope, params: Params, member: str) -> str:
    return rule_arn(_bus(scope, text(params, "EventBusName")), text(params, member) or "*")


def _on_bus(operation: str, member: str) -> Access:
    return lambda scope, params: (
        Check(f"events:{operation}", _bus(scope, text(params, member)), request_tags(params)),
    )


def _on_rule(operation: str, member: str) -> Access:
    return lambda scope, params: (Check(f"events:{operation}", _rule(scope, params, member)),)


def _on_tagged(operation: str) -> Access:
    return lambda scope, params: (
        Check(f"events:{operation}", text(params, "ResourceARN") or "*", request_tags(params)),
    )


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list | tuple) else []


def _put_rule(scope: Scope, params: Params) -> Iterable[Check]:
    yield Check("events:PutRule", _rule(scope, params, "Name"), request_tags(params))
    if role := text(params, "RoleArn"):
        yield pass_role(role, HOST)


def _put_targets(scope: Scope, params: Params) -> Iterable[Check]:
    targets = _objects(params.get("Targets"))
    arns = [text(target, "Arn") for target in targets if text(target, "Arn")]
    keys: dict[str, str | list[str]] = {"events:TargetArn": arns} if arns else {}
    yield Check("events:PutTargets", _rule(scope, params, "Rule"), keys)
    for role in dict.fromkeys(text(target, "RoleArn") for target in targets):
        if role:
            yield pass_role(role, HOST)


def _policy(db: Database, arn: str) -> str | None:
    found: Any = db.read(lambda tx: store.bus(tx, arn))
    return found.policy or None if found is not None else None


def _put_events(db: Database) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        entries = _objects(params.get("Entries"))[:10]
        policies: dict[str, str | None] = {}
        found = []
        for entry in entries:
            arn = _bus(scope, text(entry, "EventBusName"))
            if arn not in policies:
                policies[arn] = _policy(db, arn)
            keys = {"events:source": text(entry, "Source"), "events:detail-type": text(entry, "DetailType")}
            given = {key: value for key, value in keys.items() if value}
            found.append(Check("events:PutEvents", arn, given, policies[arn]))
        return found or (Check("events:PutEvents", _bus(scope, "")),)

    return checks


def _forward(db: Database) -> Access:
    def checks(scope: Scope, params: Params) -> Iterable[Check]:
        arn = _bus(scope, text(params, "EventBusName"))
        return (Check("events:PutEvents", arn, {}, _policy(db, arn)),)

    return checks
