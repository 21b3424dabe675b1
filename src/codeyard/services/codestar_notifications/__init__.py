"""Notifications of the developer tools: rules that tell SNS topics of what happens to a resource."""

from __future__ import annotations

from codeyard.contract import Part
from codeyard.engine import Kit
from codeyard.services.codestar_notifications.access import access
from codeyard.services.codestar_notifications.api import CodestarNotifications
from codeyard.services.codestar_notifications.delivery import NOTIFY, Notifier
from codeyard.services.codestar_notifications.errors import error_for

__all__ = ["part"]


def part(kit: Kit) -> Part:
    """The notification service, hearing every event of the outbox."""
    notifier = Notifier(kit)
    kit.outbox.register(notifier.fan_out)
    return Part(
        service="codestar-notifications",
        api=CodestarNotifications(kit),
        access=access(kit.db),
        errors=error_for,
        effects={NOTIFY: notifier.send},
    )
