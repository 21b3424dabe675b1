"""The operations of EventBridge, by noun."""

from __future__ import annotations

from codeyard.platform.eventbridge.api.buses import Buses
from codeyard.platform.eventbridge.api.putting import Putting
from codeyard.platform.eventbridge.api.rules import Rules
from codeyard.platform.eventbridge.api.tagging import Tagging
from codeyard.platform.eventbridge.api.targets import Targets


class EventBridge(Buses, Rules, Targets, Putting, Tagging):
    """One method an operation."""
