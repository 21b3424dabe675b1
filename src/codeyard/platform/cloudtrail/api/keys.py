"""The public keys that digests are checked with."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import micros_of, moment
from codeyard.platform.cloudtrail.api.base import Base


class PublicKeys(Base):
    """ListPublicKeys."""

    def list_public_keys(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The keys that were in use within a time, in PKCS #1 DER; the current one when none is given."""
        if req.get("NextToken"):
            raise AwsError("InvalidTokenException", "The token is not valid.")
        end = micros_of(req["EndTime"]) if req.get("EndTime") else ctx.now
        start = micros_of(req["StartTime"]) if req.get("StartTime") else end
        if start > end:
            raise AwsError("InvalidTimeRangeException", "The start time must be before the end time.")
        return {"PublicKeyList": [_shown(row) for row in self._signing.within(start, end)]}


def _shown(row: Any) -> dict[str, Any]:
    return {
        "Value": bytes(row.public),
        "ValidityStartTime": moment(row.start),
        "ValidityEndTime": moment(row.until),
        "Fingerprint": row.fingerprint,
    }
