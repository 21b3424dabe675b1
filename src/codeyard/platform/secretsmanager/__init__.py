"""Secrets Manager: secrets with versions and stages, sealed."""

from __future__ import annotations

from codeyard.contract import Part
from codeyard.engine import Kit
from codeyard.platform.secretsmanager.access import access
from codeyard.platform.secretsmanager.api import PURGE, SecretsManager
from codeyard.platform.secretsmanager.errors import error_for

__all__ = ["part"]


def part(kit: Kit) -> Part:
    """Secrets Manager over the database."""
    api = SecretsManager(kit)
    return Part(
        service="secretsmanager",
        api=api,
        access=access(kit.db),
        errors=error_for,
        reconcilers={PURGE: api._purge},
    )
