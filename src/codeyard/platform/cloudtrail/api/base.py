"""What CloudTrail's operations share: finding the trail that a name or an ARN means."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context
from codeyard.engine import Kit
from codeyard.platform.cloudtrail import model
from codeyard.platform.cloudtrail.model import Trail
from codeyard.platform.cloudtrail.signing import Signing
from codeyard.platform.cloudtrail.store import trails


class Base:
    """Holds the kit."""

    def __init__(self, kit: Kit, signing: Signing) -> None:
        self._kit, self._signing = kit, signing

    def _trail(self, ctx: Context, given: str) -> Trail:
        """A trail of the account that is seen from the region; TrailNotFoundException where there is none."""
        return self._kit.db.read(lambda tx: trail_in(tx, ctx, given))


def trail_in(tx: Any, ctx: Context, given: str) -> Trail:
    """The trail of that name at home here, or of that ARN; a multi-region one is seen from everywhere."""
    account, region, name = model.reference(given, ctx.account, ctx.region)
    found = trails.named(tx, account, region, name) if account == ctx.account else None
    if found is None or (found.region != ctx.region and not found.everywhere):
        raise model.unknown(given, ctx.account, ctx.region)
    return found


def own_trail_in(tx: Any, ctx: Context, given: str) -> Trail:
    """The trail to change; InvalidHomeRegionException away from its home."""
    account, region, name = model.reference(given, ctx.account, ctx.region)
    found = trails.named(tx, account, region, name) if account == ctx.account else None
    if found is None and not given.startswith("arn:"):
        others = [one for one in trails.of_account(tx, ctx.account) if one.name == name and one.everywhere]
        found = others[0] if others else None
    if found is None:
        raise model.unknown(given, ctx.account, ctx.region)
    if found.region != ctx.region:
        text = f"The trail {found.arn} can only be changed in its home region, {found.region}."
        raise AwsError("InvalidHomeRegionException", text)
    return found
