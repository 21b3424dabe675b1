"""Organizations' operations: one class of all nouns."""

from __future__ import annotations

from codeyard.platform.organizations.api.accounts import AccountOperations
from codeyard.platform.organizations.api.organization import OrganizationOperations
from codeyard.platform.organizations.api.policies import PolicyOperations
from codeyard.platform.organizations.api.units import UnitOperations


class Organizations(OrganizationOperations, UnitOperations, AccountOperations, PolicyOperations):
    """The whole of Organizations' API, as far as it is built."""
