"""What an organization lets an account do: one set of policies for each level from the root down to the account."""

from __future__ import annotations

from codeyard.platform.organizations import store
from codeyard.platform.organizations.model import Organization
from codeyard.storage import Tx

Levels = tuple[tuple[str, ...], ...]


def guardrails(tx: Tx, account: str) -> Levels | None:
    """The policies' texts, level by level; None where nothing bounds the account: it belongs to no organization, it is
    the management account, or service control policies are not enabled."""
    org = store.organization_of(tx, account)
    if org is None or not org.scp or org.management == account:
        return None
    texts = {one.id: one.content for one in store.policies_of(tx, org.id)}
    held = store.attached(tx, org.id)
    levels = (*parents_of(tx, org, account), account)
    return tuple(tuple(texts[one] for one in held.get(level, ()) if one in texts) for level in levels)


def membership(tx: Tx, account: str) -> tuple[str, bool] | None:
    """(the organization's id, whether the account manages it); None for an account of its own."""
    org = store.organization_of(tx, account)
    return None if org is None else (org.id, org.management == account)


def parents_of(tx: Tx, org: Organization, child: str) -> tuple[str, ...]:
    """The ids from the root down to the child's own parent."""
    above = {one.id: one.parent for one in store.units_of(tx, org.id)}
    found = store.member(tx, org.id, child)
    here = found.parent if found is not None else above.get(child, "")
    chain: list[str] = []
    while here:
        chain.insert(0, here)
        here = above.get(here, "")
    return tuple(chain)
