"""When a key was last used: asked of the trail, where every use stands."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from codeyard.storage import loads
from codeyard.storage.system import audit, audit_resources

_USES = (
    "Decrypt",
    "DeriveSharedSecret",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "ReEncrypt",
    "Sign",
    "Verify",
    "VerifyMac",
    "Encapsulate",
    "Decapsulate",
)
_AT_ONCE = 50


def newest(tx: Any, key_arn: str) -> Any:
    """The trail's row of the newest use that succeeded, or None."""
    before: int | None = None
    while True:
        rows = tx.all(_page(key_arn, before))
        found = next((row for row in rows if "errorCode" not in loads(row.record)), None)
        if found is not None or len(rows) < _AT_ONCE:
            return found
        before = rows[-1].time


def _page(key_arn: str, before: int | None) -> sa.Select[Any]:
    joined = audit.join(audit_resources, audit.c.event_id == audit_resources.c.event_id)
    query = sa.select(audit.c.record, audit.c.time).select_from(joined)
    query = query.where(audit_resources.c.resource_name == key_arn, audit.c.event_source == "kms.amazonaws.com")
    if before is not None:
        query = query.where(audit_resources.c.time < before)
    return query.where(audit.c.event_name.in_(_USES)).order_by(audit_resources.c.time.desc()).limit(_AT_ONCE)
