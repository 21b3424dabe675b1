"""Rules: a pattern or a schedule on a bus."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.platform.eventbridge import model, schedule, store
from codeyard.platform.eventbridge.api.base import Base
from codeyard.platform.eventbridge.delivery import SCHEDULE, plan
from codeyard.platform.eventbridge.model import DEFAULT_BUS, Bus, Rule, invalid
from codeyard.platform.eventbridge.pattern import compile_pattern


class Rules(Base):
    """Operations on rules."""

    def put_rule(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Create or replace a rule; targets and tags of one that was there stay."""
        pattern, timing = req.get("EventPattern") or "", req.get("ScheduleExpression") or ""
        if not pattern and not timing:
            raise invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
        if pattern:
            compile_pattern(pattern)
        _check_schedule(timing)
        tags = model.tags_of(req.get("Tags") or ())

        def write(tx: Any) -> dict[str, Any]:
            bus = self._bus(ctx, tx, req.get("EventBusName"))
            if timing and bus.name != DEFAULT_BUS:
                raise invalid("ScheduleExpression is supported only on the default event bus.")
            arn = model.rule_arn(bus.arn, req["Name"])
            before = store.rule(tx, arn)
            if before is None and len(store.rules_of(tx, bus.arn, limit=model.MAX_RULES)) >= model.MAX_RULES:
                raise AwsError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
            made = Rule(
                arn,
                bus.arn,
                req["Name"],
                pattern,
                timing,
                req.get("State") or "ENABLED",
                req.get("Description") or "",
                req.get("RoleArn") or "",
                ctx.account,
                before.tags if before else tags,
                0,
            )
            plan(tx, made, ctx.now)
            store.touch_bus(tx, bus, ctx.now)
            return {"RuleArn": arn}

        return ctx.write(write)

    def describe_rule(self, ctx: Context, req: Params) -> dict[str, Any]:
        """One rule."""
        bus, rule = self._kit.db.read(lambda tx: self._rule(ctx, tx, req.get("EventBusName"), req["Name"]))
        return {**_shown(bus, rule), "CreatedBy": rule.created_by}

    def list_rules(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The rules of a bus in order of name."""
        prefix = req.get("NamePrefix") or ""
        asked = ("rules", prefix, req.get("EventBusName"))
        after = self._after(req, *asked)

        def read(tx: Any) -> tuple[Bus, list[Rule]]:
            bus = self._bus(ctx, tx, req.get("EventBusName"))
            return bus, store.rules_of(tx, bus.arn, after)

        bus, rules = self._kit.db.read(read)
        page, token = self._page([r for r in rules if r.name.startswith(prefix)], req, lambda r: r.name, *asked)
        return {"Rules": [_shown(bus, rule) for rule in page], **token}

    def list_rule_names_by_target(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The names of the rules that have a target."""
        asked = ("names", req["TargetArn"], req.get("EventBusName"))
        after = self._after(req, *asked)

        def read(tx: Any) -> list[str]:
            return store.rule_names_by_target(tx, self._bus(ctx, tx, req.get("EventBusName")).arn, req["TargetArn"])

        names = [name for name in self._kit.db.read(read) if name > after]
        page, token = self._page(names, req, str, *asked)
        return {"RuleNames": list(page), **token}

    def delete_rule(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a rule that has no targets; one that is not there is no error."""

        def write(tx: Any) -> dict[str, Any]:
            bus = self._bus(ctx, tx, req.get("EventBusName"))
            arn = model.rule_arn(bus.arn, req["Name"])
            if store.targets_of(tx, arn):
                raise invalid("Rule can't be deleted since it has targets.")
            store.delete_rule(tx, arn)
            tx.cancel_timer(SCHEDULE, arn)
            store.touch_bus(tx, bus, ctx.now)
            return {}

        return ctx.write(write)

    def enable_rule(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Let a rule act."""
        return self._set_state(ctx, req, "ENABLED")

    def disable_rule(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Stop a rule from acting."""
        return self._set_state(ctx, req, "DISABLED")

    def _set_state(self, ctx: Context, req: Params, state: str) -> dict[str, Any]:
        def write(tx: Any) -> dict[str, Any]:
            bus, rule = self._rule(ctx, tx, req.get("EventBusName"), req["Name"])
            plan(tx, replace(rule, state=state), ctx.now)
            store.touch_bus(tx, bus, ctx.now)
            return {}

        return ctx.write(write)


def _check_schedule(text: str) -> None:
    if not text:
        return
    try:
        schedule.parse(text)
    except schedule.ScheduleError:
        raise invalid("Parameter ScheduleExpression is not valid.") from None


def _shown(bus: Bus, rule: Rule) -> dict[str, Any]:
    shown = {"Name": rule.name, "Arn": rule.arn, "State": rule.state, "EventBusName": bus.name}
    optional = {
        "EventPattern": rule.pattern,
        "ScheduleExpression": rule.schedule,
        "Description": rule.description,
        "RoleArn": rule.role_arn,
    }
    return {**shown, **{name: value for name, value in optional.items() if value}}
