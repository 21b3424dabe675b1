"""What KMS does by itself, as the trail tells of it: deletions, rotations and expiries that fell due.

The records are those of the developer guide's "Logging AWS KMS API calls with AWS CloudTrail": service events, whose
caller is AWS itself.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from codeyard.engine import Kit
from codeyard.platform.kms.model import Key

_INTERNAL = "AWS Internal"


def tell(tx: Any, kit: Kit, key: Key, name: str, **details: str) -> None:
    """Put an event of a key on its account's trail, with what was done in the same transaction."""
    now = kit.clock.now()
    record = {
        "eventVersion": "1.11",
        "userIdentity": {"accountId": key.account, "invokedBy": _INTERNAL},
        "eventTime": datetime.fromtimestamp(now // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "kms.amazonaws.com",
        "eventName": name,
        "awsRegion": key.region,
        "sourceIPAddress": _INTERNAL,
        "userAgent": _INTERNAL,
        "requestParameters": None,
        "responseElements": None,
        "eventID": kit.ids.uuid(),
        "readOnly": False,
        "resources": [{"accountId": key.account, "type": "AWS::KMS::Key", "ARN": key.arn}],
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": key.account,
        "serviceEventDetails": {"keyId": key.id, **details},
        "eventCategory": "Management",
    }
    tx.audit(record, now)
