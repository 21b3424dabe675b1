"""The operations of SNS, by noun."""

from __future__ import annotations

from codeyard.platform.sns.api.publishing import Publishing
from codeyard.platform.sns.api.subscriptions import Subscriptions
from codeyard.platform.sns.api.topics import Topics


class Sns(Topics, Subscriptions, Publishing):
    """One method an operation."""
