"""The operations of KMS, by subject."""

from __future__ import annotations

from codeyard.platform.kms.api.aliases import Aliases
from codeyard.platform.kms.api.datakeys import DataKeys
from codeyard.platform.kms.api.grants import Grants
from codeyard.platform.kms.api.importing import EXPIRY, Importing
from codeyard.platform.kms.api.lifecycle import DELETION, Lifecycle
from codeyard.platform.kms.api.policies import Policies
from codeyard.platform.kms.api.rotation import Rotation
from codeyard.platform.kms.api.signing import Signing

__all__ = ["DELETION", "EXPIRY", "Kms"]


class Kms(Policies, Aliases, Grants, Lifecycle, Rotation, Importing, DataKeys, Signing):
    """One method an operation."""
