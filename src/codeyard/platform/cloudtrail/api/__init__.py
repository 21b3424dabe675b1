"""The operations of CloudTrail, by noun."""

from __future__ import annotations

from codeyard.platform.cloudtrail.api.descriptions import Descriptions
from codeyard.platform.cloudtrail.api.keys import PublicKeys
from codeyard.platform.cloudtrail.api.lookups import Lookups
from codeyard.platform.cloudtrail.api.selectors import Selectors
from codeyard.platform.cloudtrail.api.tags import Tagging
from codeyard.platform.cloudtrail.api.trails import Trails


class CloudTrail(Lookups, Trails, Descriptions, Selectors, Tagging, PublicKeys):
    """One method an operation."""
