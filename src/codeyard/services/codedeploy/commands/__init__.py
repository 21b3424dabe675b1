"""The host command API: what the agent on a host speaks with this service (its own endpoint, its own model)."""

from codeyard.services.codedeploy.commands.api import HostCommands

__all__ = ["HostCommands"]
