"""The operations of Secrets Manager, by noun."""

from __future__ import annotations

from codeyard.platform.secretsmanager.api.listings import Listings
from codeyard.platform.secretsmanager.api.policies import Policies
from codeyard.platform.secretsmanager.api.secrets import PURGE, Secrets
from codeyard.platform.secretsmanager.api.values import Values

__all__ = ["PURGE", "SecretsManager"]


class SecretsManager(Secrets, Values, Listings, Policies):
    """One method an operation."""
