"""Parameter Store of Systems Manager."""

from __future__ import annotations

from codeyard.contract import Part
from codeyard.engine import Kit
from codeyard.platform.ssm.access import ACCESS
from codeyard.platform.ssm.api import ParameterStore
from codeyard.platform.ssm.errors import error_for

__all__ = ["part"]


def part(kit: Kit) -> Part:
    """Parameter Store in the database, secure strings sealed."""
    return Part(service="ssm", api=ParameterStore(kit), access=ACCESS, errors=error_for)
