"""The operations of CloudWatch Logs, by noun."""

from __future__ import annotations

from codeyard.platform.cloudwatch_logs.api.events import Events
from codeyard.platform.cloudwatch_logs.api.groups import Groups
from codeyard.platform.cloudwatch_logs.api.policies import Policies
from codeyard.platform.cloudwatch_logs.api.search import Search
from codeyard.platform.cloudwatch_logs.api.streams import Streams


class CloudWatchLogs(Groups, Streams, Events, Search, Policies):
    """One method an operation."""
