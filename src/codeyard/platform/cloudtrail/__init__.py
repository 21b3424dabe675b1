"""CloudTrail: the record of every call, and looking it up."""

from __future__ import annotations

from codeyard.contract import Part
from codeyard.engine import Kit
from codeyard.platform.cloudtrail.access import ACCESS
from codeyard.platform.cloudtrail.api import CloudTrail
from codeyard.platform.cloudtrail.errors import error_for

__all__ = ["part"]


def part(kit: Kit) -> Part:
    """CloudTrail over the trail that the gateway writes."""
    return Part(service="cloudtrail", api=CloudTrail(kit), access=ACCESS, errors=error_for)
