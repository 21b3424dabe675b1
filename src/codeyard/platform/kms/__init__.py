"""Key Management Service: keys that never leave it, policies and grants on them, and what they encrypt and sign."""

from __future__ import annotations

from codeyard.contract import Part
from codeyard.engine import Kit
from codeyard.platform.kms.access import Doorkeeper
from codeyard.platform.kms.api import DELETION, EXPIRY, Kms
from codeyard.platform.kms.errors import error_for
from codeyard.platform.kms.finding import ROTATION, ManagedKeys

__all__ = ["part"]


def part(kit: Kit) -> Part:
    """KMS over the database, its key material sealed under the root key."""
    managed = ManagedKeys(kit)
    api = Kms(kit, managed)
    return Part(
        service="kms",
        api=api,
        access=Doorkeeper(kit, managed).table(),
        errors=error_for,
        reconcilers={ROTATION: api._rotate_due, DELETION: api._delete_due, EXPIRY: api._expire},
    )
