"""From an event to its targets: fanning out inside the outbox's transaction, then one call for each delivery."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from codeyard.contract import AwsError
from codeyard.engine import EventRow, Kit
from codeyard.formats.moments import iso_z
from codeyard.platform.eventbridge import events, schedule, store, transform
from codeyard.platform.eventbridge.model import MAX_AGE_S, MAX_ATTEMPTS, Rule, Target, bus_arn
from codeyard.platform.eventbridge.pattern import RuleIndex
from codeyard.platform.eventbridge.targets import Invoker
from codeyard.storage import Tx, loads

DELIVER = "events.delivery"
SCHEDULE = "events.schedule"
_SECOND = 1_000_000
_FINAL = re.compile(
    r"NotFound|DoesNotExist|AccessDenied|AuthorizationError|Invalid|Validation|NotImplemented|Malformed"
)
_NOT_FINAL = re.compile(r"Limit|Throttl|Concurrent")


class Deliveries:
    """Matches events with rules and brings them to targets, at least once, by each target's retry policy."""

    def __init__(self, kit: Kit) -> None:
        self._kit, self._invoker = kit, Invoker(kit)
        self._indexes: dict[str, RuleIndex] = {}

    def fan_out(self, tx: Tx, event: EventRow) -> None:
        """Write a delivery for each target of each matching rule of the event's bus."""
        self.spread(tx, events.envelope(event), bus_arn(event.account, event.region, event.bus), forwarded=False)

    def spread(self, tx: Tx, event: Mapping[str, Any], bus: str, *, forwarded: bool) -> None:
        """The same for an envelope; one that another bus forwarded is not forwarded again."""
        index = self._index(tx, bus)
        if index is None:
            return
        for rule, targets in index.matching(event):
            self.enqueue(tx, event, rule, targets, forwarded=forwarded)

    def enqueue(
        self, tx: Tx, event: Mapping[str, Any], rule: Rule, targets: tuple[Target, ...], *, forwarded: bool
    ) -> None:
        """Write the deliveries of one rule."""
        for target in targets:
            if forwarded and ":event-bus/" in target.arn:
                continue
            name = hashlib.sha256(f"{rule.arn}\n{target.id}".encode()).hexdigest()[:16]
            delivery_id = f"{event['id']}-{name}"
            if store.add_delivery(tx, delivery_id, event, rule.arn, target, forwarded=forwarded, now=tx.now):
                tx.dirty(DELIVER, delivery_id)

    def _index(self, tx: Tx, bus: str) -> RuleIndex | None:
        version = store.bus_version(tx, bus)
        if version is None:
            return None
        known = self._indexes.get(bus)
        if known is not None and known.version == version:
            return known
        targets = store.targets_by_rule(tx, bus)
        wanted = [rule for rule in store.rules_of(tx, bus) if rule.enabled and rule.pattern and rule.arn in targets]
        made = RuleIndex(version, [(rule, targets[rule.arn]) for rule in wanted])
        # A transaction that is undone may have given its version to another change: only what is committed is kept.
        tx.after_commit(lambda: self._indexes.__setitem__(bus, made))
        return made

    def deliver(self, delivery_id: str) -> None:
        """Reconcile one delivery: make its call, or plan the next attempt, or park it."""
        row = self._kit.db.read(lambda tx: store.delivery(tx, delivery_id))
        if row is None or row.state != "open":
            return
        try:
            self._send(row)
        except AwsError as problem:
            self._failed(row, problem)
            return
        self._kit.db.write(lambda tx: store.close_delivery(tx, delivery_id))

    def _send(self, row: Any) -> None:
        event, target = loads(row.event), loads(row.target)
        name = row.rule_arn.rpartition("/")[2]
        text = transform.target_input(target, event, rule_arn=row.rule_arn, rule_name=name, ingested=iso_z(row.created))
        self._invoker.send(target, event, text, delivery_id=row.id, rule_arn=row.rule_arn)

    def _failed(self, row: Any, problem: AwsError) -> None:
        policy = loads(row.target).get("RetryPolicy") or {}
        attempts, now = row.attempts + 1, self._kit.clock.now()
        oldest = policy.get("MaximumEventAgeInSeconds", MAX_AGE_S) * _SECOND
        due = now + min(2 ** min(attempts - 1, 10), 900) * _SECOND
        tries = policy.get("MaximumRetryAttempts", MAX_ATTEMPTS)
        final = is_final(problem.code) or attempts > tries or due > row.created + oldest
        error = f"{problem.code}: {problem.message}"

        def write(tx: Tx) -> None:
            store.fail_delivery(tx, row.id, attempts, error, parked=final)
            if not final:
                tx.timer(DELIVER, row.id, due)

        self._kit.db.write(write)

    def fire(self, rule_arn: str) -> None:
        """Reconcile a scheduled rule: when it is due, deliver its event and set the next timer."""
        now = self._kit.clock.now()

        def write(tx: Tx) -> None:
            rule = store.rule(tx, rule_arn)
            if rule is None or not rule.enabled or not rule.schedule or not 0 < rule.next_at <= now:
                return
            parts = rule_arn.split(":")
            event = events.scheduled(rule_arn, parts[4], parts[3], rule.next_at)
            self.enqueue(tx, event, rule, tuple(store.targets_of(tx, rule_arn)), forwarded=False)
            plan(tx, rule, now)

        self._kit.db.write(write)


def plan(tx: Tx, rule: Rule, now: int) -> None:
    """Save a rule with its next time, and set or drop its timer."""
    following = schedule.parse(rule.schedule).next_after(now) if rule.schedule and rule.enabled else None
    facts = {name: getattr(rule, name) for name in Rule.__slots__}
    store.save_rule(tx, Rule(**{**facts, "next_at": following or 0}))
    if following:
        tx.timer(SCHEDULE, rule.arn, following)
    else:
        tx.cancel_timer(SCHEDULE, rule.arn)


def is_final(code: str) -> bool:
    """Whether trying again cannot help."""
    return _FINAL.search(code) is not None and _NOT_FINAL.search(code) is None
