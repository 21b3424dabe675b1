"""EventBridge: buses, rules, targets and schedules over the outbox."""

from __future__ import annotations

from collections.abc import Iterable

from codeyard.contract import Part
from codeyard.engine import Kit
from codeyard.platform.eventbridge.access import access
from codeyard.platform.eventbridge.api import EventBridge
from codeyard.platform.eventbridge.delivery import DELIVER, SCHEDULE, Deliveries
from codeyard.platform.eventbridge.errors import error_for
from codeyard.platform.eventbridge.internal import InternalBus, Subscriber, Subscription

__all__ = ["Subscription", "part"]


def part(kit: Kit, subscribers: Iterable[Subscriber] = ()) -> Part:
    """EventBridge hearing every event of the outbox, with in-process subscribers beside the rules."""
    deliveries, inside = Deliveries(kit), InternalBus(subscribers)
    kit.outbox.register(deliveries.fan_out)
    kit.outbox.register(inside.fan_out)
    return Part(
        service="events",
        api=EventBridge(kit, deliveries),
        access=access(kit.db),
        errors=error_for,
        doors=frozenset({"ForwardEvent"}),
        reconcilers={DELIVER: deliveries.deliver, SCHEDULE: deliveries.fire},
        effects=inside.effects(),
    )
