"""Organizations: accounts under one root, and the service control policies that bound what they may do."""

from __future__ import annotations

from codeyard.contract import Part
from codeyard.engine import Kit
from codeyard.platform.organizations.access import access_table
from codeyard.platform.organizations.api import Organizations
from codeyard.platform.organizations.errors import error_for
from codeyard.platform.organizations.guardrails import guardrails, membership
from codeyard.platform.organizations.model import Accounts

__all__ = ["guardrails", "membership", "part"]


def part(kit: Kit, accounts: Accounts) -> Part:
    """Organizations as main.py wires it, over IAM's way of opening accounts."""
    return Part("organizations", Organizations(kit, accounts), access_table(kit), error_for)
