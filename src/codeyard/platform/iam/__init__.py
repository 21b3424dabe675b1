"""IAM: users, groups, roles, policies and keys. Its door, which decides on every call, is iam.door."""

from __future__ import annotations

from codeyard.contract import Part
from codeyard.engine import Kit
from codeyard.platform.iam.access import access_table
from codeyard.platform.iam.api import Iam
from codeyard.platform.iam.api.base import Membership
from codeyard.platform.iam.errors import error_for
from codeyard.platform.iam.managed import AwsManaged

__all__ = ["part"]


def part(kit: Kit, membership: Membership = lambda tx, account: None) -> Part:
    """IAM as main.py wires it; `membership` tells an account's organization."""
    return Part("iam", Iam(kit, AwsManaged(), membership), access_table(kit), error_for)
