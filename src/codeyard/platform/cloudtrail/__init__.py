"""CloudTrail: the record of every call, looking it up, and delivering it to where nobody can change it unseen."""

from __future__ import annotations

from codeyard.contract import Part
from codeyard.engine import Kit
from codeyard.platform.cloudtrail.access import access
from codeyard.platform.cloudtrail.api import CloudTrail
from codeyard.platform.cloudtrail.delivery import NOTIFY
from codeyard.platform.cloudtrail.destinations import Topics
from codeyard.platform.cloudtrail.engine import KIND, Delivering
from codeyard.platform.cloudtrail.errors import error_for
from codeyard.platform.cloudtrail.following import Following
from codeyard.platform.cloudtrail.signing import Signing

__all__ = ["Following", "part"]


def part(kit: Kit, following: Following | None = None) -> Part:
    """CloudTrail over the trail that the gateway writes; `following` knows which records the trails want."""
    signing, following = Signing(kit), following or Following(kit.db)
    return Part(
        service="cloudtrail",
        api=CloudTrail(kit, signing),
        access=access(kit.db),
        errors=error_for,
        reconcilers={KIND: Delivering(kit, signing).reconcile},
        effects={NOTIFY: Topics(kit).notify},
        on_start=following.start,
    )
