"""The API of the notification service."""

from __future__ import annotations

from codeyard.services.codestar_notifications.api.listings import Listings
from codeyard.services.codestar_notifications.api.rules import Rules
from codeyard.services.codestar_notifications.api.tagging import Tagging
from codeyard.services.codestar_notifications.api.targets import Targets


class CodestarNotifications(Rules, Listings, Tagging, Targets):
    """All 13 operations."""
